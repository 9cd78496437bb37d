"""Each role's page is what that role would hand in, and each block of commands on it runs or says why not."""

import re
from pathlib import Path
from typing import Any

import baking
import pytest
from edits import fix, list_findings
from mlteam.repository.markdown import parse_page
from mlteam.repository.page import Fence, Page
from phrases import PATTERNS
from test_process_claims import COLUMNS, METRICS, MODEL, PIPELINE, SPLITS

# Why a block does not run in continuous integration.
SKIPPED = {
    "browser": "opens one",
    "colab": "needs an account",
    "container": "needs a container engine or a cluster",
    "example": "has a name that stands for another one",
    "git-hooks": "changes the clone that runs it",
    "incident": "needs a fault; tests/test_paging.py rehearses four of them",
    "launch": "changes the champion, or needs one",
    "no-R": "R is not installed",
    "no-Scala": "Scala is not installed",
    "service": "needs a running service",
}
# Page, section, columns of its table: in every project, empty or filled.
TABLES = {
    ("docs/product-requirements.md", "Use cases"): ("ID", "User", "Situation"),
    ("docs/product-requirements.md", "Requirements"): ("ID", "Requirement", "Priority", "Acceptance"),
    ("docs/product-requirements.md", "Success metrics"): ("Metric", "Baseline", "Target", "Date", "Measured by"),
    ("docs/product-requirements.md", "Stakeholders and approvals"): ("Stakeholder", "Interest", "Approves", "Date"),
    ("docs/product-requirements.md", "Launch plan"): ("Stage", "What happens", "Approved by"),
    ("docs/design.md", "Failure modes"): ("Failure", "Detected by", "Effect", "Response"),
    ("docs/design.md", "Production readiness"): ("Question", "Answer"),
    ("docs/design.md", "Capacity and service levels"): ("Service level", "Target", "Measured by"),
    ("docs/project-plan.md", "Milestones"): ("Milestone", "Exit criterion", "Owner", "Date"),
    ("docs/project-plan.md", "Experiments"): ("ID", "Hypothesis", "Owner", "Cost limit", "Stop or go"),
    ("docs/project-plan.md", "Staffing"): ("Role", "Share of the week", "Until"),
    ("docs/project-plan.md", "Status"): ("Date", "Status", "Next step"),
    ("docs/performance-expectations.md", "When and by whom"): ("Step", "When", "Who"),
    ("docs/performance-expectations.md", "Levels and growth"): ("Level", "Scope"),
    ("docs/performance-expectations.md", "Example: a failed project, good work"): ("Dimension", "Evidence"),
    ("docs/runbook.md", "Alerts"): ("Alert", "Severity", "Responds", "What happened"),
    ("docs/runbook.md", "On call and escalation"): ("Severity", "Responds", "Within", "Then"),
    ("docs/runbook.md", "Switch the model off"): ("Where it runs", "Off", "On"),
    ("docs/data-pipeline.md", "Schedule and cost"): ("Command", "When"),
    ("docs/postmortem-template.md", "Template"): ("Section", "What belongs there"),
    ("docs/tools.md", "Tools"): ("Task", "Tool", "Why this one", "Decision"),
    ("docs/tools.md", "Packages"): ("Required by", "Packages"),
    ("docs/glossary.md", "Launch and operation"): ("Term", "Meaning"),
    ("PROCESS.md", "Index"): ("Topic", "Question", "Owner"),
    ("AGENTS.md", "Commands"): ("Command", "What it does"),
}
# Page, section, words that a filled one has.
CONTENT = {
    ("docs/product-requirements.md", "Requirements"): ("R1", "must", "should"),
    ("docs/product-requirements.md", "Cost of errors"): ("MISSED_CONNECTION", "120"),
    ("docs/design.md", "System diagram"): ("Launch|launch", "Service", "Prediction log", "Monitoring", "feedback"),
    ("docs/project-plan.md", "Milestones"): ("stop or go", "data scientist"),
    ("docs/performance-expectations.md", "When and by whom"): ("first week", "sign off"),
    ("docs/data-card.md", "Columns"): ("wind_speed_mph", "miles per hour"),
    ("docs/data-card.md", "Composition"): ("croissant.json",),
    ("docs/data-card.md", "Representativeness"): ("2013",),
    ("docs/data-pipeline.md", "Schedule and cost"): ("nox -s retrain", "daily at"),
    ("docs/data-pipeline.md", "Failure modes and alerts"): ("SourceStale", "VolumeUnusual", "alertmanager.yml"),
    ("docs/runbook.md", "First five minutes"): ("dashboard", "/version", "roll back", "nox -s verify"),
    ("docs/runbook.md", "Alerts"): ("kubectl", "docker compose", "exit code 0"),
    ("docs/ways-of-working.md", "From Jupyter"): ("mlteam.open", "Way back"),
    ("docs/ways-of-working.md", "From Colab"): ("Way back",),
    ("docs/ways-of-working.md", "From R"): ("Way back",),
    ("docs/ways-of-working.md", "From Scala and Spark"): ("Way back",),
}
TERMS = {"candidate", "champion", "challenger", "bundle", "snapshot", "slice", "gate", "shadow", "canary", "drift"}
TERMS |= {"golden example", "freshness", "leakage", "holdout", "baseline"}
DECISIONS = ("dbt", "DuckDB", "MLflow", "XGBoost", "FastAPI", "nox")
TEXTS = (".md", ".py", ".toml", ".sql", ".yml", ".yaml", ".json", ".jinja", ".cfg", "")
# Input of the checks: words that people write and that the check reports or allows.
EXEMPT = (
    "tests/test_pages.py",
    "tests/phrases.py",
    "tests/breaches.py",
    "tests/mutants.py",
    "tests/test_process_people.py",
)


