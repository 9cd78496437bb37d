"""The state of the project on one screen: stage, questions, people, reviews, open items, newest run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlteam.core.paths import SCORECARD
from mlteam.pages.blocks.runs import list_current, list_evaluations, list_snapshots
from mlteam.process.runner import list_waiting, run_checks
from mlteam.repository.documents import count_days_to_review, list_answers, list_documents
from mlteam.repository.project import Project
from mlteam.repository.team import TITLES

SOON_DAYS = 14
SHOWN_QUESTIONS = 8


def format_status(root: Path) -> str:
    """Return the screen as text.

    Raises:
        ProjectError: team.toml or process.toml cannot be used.
    """
    project, result = Project(root), run_checks(root)
    lines = [
        ("stage", f"{result.stage}, questions go to {project.team.channel}"),
        ("checks", f"{len(result.errors)} errors: see `nox -s process`" if result.errors else "no errors"),
        ("questions", f"{result.answered} of {result.asked} answered"),
        *_list_open_questions(project),
        ("pages", _describe_reviews(project)),
        ("people", _describe_people(project)),
        *(("later", text) for text in list_waiting(result)),
        ("data", _describe_snapshot(project)),
        ("model", _describe_evaluation(project)),
        *(("score", text) for text in _list_scores(root)),
    ]
    return "\n".join(f"{name:<10} {text}" for name, text in lines)


def _list_scores(root: Path) -> Iterator[str]:
    """Yield the ML Test Score of each pipeline, as `scorecard` computed it last."""
    for path in sorted((root / SCORECARD).glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        sections = ", ".join(f"{section} {points:g}" for section, points in content["sections"].items())
        made = content["made"]["created_at"].partition("T")[0]
        yield f"{path.stem} {content['score']:g} of 7 ({sections}), computed {made}"


def _list_open_questions(project: Project) -> list[tuple[str, str]]:
    waiting = [question.text for question, section in list_answers(project) if section.open_items]
    shown = [("", f"open: {text}") for text in waiting[:SHOWN_QUESTIONS]]
    more = len(waiting) - SHOWN_QUESTIONS
    return [*shown, ("", f"and {more} more, marked **Open:** in PROCESS.md")] if more > 0 else shown


def _describe_reviews(project: Project) -> str:
    pages = {
        d.path: count_days_to_review(page) for d, page in list_documents(project) if d.kind not in ("record", "readme")
    }
    never = sum(1 for left in pages.values() if left is None)
    overdue = [path for path, left in pages.items() if left is not None and left < 0]
    soon = [path for path, left in pages.items() if left is not None and 0 <= left <= SOON_DAYS]
    parts = [f"{len(pages)} pages"]
    parts += [f"{never} never reviewed"] if never else []
    parts += [f"overdue: {', '.join(overdue)}"] if overdue else []
    parts += [f"due within {SOON_DAYS} days: {', '.join(soon)}"] if soon else []
    return "; ".join(parts)


def _describe_people(project: Project) -> str:
    roles = {p.name: sum(p in project.team.list_holders(r) for r in TITLES) for p in project.team.people.values()}
    held = sorted(roles.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} holds {count} of {len(TITLES)} roles" for name, count in held)


def _describe_snapshot(project: Project) -> str:
    found = list_current(project, list_snapshots(project))
    if not found:
        return "no snapshot on this machine: `nox -s data`"
    (pipeline, digest), facts = next(reversed(found.items()))
    return f"snapshot {digest} of {pipeline}: {facts.get('rows', 0):,} rows, taken {facts.get('created_at')}"


def _describe_evaluation(project: Project) -> str:
    found = list_current(project, list_evaluations(project))
    if not found:
        return "no evaluation on this machine: `nox -s evaluate`"
    facts = next(reversed(found.values()))
    test: dict[str, Any] = next((d for d in facts.get("datasets", []) if d.get("dataset") == "test"), {})
    metric = next(iter(test.get("metrics", [])), None)
    name = f"{facts['pipeline']} version {facts.get('version')}"
    if not metric or metric["model"].get("value") is None:
        return name
    gain = metric["gain"]
    return (
        f"{name}: {metric['metric']} {metric['model']['value']:.4f} on test, "
        f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}] over the baseline"
    )
