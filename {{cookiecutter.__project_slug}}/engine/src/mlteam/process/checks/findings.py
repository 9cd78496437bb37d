"""What a check is and what it finds."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from mlteam.process.checks.errors import STAGES
from mlteam.process.checks.project import Project

LISTED = 12


@dataclass(frozen=True, order=True)
class Finding:
    """One place at which something is not as it should be.

    Attributes:
        path: File relative to the root, with forward slashes.
        line: Line counted from 1.
        text: What is wrong, in a sentence without its full stop.
        column: Column counted from 1.
        code: Filled in by the registry, PRC and three digits.
        expected: What should stand there.
        found: What stands there.
        fix: What to do, in the imperative.
        owner: Who answers for the place: a role, a person's key, or empty for the role that owns the file.
        blocks: The stage from which the finding fails the check.
    """

    path: str
    line: int
    text: str
    column: int = 1
    code: str = ""
    expected: str = ""
    found: str = ""
    fix: str = ""
    owner: str = ""
    blocks: str = ""

    def fails_at(self, stage: str) -> bool:
        """Whether the finding blocks at `stage`."""
        return STAGES.index(stage) >= STAGES.index(self.blocks)

    def render(self) -> str:
        """The finding as a person reads it, the first line in the form that editors make clickable."""
        details = {"expected": self.expected, "found": self.found, "fix": self.fix, "owner": self.owner}
        lines = [f"{self.path}:{self.line}:{self.column}: {self.code} {self.text}"]
        lines += [f"  {name + ':':<9} {said}" for name, said in details.items() if said]
        return "\n".join(lines)

    def annotation(self) -> str:
        """The finding as GitHub shows it beside the line."""
        title = f"{self.text}. {self.fix}" if self.fix else self.text
        message = title.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        return f"::error file={self.path},line={self.line},col={self.column},title={self.code}::{message}"


@dataclass(frozen=True)
class Check:
    """A rule: its code, what it means in one line, and the function that looks for breaches."""

    code: str
    meaning: str
    blocks: str
    find: Callable[[Project], Iterable[Finding]]

    def run(self, project: Project) -> Iterator[Finding]:
        """Look for breaches and sign each with the code and the stage from which it blocks."""
        for finding in self.find(project):
            yield replace(finding, code=self.code, blocks=finding.blocks or self.blocks)


CHECKS: dict[str, Check] = {}


def check(
    code: str, meaning: str, *, blocks: str = "prototype"
) -> Callable[[Callable[[Project], Iterable[Finding]]], Callable[[Project], Iterable[Finding]]]:
    """Register the function below as the check `code`."""

    def register(find: Callable[[Project], Iterable[Finding]]) -> Callable[[Project], Iterable[Finding]]:
        CHECKS[code] = Check(code, meaning, blocks, find)
        return find

    return register


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the nearest of the known words, or list them."""
    import difflib

    choices = sorted(known)
    by_lower = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    if near:
        return f"did you mean {by_lower[near[0]]}?"
    shown = ", ".join(choices[:LISTED]) + (f" and {len(choices) - LISTED} more" if len(choices) > LISTED else "")
    return f"known: {shown or 'none'}"


def on_github() -> bool:
    """Whether a GitHub workflow runs this process."""
    return os.environ.get("GITHUB_ACTIONS") == "true"
