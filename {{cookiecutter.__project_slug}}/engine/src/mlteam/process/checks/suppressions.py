"""Checks of the exceptions: each names a code, a path, a reason, an owner and a day on which it ends."""

import datetime as dt
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mlteam.process.checks.dates import today
from mlteam.process.checks.errors import CannotRunError
from mlteam.process.checks.findings import CHECKS, Finding, check, did_you_mean
from mlteam.process.checks.project import Project

FILE = "process/suppressions.toml"
KEYS = ("code", "path", "reason", "owner", "expires")
REASON_WORDS = 3


@dataclass(frozen=True)
class Suppression:
    """A finding that is let through until a day."""

    code: str
    path: str
    expires: dt.date

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is the one that is let through today."""
        return finding.code == self.code and fnmatchcase(finding.path, self.path) and self.expires >= today()


def entries(project: Project) -> list[tuple[int, dict[str, object]]]:
    """Each entry of the file with its line.

    Raises:
        CannotRunError: The file is not TOML: which findings to let through is then unknown.
    """
    text = project.text(FILE) if project.exists(FILE) else ""
    try:
        found = tomllib.loads(text).get("suppression", [])
    except tomllib.TOMLDecodeError as error:
        raise CannotRunError(f"{FILE} is not TOML: {error}") from None
    lines = [n for n, line in enumerate(text.splitlines(), start=1) if line.strip() == "[[suppression]]"]
    return list(zip(lines, found, strict=False))


def valid(project: Project) -> list[Suppression]:
    """The entries that say all that they must."""
    whole = (entry for _, entry in entries(project) if not problem(project, entry))
    return [
        Suppression(str(e["code"]), str(e["path"]), e["expires"]) for e in whole if isinstance(e["expires"], dt.date)
    ]


@check("PRC090", "every exception says which, why, who and until when")
def exceptions(project: Project) -> Iterator[Finding]:
    """An exception without an end is a rule that nobody has."""
    for line, entry in entries(project):
        said = problem(project, entry)
        if said:
            text, fix = said
            yield Finding(FILE, line, text, expected=", ".join(KEYS), fix=fix)


def problem(project: Project, entry: dict[str, object]) -> tuple[str, str] | None:
    """What is wrong with an entry and what to do, or None."""
    missing = [key for key in KEYS if not entry.get(key)]
    unknown = [key for key in entry if key not in KEYS]
    if missing:
        return f"the exception lacks {', '.join(missing)}", "say it, or delete the entry"
    if unknown:
        return f"unknown key {unknown[0]!r}", did_you_mean(unknown[0], KEYS)
    if entry["code"] not in CHECKS or entry["code"] == "PRC090":
        fix = did_you_mean(str(entry["code"]), CHECKS)
        return f"there is no check {entry['code']!r} to make an exception from", fix
    return _unaccountable(project, entry)


def _unaccountable(project: Project, entry: dict[str, object]) -> tuple[str, str] | None:
    """Why nobody can be held to an entry that names all it must, or None."""
    owner, expires = str(entry["owner"]), entry["expires"]
    if len(str(entry["reason"]).split()) < REASON_WORDS:
        return "the reason says nothing", "say why in a sentence"
    if project.team.resolve(owner) is None:
        return f"owner {owner!r} is not a person or a held role of team.toml", "name who decided"
    if not isinstance(expires, dt.date) or isinstance(expires, dt.datetime):
        return "expires is not a day", "write a day such as 2027-01-31, without quotes"
    if expires < today():
        return f"the exception for {entry['code']} ended on {expires}", "fix the finding, or decide again"
    return None
