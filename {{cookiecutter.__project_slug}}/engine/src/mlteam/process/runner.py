"""Runs every check over a project and sorts the findings."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from mlteam.core.errors import ProjectError
from mlteam.process.checks import CHECKS
from mlteam.process.findings import WARNING, Finding, runs_on_github
from mlteam.repository.documents import list_answers
from mlteam.repository.project import Project
from mlteam.repository.settings import FILE, ExceptionEntry
from mlteam.repository.suggestions import suggest
from mlteam.repository.team import FILE as TEAM_FILE
from mlteam.repository.team import STAGES

ENDS_SOON_DAYS = 14
SHOWN_OF_ONE_CHECK = 20


@dataclass(frozen=True)
class Result:
    """The outcome of a run.

    Attributes:
        errors: Findings that fail the check.
        warnings: Findings that never fail it.
        later: Findings that fail it from a later stage on.
        excepted: How many findings process.toml accepts for now.
        answered: How many questions have an answer without an open item.
        asked: How many questions there are.
        stage: The stage of the run.
    """

    errors: list[Finding]
    warnings: list[Finding]
    later: list[Finding]
    excepted: int
    answered: int
    asked: int
    stage: str


def run_checks(root: Path, stage: str = "") -> Result:
    """Check the repository at `root` at its own stage, or as if it entered `stage`.

    Raises:
        ProjectError: team.toml or process.toml cannot be used; the message names file and line.
    """
    project = Project(root)
    _validate_codes(project)
    entering = bool(stage) or _changes_stage(project)
    stage = stage or project.team.stage
    errors, warnings, later, excepted = [], [], [], 0
    for code, check in CHECKS.items():
        for finding in check.run(project) if code not in project.settings.off else ():
            entry = next((e for e in project.settings.exceptions if _covers(e, finding)), None)
            if entry and entry.expires >= dt.date.today():
                excepted += 1
            elif finding.blocks == WARNING or code in project.settings.warn:
                warnings.append(finding)
            elif entry and not project.changes(finding.path):
                # An exception that has ended fails those who change its file, not every commit of everybody.
                warnings.append(finding)
            elif finding.fails_at(stage, entering=entering):
                errors.append(finding)
            else:
                later.append(finding)
    answers = list(list_answers(project))
    answered = sum(1 for _, section in answers if section.blocks and not section.open_items)
    asked = len(project.settings.questions)
    return Result(sorted(errors), sorted(warnings), sorted(later), excepted, answered, asked, stage)


def _covers(entry: ExceptionEntry, finding: Finding) -> bool:
    return finding.code == entry.code and fnmatchcase(finding.path, entry.path)


def _validate_codes(project: Project) -> None:
    settings = project.settings
    named = [((table, code), code) for table in ("off", "warn") for code in getattr(settings, table)]
    lines = [(settings.find_line(*keys), code) for keys, code in named] + [
        (e.line, e.code) for e in settings.exceptions
    ]
    unknown = [f"{FILE}:{line}: no such check: {c!r}; {suggest(c, CHECKS)}" for line, c in lines if c not in CHECKS]
    if unknown:
        raise ProjectError("\n".join(unknown))


def _changes_stage(project: Project) -> bool:
    """Return whether team.toml names a later stage than in the last commit."""
    stage = project.team.stage
    before = project.run_git("show", f"HEAD:./{TEAM_FILE}") if stage != STAGES[0] else ""
    return bool(before) and f'stage = "{stage}"' not in before


def list_launch_findings(root: Path, pipeline: str) -> list[Finding]:
    """Return the findings that must stop the launch of a pipeline: in its file, its SQL, its alerts or its runbook."""
    project = Project(root)
    relation = str(project.pipelines.get(pipeline, {}).get("data", {}).get("relation", ""))
    models = project.dbt.list_read_models(relation.rpartition(".")[2])
    described = {m.path for name, m in project.dbt.models.items() if name in models}
    paths = {f"pipelines/{pipeline}.toml", *described, *(project.dbt.files.get(m, "") for m in models)}
    return [f for f in run_checks(root).errors if f.path in paths or f.path.startswith(("monitoring/", "docs/runbook"))]


def format_result(result: Result) -> str:
    """Format the run: errors in full, warnings as one line each, a summary."""
    lines = list(_list_lines(result.errors))
    if runs_on_github():
        lines += [finding.format_annotation("error") for finding in result.errors]
        lines += [finding.format_annotation("warning") for finding in result.warnings]
    lines += [f"warning: {finding.format_line()}" for finding in result.warnings]
    return "\n".join([*lines, format_summary(result)])


def _list_lines(errors: list[Finding]) -> Iterator[str]:
    """Yield the errors in full, up to a number of one check on one page, with the number of the others."""
    seen: Counter[tuple[str, str]] = Counter()
    for finding in errors:
        seen[finding.path, finding.code] += 1
        if seen[finding.path, finding.code] <= SHOWN_OF_ONE_CHECK:
            yield finding.format_full()
    for (path, code), number in seen.items():
        if number > SHOWN_OF_ONE_CHECK:
            yield f"{path}: {number - SHOWN_OF_ONE_CHECK} more of {code}"


def format_summary(result: Result) -> str:
    """Format one line: checks, errors, warnings, questions, and what later stages ask for."""
    parts = [f"process: {len(CHECKS)} checks, {_count('error', len(result.errors))}"]
    parts += [_count("warning", len(result.warnings))] if result.warnings else []
    parts += [f"{result.excepted} excepted"] if result.excepted else []
    parts.append(f"{result.answered}/{result.asked} questions answered")
    return ", ".join([*parts, *list_waiting(result), f"stage: {result.stage}"])


def list_waiting(result: Result) -> list[str]:
    """Return how many items each later stage asks for."""
    waiting = Counter(finding.blocks for finding in result.later)
    return [f"{_count('item', waiting[stage])} to close before stage {stage}" for stage in STAGES if waiting[stage]]


def _count(noun: str, number: int) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
