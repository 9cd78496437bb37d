"""The list of all checks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlteam.process.findings import Finding
from mlteam.repository.project import Project

Find = Callable[[Project], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """A rule: its code, its meaning in one line, the stage from which it blocks, and the function that applies it."""

    code: str
    meaning: str
    blocks: str
    find: Find

    def run(self, project: Project) -> Iterator[Finding]:
        """Yield the findings that process.toml does not allow, each with its code, stage, rule, owner and remedy."""
        for finding in self.find(project):
            kind, word = finding.allow
            if word in project.settings.allow.get(kind, ()):
                continue
            off = f'switch the rule off: [off] {self.code} = "why"'
            finding.code, finding.rule = self.code, self.meaning
            finding.blocks = finding.blocks or self.blocks
            finding.relax = finding.relax or (f'allow it: [allow] {kind} = ["{word}"]' if kind else off)
            finding.owner = project.describe_owner(finding.owner, finding.path)
            yield finding


CHECKS: dict[str, Check] = {}


def check(code: str, meaning: str, *, blocks: str = "prototype") -> Callable[[Find], Find]:
    """Register the function below as the check `code`."""

    def register(find: Find) -> Find:
        CHECKS[code] = Check(code, meaning, blocks, find)
        return find

    return register
