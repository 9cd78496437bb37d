"""Where the project stands, on one screen: stage, questions, people, reviews, what is open, the newest run."""

import sys
from pathlib import Path
from typing import Any

from mlteam.process.checks import runner
from mlteam.process.checks.cards import evaluations, living, snapshots
from mlteam.process.checks.content import answers
from mlteam.process.checks.dates import due
from mlteam.process.checks.errors import CannotRunError
from mlteam.process.checks.project import Project, find_repository
from mlteam.process.checks.structure import documented
from mlteam.process.checks.team import ROLES

SOON_DAYS = 14
SHOWN = 8


def main(root: Path | None = None) -> int:
    """Print the screen; exit 0, or 2 if the project cannot be read."""
    try:
        print(screen(root or find_repository()))
    except CannotRunError as error:
        print(f"status: could not be told: {error}", file=sys.stderr)
        return 2
    return 0


def screen(root: Path) -> str:
    """The whole screen as text."""
    project = Project(root)
    result = runner.run(root)
    lines = [
        ("stage", f"{result.stage}, questions go to {project.team.channel}"),
        ("checks", f"{len(result.failures)} findings: see `nox -s process`" if result.failures else "no finding"),
        ("questions", f"{result.answered} of {result.asked} answered"),
        *_open_questions(project),
        ("pages", _reviews(project)),
        ("people", _people(project)),
        *(("later", f"{count} things block from {stage} on") for stage, count in _later(result)),
        ("data", _newest_snapshot(project)),
        ("model", _newest_evaluation(project)),
    ]
    return "\n".join(f"{name:<10} {text}" for name, text in lines)


def _open_questions(project: Project) -> list[tuple[str, str]]:
    waiting = [question.text for question, section in answers(project) if section.open_items]
    shown = [("", f"open: {text}") for text in waiting[:SHOWN]]
    more = len(waiting) - SHOWN
    return [*shown, ("", f"and {more} more, marked **Open:** in PROCESS.md")] if more > 0 else shown


def _reviews(project: Project) -> str:
    days = {document.path: due(page) for document, page in documented(project)}
    never = sum(1 for left in days.values() if left is None)
    late = [path for path, left in days.items() if left is not None and left < 0]
    soon = [path for path, left in days.items() if left is not None and 0 <= left <= SOON_DAYS]
    parts = [f"{len(days)} pages"]
    parts += [f"{never} never reviewed"] if never else []
    parts += [f"late: {', '.join(late)}"] if late else []
    parts += [f"due within {SOON_DAYS} days: {', '.join(soon)}"] if soon else []
    return "; ".join(parts)


def _people(project: Project) -> str:
    """Who holds how many roles, those with the most first."""
    roles = {p.key: sum(p in project.team.holders(r) for r in ROLES) for p in project.team.people.values()}
    names = {p.key: p.name for p in project.team.people.values()}
    held = sorted(roles.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{names[key]} holds {count} of {len(ROLES)} roles" for key, count in held)


def _later(result: runner.Result) -> list[tuple[str, int]]:
    stages = dict.fromkeys(finding.blocks for finding in result.later)
    return [(stage, sum(f.blocks == stage for f in result.later)) for stage in sorted(stages, reverse=True)]


def _newest_snapshot(project: Project) -> str:
    found = living(project, snapshots(project))
    if not found:
        return "no snapshot here yet: `nox -s data`"
    (_, digest), facts = next(reversed(found.items()))
    size = f"{facts.get('rows', 0):,} rows"
    return f"snapshot {digest} of {facts.get('pipeline')}: {size}, taken {facts.get('created_at')}"


def _newest_evaluation(project: Project) -> str:
    found = living(project, evaluations(project))
    if not found:
        return "nothing evaluated here yet: `nox -s evaluate`"
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


if __name__ == "__main__":
    sys.exit(main())
