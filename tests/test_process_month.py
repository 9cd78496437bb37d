"""The ordinary edits of a team's first month: none is rejected without reason, and each answer says what to do."""

import re
import shutil
import sys
from pathlib import Path

import baking
import pytest
from edits import (
    ADA,
    DESIGN,
    GRACE,
    PIPELINE,
    SOURCES,
    TEAM,
    Edit,
    append,
    both,
    check,
    committed,
    fix,
    list_findings,
    rename,
    replace,
)

RUNBOOK, PROCESS = "docs/runbook.md", "PROCESS.md"
METRICS = 'metrics = ["roc_auc", '
LATE_SHARE = '''"""Share of rows that are late."""

import numpy as np

TASKS = ("binary",)
HIGHER_IS_BETTER = False


def late_share(label: np.ndarray, prediction: np.ndarray, weight: np.ndarray) -> float:
    """Share of rows that are late, whatever was predicted."""
    return float(np.average(label, weights=weight))
'''
NYGARD = "# 4. Use Kafka\n\n## Status\n\nAccepted\n\n## Decision\n\nKafka.\n\n## Consequences\n\nMore.\n"
COMPANY_FORM = "# Design\n\n## Summary\n\nFlights.\n\n## Proposal\n\nTrees.\n\n## Sign-off\n\nAda.\n"
RECORDING = """
  - name: recorded
    rules:
      - record: model_requests:rate5m
        expr: rate(model_requests_total[5m])
"""


def take_everything_from_ada(project: Path) -> None:
    """Ada leaves, and Grace holds all roles."""
    text = (project / TEAM).read_text(encoding="utf-8").replace('"ada"]', '"grace"]')
    text = text.replace(ADA, f"{ADA}\nleft = 2026-11-01")
    text += "" if "[people.grace]" in text else GRACE
    (project / TEAM).write_text(text, encoding="utf-8", newline="\n")


def write(path: str, text: str) -> Edit:
    def edit(project: Path) -> None:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8", newline="\n")

    return edit


def copy(old: str, new: str) -> Edit:
    return lambda project: shutil.copy(project / old, project / new)


