"""What a check reports, and how it is printed."""

import os
from dataclasses import dataclass

from mlteam.repository.team import STAGES

# A finding that only warns, and one that fails while the project enters another stage.
WARNING, ON_ENTRY = "warning", "stage change"


@dataclass(order=True)
class Finding:
    """One place where a page or a file does not agree with the project.

    Attributes:
        path: File relative to the root, with forward slashes.
        line: Line, counted from 1.
        message: What is wrong, without a full stop.
        column: Column, counted from 1.
        code: PRC and three digits; set by the registry.
        expected: What should be there.
        found: What is there.
        fix: What to do, in the imperative.
        owner: A role or a person; empty for the owner of the file.
        blocks: The stage from which it fails the check, or `WARNING`, or `ON_ENTRY`.
        rule: Where the rule comes from; set by the registry.
        relax: The setting of process.toml that permits it; set by the registry if empty.
        allow: The list under `[allow]` in process.toml and the word in it that permits the finding.
    """

    path: str
    line: int
    message: str
    column: int = 1
    code: str = ""
    expected: str = ""
    found: str = ""
    fix: str = ""
    owner: str = ""
    blocks: str = ""
    rule: str = ""
    relax: str = ""
    allow: tuple[str, str] = ("", "")

    def fails_at(self, stage: str, *, entering: bool = False) -> bool:
        """Return whether the finding fails the check at `stage`, or on the way into it."""
        if self.blocks == ON_ENTRY:
            return entering
        return self.blocks in STAGES and STAGES.index(stage) >= STAGES.index(self.blocks)

    def format_full(self) -> str:
        """Format the finding over several lines; editors can open the place that the first line names."""
        rule = f"{self.rule}; or {self.relax} in process.toml" if self.relax else self.rule
        details = {"expected": self.expected, "found": self.found, "fix": self.fix, "rule": rule, "owner": self.owner}
        lines = [f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}"]
        lines += [f"  {name + ':':<9} {text}" for name, text in details.items() if text]
        return "\n".join(lines)

    def format_line(self) -> str:
        """Format the finding as one line."""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.path}:{self.line}: {self.code} {self.message}{fix}"

    def format_annotation(self, kind: str) -> str:
        """Format the finding as a GitHub annotation: `kind` is error or warning."""
        text = f"{self.message}. {self.fix}" if self.fix else self.message
        text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        return f"::{kind} file={self.path},line={self.line},col={self.column},title={self.code}::{text}"


def runs_on_github() -> bool:
    """Return whether a GitHub workflow runs this process."""
    return os.environ.get("GITHUB_ACTIONS") == "true"
