"""Runs every check over a project and sorts what they find."""

from dataclasses import dataclass, replace
from pathlib import Path

from mlteam.process.checks import (
    alerts,
    architecture,
    content,
    dashboard,
    data,
    dates,
    engine,
    owners,
    references,
    security,
    structure,
    suppressions,
)
from mlteam.process.checks.errors import STAGES
from mlteam.process.checks.findings import CHECKS, Finding, on_github
from mlteam.process.checks.project import Project

FAMILIES = (
    structure,
    content,
    owners,
    references,
    data,
    architecture,
    alerts,
    dashboard,
    dates,
    security,
    engine,
    suppressions,
)


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes:
        failures: Findings that block at the stage.
        later: Findings that block at a later stage.
        let_through: Findings for which process/suppressions.toml makes an exception, with its last day.
        answered: How many questions have an answer without an open item.
        asked: How many questions there are.
        stage: The stage that decided.
    """

    failures: list[Finding]
    later: list[Finding]
    let_through: list[tuple[Finding, str]]
    answered: int
    asked: int
    stage: str


def run(root: Path, stage: str = "") -> Result:
    """Check the repository at `root`, at its own stage or as if it stood at `stage`.

    Raises:
        CannotRunError: A file that the checker itself needs is missing or broken.
    """
    project = Project(root)
    stage = stage or project.team.stage
    exceptions = suppressions.valid(project)
    failures: list[Finding] = []
    later: list[Finding] = []
    let_through: list[tuple[Finding, str]] = []
    for check in CHECKS.values():
        for finding in check.run(project):
            exception = next((e for e in exceptions if e.covers(finding)), None)
            if exception:
                let_through.append((finding, exception.expires.isoformat()))
            else:
                (failures if finding.fails_at(stage) else later).append(finding)
    answered = sum(1 for _, section in content.answers(project) if section.substance and not section.open_items)
    return Result(
        [_signed(project, f) for f in sorted(failures)],
        [_signed(project, f) for f in sorted(later)],
        let_through,
        answered,
        len(project.questions),
        stage,
    )


def _signed(project: Project, finding: Finding) -> Finding:
    """The finding with the name of the person who answers for it."""
    owner = finding.owner or project.owner(finding.path) or project.area_owner(finding.path)
    return replace(finding, owner=project.described(owner))


def report(result: Result) -> str:
    """The run as text: failures in full, what is let through, and a line that sums it up."""
    lines = [finding.render() for finding in result.failures]
    if on_github():
        lines += [finding.annotation() for finding in result.failures]
    lines += [f"let through until {day}: {f.path}:{f.line} {f.code} {f.text}" for f, day in result.let_through]
    return "\n".join([*lines, summary(result)])


def summary(result: Result) -> str:
    """One line: checks, failures, questions, and what a later stage asks for."""
    failed = len({finding.code for finding in result.failures})
    parts = [f"process: {len(CHECKS)} checks, {len(CHECKS) - failed} passed, {failed} failed"]
    if result.let_through:
        parts.append(f"{len(result.let_through)} let through")
    parts.append(f"{result.answered}/{result.asked} questions answered")
    for stage in STAGES[STAGES.index(result.stage) + 1 :]:
        waiting = sum(1 for finding in result.later if finding.blocks == stage)
        parts += [f"{waiting} open until {stage}"] if waiting else []
    return ", ".join([*parts, f"stage: {result.stage}"])