@pytest.fixture(params=["flights", *METRICS])
def any_project(request: pytest.FixtureRequest, fresh: Path, empty: Path, tmp_path: Path) -> Path:
    """The example, and a project of one's own with each task."""
    if request.param == "flights":
        return fresh
    own = baking.copy(empty, tmp_path / empty.name)
    pipeline = PIPELINE.format(task=request.param, splits=SPLITS["time"], metric=METRICS[request.param])
    (own / "pipelines" / "orders.toml").write_text(pipeline, encoding="utf-8")
    (own / "sql" / "models" / "features" / "orders.sql").write_text("select 1\n", encoding="utf-8")
    (own / "sql" / "models" / "features" / "orders.yml").write_text(MODEL, encoding="utf-8")
    assert COLUMNS in MODEL
    fix(own)
    assert list_findings(own) == []
    return own


def list_pages(project: Path) -> dict[str, Page]:
    paths = [p for p in project.rglob("*.md") if not {".git", "data", ".venv"} & set(p.parts)]
    return {p.relative_to(project).as_posix(): parse_page(p.read_text(encoding="utf-8")) for p in paths}


def read_section(project: Path, path: str, title: str) -> str:
    page = parse_page((project / path).read_text(encoding="utf-8"))
    section = page.find_section(title)
    assert section is not None, (path, title)
    return "\n".join(page.lines[section.heading.line : section.end - 1])


def test_every_page_has_the_tables_that_its_role_needs(any_project: Path) -> None:
    for (path, title), columns in TABLES.items():
        text = read_section(any_project, path, title)
        headers = [line for line in text.splitlines() if line.startswith("| ")]
        assert any(all(column in line for column in columns) for line in headers), (path, title)


def test_the_example_fills_every_section_that_a_role_needs(fresh: Path) -> None:
    for (path, title), words in CONTENT.items():
        text = read_section(fresh, path, title)
        for word in words:
            assert re.search(word, text), (path, title, word)