# Edits that need nothing else, some of them after `--fix` has refreshed what is generated.
ACCEPTED: dict[str, Edit] = {
    "1 another owner": both(take_everything_from_ada, fix),
    "2 a role holder with a handle": both(
        append(TEAM, f'{GRACE}handle = "ghopper"\n'),
        replace(TEAM, 'data_engineer = ["ada"]', 'data_engineer = ["grace"]'),
        fix,
    ),
    "3 a glossary with foreign commands": write(
        "docs/glossary.md",
        "# Glossary\n\nA `docker` image; `export DATABASE_URL=x`; `AWS_PROFILE`; `services/api/main.py`.\n\n"
        "```sh\npsql -c 'select 1'\nexport AWS_PROFILE=ml\n```\n",
    ),
    "4 a metric": both(
        write("metrics/late_share.py", LATE_SHARE), replace(PIPELINE, METRICS, METRICS + '"late_share", '), fix
    ),
    "5 a second pipeline": both(copy(PIPELINE, "pipelines/variant.toml"), fix),
    "5c a feature taken out for an ablation": replace(PIPELINE, '    "seats",\n', ""),
    "6 a recording rule": append("monitoring/alerts.yml", RECORDING),
    "9 a picture": both(
        write("docs/images/flow.md", "# A stand-in\n"),
        append(DESIGN, '\n![flow](images/flow.md) and <img src="images/flow.md" width="9">\n'),
    ),
    "10 no product manager": both(replace(TEAM, 'product_manager = ["ada"]', "product_manager = []"), fix),
    "10b another name for a role": both(
        replace(TEAM, 'devops_engineer = ["ada"]', 'sre = ["ada"]'),
        append(TEAM, '\n[role_names]\nsre = "devops_engineer"\n'),
        fix,
    ),
    "11 another name for the workflow": rename(".github/workflows/checks.yml", ".github/workflows/ci.yml"),
    "11c another host": both(lambda project: shutil.rmtree(project / ".github"), fix),
    "12b a second design with plans": write(
        "docs/design-streaming.md",
        "# Streaming\n\nTopics are in `kafka/topics.yml`; set `MY_TOPIC_NAME`; run `make topics`.\n",
    ),
    "13 a decision in another form": both(write("docs/decisions/0004-kafka.md", NYGARD), fix),
    "16 an import": both(
        append("src/flight_delays/models.py", '\nfrom mlteam.modeling import GroupMean\n\n__all__ = ["GroupMean"]\n'),
        fix,
    ),
    "17 a README with other tools": append(
        "README.md", "\n```sh\nmake data\nkubectl get pods\ncat x.json | jq .\n```\n"
    ),
    "18 a runbook with kubectl": replace(
        RUNBOOK,
        "## Known failures\n",
        "## Known failures\n\n```sh\ndocker logs model\nkubectl logs -f model\njournalctl -u model\n```\n",
    ),
    "19 table cells without a value": append(
        DESIGN, "\n| a | b |\n| --- | --- |\n| n/a | ? |\n| Unknown. | XXX-large |\n"
    ),
    "20 a question": both(
        append(
            "process.toml",
            '\n[questions."Who pays?"]\ngroup = "People"\nowner = "product_manager"\nneeds = ["owner"]\n',
        ),
        fix,
    ),
    "a page in German": write(
        "docs/handbuch.md", "# Handbuch\n\nDer Schwellwert ist noch offen. `Fertig_Meldung` folgt.\n"
    ),
    "release notes": write(
        "docs/releases.md", "# Releases\n\nVersion 3: five checks were slow; 30 days of data; Python 3.8 is gone.\n"
    ),
    "meeting notes": write(
        "docs/notes/2026-11-02.md", "# Notes\n\nThree gates refused it. TODO: ask Grace. It is not supported.\n"
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_ordinary_edit_is_accepted(name: str, project: Path) -> None:
    ACCEPTED[name](project)
    assert [finding.format_full() for finding in list_findings(project)] == []


# Edits that need a second step: what the answer must say.
ADVISED: dict[str, tuple[Edit, str]] = {
    "1 ada has left and still has a role": (
        replace(TEAM, ADA, f"{ADA}\nleft = 2026-11-01"),
        "PRC026 Ada Lovelace left",
    ),
    "6 an alert without a section": (
        replace("monitoring/alerts.yml", "alert: ModelOld", "alert: ModelAncient"),
        "docs/runbook.md has no section for ModelAncient",
    ),
    "7 a reworded heading": (
        replace(DESIGN, "## Serving\n", "## How it answers\n"),
        'or accept it: [documents."docs/design.md".sections] "Serving" = "How it answers"',
    ),
    "8 a translated heading": (
        replace("docs/data-card.md", "## Labels\n", "## Zielgröße\n"),
        'or accept it: [documents."docs/data-card.md".sections] "Labels" = "Zielgröße"',
    ),
    "9b a picture that is missing": (
        append(DESIGN, '\n<img src="gone.png">\n'),
        "broken link 'gone.png': file not found",
    ),
    "10b a role under another name": (
        replace(TEAM, 'devops_engineer = ["ada"]', 'sre = ["ada"]'),
        '[role_names] own_name = "devops_engineer"',
    ),
    "14 a folder that pages name": (lambda project: shutil.rmtree(project / "notebooks"), "notebooks/first_look.py"),
    "15 a session under another name": (
        replace("engine/src/mlteam/cli/main.py", "def mistakes(", "def errors("),
        "no such session: 'mistakes'",
    ),
    "4 a metric without a description": (
        both(
            write(
                "metrics/late_share.py",
                LATE_SHARE.replace('    """Share of rows that are late, whatever was predicted."""\n', ""),
            ),
            replace(PIPELINE, METRICS, METRICS + '"late_share", '),
        ),
        "metric 'late_share' has no docstring",
    ),
    "12 a company form without saying so": (write(DESIGN, COMPANY_FORM), "sections] "),
}


@pytest.mark.parametrize("name", ADVISED)
def test_an_edit_that_needs_a_second_step_is_told_which(name: str, project: Path) -> None:
    edit, advice = ADVISED[name]
    edit(project)
    assert advice in check(project).stdout


def test_a_design_form_of_the_company_needs_one_setting_and_mended_links(project: Path) -> None:
    write(DESIGN, COMPANY_FORM)(project)
    append("process.toml", '\n[documents."docs/design.md"]\nsections = false\n')(project)
    fix(project)
    assert {finding.code for finding in list_findings(project)} == {"PRC028"}


def test_every_command_of_the_runbook_names_somebody_who_is_there_after_ada_has_left(project: Path) -> None:
    take_everything_from_ada(project)
    fix(project)
    commands = re.findall(r"--by (\S+)", (project / RUNBOOK).read_text(encoding="utf-8"))
    assert commands
    assert set(commands) == {"YOU"}
    assert "ada@example.org" not in (project / RUNBOOK).read_text(encoding="utf-8")


def test_contacts_are_shown_as_they_are(project: Path) -> None:
    ACCEPTED["2 a role holder with a handle"](project)
    assert "| grace@navy.mil @ghopper |" in (project / PROCESS).read_text(encoding="utf-8")


WORDS = {
    DESIGN: "## Context and scope\n",
    RUNBOOK: "## Known failures\n",
    "docs/report.md": "## Limits\n",
    "docs/data-card.md": "## Uses\n",
    "docs/product-requirements.md": "## Constraints\n",
}
PICTURE = "\n![What the planners see](figures/planners.svg)\n"
PLAN, REQUIREMENTS = "docs/project-plan.md", "docs/product-requirements.md"
LAUNCH = """---
status: draft
date: 2026-11-02
decided_by: ada
---

# flight_delays version 2 as champion

- [x] roc\\_auc: passed, 0.71, must be ≥ 0.65
- [ ] The users have been told what has changed.
"""
POSTMORTEM = """---
status: draft
date: 2026-11-03
---

# The list came late

The job of the night waited for `their/queue.py` and port 9999. In the end `kubectl delete pod` helped.
"""
DIARY: list[tuple[str, Edit]] = [
    *ACCEPTED.items(),
    *(
        (f"words in {path}", replace(path, title, f"{title}\nA sentence of its own, with 3 numbers.\n"))
        for path, title in WORDS.items()
    ),
    (
        "an open item answered",
        replace(RUNBOOK, "**Open:** what do callers do", "A list of yesterday: what do callers do"),
    ),
    ("a longer freshness", both(replace(SOURCES, "count: 30", "count: 60"), fix)),
    ("another channel", both(replace(TEAM, '"#ml-team"', '"#flights"'), fix)),
    ("other dates", both(replace(PIPELINE, "until = 2014-01-01", "until = 2013-12-15"), fix)),
    ("a stricter gate", both(replace(PIPELINE, "floor = 0.65", "floor = 0.66"), fix)),
    ("a longer pause before an alert", both(replace("monitoring/alerts.yml", "for: 2m", "for: 3m"), fix)),
    ("a test", write("tests/test_more.py", '"""More."""\n\n\ndef test_one() -> None:\n    assert 1 + 1 == 2\n')),
    ("a notebook", write("notebooks/more.py", '"""More."""\n\nprint(1)\n')),
    ("a macro", write("sql/macros/twice.sql", "{% macro twice(x) %}2 * {{ x }}{% endmacro %}\n")),
    ("a review", replace(DESIGN, "last_reviewed: never", "last_reviewed: 2026-11-01")),
    ("a license", append("LICENSE", "\n")),
    ("a term", append("docs/glossary.md", "\nA *hub* is an airport with many connections.\n")),
    ("a launch", write("docs/launches/2026-11-02-flight_delays-v2.md", LAUNCH)),
    ("a postmortem", write("docs/postmortems/2026-11-03-late.md", POSTMORTEM)),
    (
        "a line of status",
        replace(PLAN, "| **Open:** which day? |", "| 2026-11-09 | data is ready | train |\n| later |"),
    ),
    (
        "a requirement",
        replace(REQUIREMENTS, "| R8 |", "| R9 | The list is sent by mail. | could | a planner gets it |\n| R8 |"),
    ),
    ("a lesson", append(PLAN, "\nThe tail number as a category made the model worse: it was never seen again.\n")),
    (
        "a tool",
        replace("docs/tools.md", "| Tune | Optuna |", "| Chat | our own server | it is there | - |\n| Tune | Optuna |"),
    ),
    ("a picture", both(write("docs/figures/planners.svg", "<svg/>\n"), append("docs/report.md", PICTURE))),
    ("another cost", both(replace("metrics/cost_per_flight.py", "CONNECTION = 120.0", "CONNECTION = 150.0"), fix)),
    ("a dependency", replace("pyproject.toml", '    "mlteam",\n', '    "mlteam",\n    "polars>=1",\n')),
]
# These change the same lines as others before them.
ALONE = {"1 another owner", "11 another name for the workflow"}


def test_a_month_of_commits_passes_the_hook(project: Path) -> None:
    committed(project)
    hook = project / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    command = f"PYTHONPATH=engine/src exec '{sys.executable}' -B -m mlteam.process >&2"
    hook.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    hook.chmod(0o755)
    days = [(name, edit) for name, edit in DIARY if name not in ALONE]
    days += [(name, edit) for name, edit in DIARY if name == "1 another owner"]
    assert len(days) >= 40
    for name, edit in days:
        edit(project)
        fix(project)
        baking.run("git", "add", "--all", cwd=project)
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        done = baking.run("git", *identity, "commit", "--message", name, cwd=project)
        assert done.returncode == 0, (name, done.stderr)
