"""The two guarantees about evaluating people hold in many wordings; ordinary pages are not mistaken for evaluations."""

from pathlib import Path

import pytest
from edits import append, findings

FORM = "docs/performance-expectations.md"
FILLED = [
    "Role and period: ML engineer, 2026 H1\nExpectations set at the start: performance plan\nApprover: Grace\n",
    "Role and period: data scientist, Q3\nTechnical quality (links): #12, #40\nGrowth and next steps: more tests\n",
    "# Evaluation\n\nName of the person: Ada\nPeriod: 2026\nRating: 4\n",
    "# Performance review\n\n- **Employee:** Ada Lovelace\n- **Review period:** H1\n- **Overall rating:** exceeds\n",
    "# Review of Ada\n\nPerson: Ada\nHalf: H2\nScore: 3/5\nStrengths: SQL\n",
    "# Appraisal\n\n| Employee | Ada |\n| Rating | 4 |\n| Goals | met |\n",
    "# Assessment\n\nEngineer: Ada\nGrade: B+\nFeedback: writes well\n",
    "# Notes\n\nAda Lovelace exceeds expectations this half.\n",
    "# Notes\n\nWe discussed Ada. She was rated 4 of 5 and gets a bonus.\n",
    "# 1:1\n\nAda is below expectations in operations.\n",
    "# Notes\n\nAda was put on a performance improvement plan.\n",
    "# Calibration\n\nAda: strong half. Ada met all expectations.\n",
]
RATED = [
    "Rating of the data scientist: roc_auc went up",
    "Score: AUC",
    "The champion reaches roc_auc 0.75; below 0.70 is below expectations.",
    "Rated 4 of 5 if roc_auc is above 0.75.",
    "Whoever raises the accuracy by a point gets a bonus.",
    "A promotion needs a gain in log loss.",
    "The grade is A when precision exceeds 0.9.",
    "Work is evaluated by the recall on the test rows.",
    "An ML engineer performs well if the RMSE falls.",
    "We reward a better F1.",
    "Good work is measured by the model's quality.",
    "Salary follows the brier_score of the champion.",
    "Expectations are met when average_precision reaches 0.4.",
]
HARMLESS = [
    "# Report\n\nThe model was promoted because roc_auc rose. It performs well on long flights.\n",
    "# Evaluation\n\nMetric: roc_auc\nPeriod: November\nResult: 0.70\n",
    "# Release\n\nOwner: Ada\nDate: 2026-11-02\nGoals: fewer false alarms\n",
    "# Incident\n\nTitle, date, who led the response: Ada, 2026-11-02\nTrigger: a full disk\n",
    "# Planning\n\nAda writes the SQL. The expectations of users are in the requirements.\n",
    "# Evaluation plan\n\nName: churn\nGoals: find the slices\nEvidence: the report\n",
]
FAIR = [
    "No rating depends on accuracy.",
    "A model that fails, whatever its roc_auc, can come from work that is rated highest.",
    "Regardless of the recall, experiments that were well run count.",
]


@pytest.mark.parametrize("text", FILLED)
def test_an_evaluation_of_a_person_is_reported(project: Path, text: str) -> None:
    append("docs/people/h1.md", text)(project)
    assert "PRC076" in {code for code, path, _ in findings(project) if path == "docs/people/h1.md"}


@pytest.mark.parametrize("text", RATED)
def test_a_rating_by_a_metric_is_reported(project: Path, text: str) -> None:
    append(FORM, f"\n{text}\n")(project)
    assert "PRC075" in {code for code, path, _ in findings(project) if path == FORM}


@pytest.mark.parametrize("text", HARMLESS)
def test_other_pages_are_not_mistaken_for_evaluations(project: Path, text: str) -> None:
    append("docs/page.md", text)(project)
    assert findings(project) == []


@pytest.mark.parametrize("text", FAIR)
def test_a_sentence_that_separates_rating_and_metric_passes(project: Path, text: str) -> None:
    append(FORM, f"\n{text}\n")(project)
    assert findings(project) == []


def test_the_form_that_is_filled_in_its_own_page_is_reported(project: Path) -> None:
    page = project / FORM
    text = page.read_text(encoding="utf-8").replace("Role and period:", "Role and period: ML engineer, H1")
    page.write_text(text.replace("Growth and next steps:", "Growth and next steps: lead a team"), encoding="utf-8")
    assert "PRC076" in {code for code, _, _ in findings(project)}