def test_requirements_have_an_id_a_priority_and_an_acceptance(fresh: Path) -> None:
    lines = read_section(fresh, "docs/product-requirements.md", "Requirements").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| R")]
    assert [row[0] for row in rows] == [f"R{number}" for number in range(1, len(rows) + 1)]
    assert {row[2] for row in rows} <= {"must", "should", "could"}
    assert all(len(row) == 4 and row[3] for row in rows)


def test_the_glossary_defines_each_term_once(any_project: Path) -> None:
    text = (any_project / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| (.+?) \|", text, re.MULTILINE)
    assert len(terms) - terms.count("Term") - terms.count("---") == len(set(terms) - {"Term", "---"})
    assert set(terms) >= TERMS


def test_there_is_a_decision_for_each_large_tool(any_project: Path) -> None:
    titles = [path.read_text(encoding="utf-8") for path in (any_project / "docs" / "decisions").glob("*.md")]
    headings = " ".join(re.findall(r"^# (.+)", "\n".join(titles), re.MULTILINE))
    assert all(tool in headings for tool in DECISIONS)
    assert all("## Case against" in title and "## Confirmation" in title for title in titles)


def list_skip_reasons(fence: Fence) -> list[str]:
    return [word.partition("=")[2] for word in fence.words if word.startswith("skip=")]


def is_explained(fence: Fence) -> bool:
    """Whether a block runs, is not a command, or gives a known reason for not running."""
    reasons = list_skip_reasons(fence)
    shown = fence.language in ("mermaid", "text", "toml")
    return shown or (set(reasons) <= set(SKIPPED) and ("run" in fence.words) != bool(reasons))


def test_every_code_block_runs_or_says_why_not(any_project: Path) -> None:
    pages = {path: page for path, page in list_pages(any_project).items() if not path.startswith("engine/")}
    fences = [(path, fence) for path, page in pages.items() for fence in page.fences]
    assert [f"{path}:{fence.line}" for path, fence in fences if not is_explained(fence)] == []
    assert {"service", "launch", "incident", "no-R"} <= {r for _, fence in fences for r in list_skip_reasons(fence)}


@pytest.mark.parametrize("words", [(), ("skip=later",), ("run", "skip=launch")])
def test_a_block_that_neither_runs_nor_gives_a_known_reason_is_found(words: tuple[str, ...]) -> None:
    assert not is_explained(Fence("sh", words, "ls\n", 1))


def test_no_text_sounds_translated(template: Path) -> None:
    found = []
    for path in sorted(p for p in template.rglob("*") if p.is_file() and p.suffix in TEXTS):
        name = path.relative_to(template).as_posix()
        lines = path.read_text(encoding="utf-8").splitlines() if name not in EXEMPT else ()
        found += [
            f"{name}:{number}: {match[0]!r}, better: {better}"
            for number, line in enumerate(lines, 1)
            for pattern, better in PATTERNS.items()
            for match in pattern.finditer(line)
        ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["It stands in docs.", "X is no table.", "It was mended.", "An alert rings.", "Whoever begins, reads."]
)
def test_a_phrase_that_sounds_translated_is_found(text: str) -> None:
    assert any(pattern.search(text) for pattern in PATTERNS)


AWKWARD: dict[str, Any] = {
    "markdown": "**Bold** [link](https://example.org) `code` | cell",
    "quotes": "The \"best\" model's 'first' try",
    "emoji": "Predicts 🛫 delays 👩‍👩‍👧",
    "right to left": "يتنبأ بالتأخير",
    "long": "Predicts " + "very " * 55 + "late",
}


@pytest.mark.parametrize("description", AWKWARD.values(), ids=AWKWARD)
def test_pages_read_well_with_any_description(bake: baking.Bake, tmp_path: Path, description: str) -> None:
    project = bake(tmp_path, description=description)
    assert list_findings(project) == []
    page = parse_page((project / "README.md").read_text(encoding="utf-8"))
    assert [heading.text for heading in page.headings][:2] == ["Flight Delays", "Quick start"]
    shown = page.blocks[0].text if page.blocks else ""
    assert " ".join(description.split()) in " ".join(shown.split())
