"""The people, their roles and the project's stage, read from team.toml."""

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from mlteam.process.checks.errors import STAGES, CannotRunError

ROLES = (
    "product_manager",
    "engineering_manager",
    "data_scientist",
    "ml_engineer",
    "data_engineer",
    "devops_engineer",
)
TITLES = {"ml_engineer": "ML engineer", "devops_engineer": "DevOps engineer"}
SEVERITIES = ("page", "ticket")
KEYS = ("stage", "channel", "people", "roles", "escalation")
PERSON_KEYS = ("name", "email", "handle", "left")
ESCALATION_KEYS = ("role", "within", "then")


@dataclass(frozen=True)
class Person:
    """Somebody in the team; `left` is the date from which they no longer are."""

    key: str
    name: str
    email: str
    handle: str
    left: str

    @property
    def code_owner(self) -> str:
        """How CODEOWNERS names the person: the code host accepts a handle or an e-mail address."""
        return f"@{self.handle.lstrip('@')}" if self.handle else self.email


@dataclass(frozen=True)
class Team:
    """What team.toml says; the raw tables stay there for the checks of its form."""

    text: str
    raw: dict[str, Any]
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """The stage, or the first one where the file names none that exists."""
        stage = self.raw.get("stage")
        return stage if stage in STAGES else STAGES[0]

    @property
    def channel(self) -> str:
        """Where questions go."""
        return str(self.raw.get("channel", ""))

    @property
    def escalation(self) -> dict[str, dict[str, str]]:
        """Severity to who answers it, how soon, and who is next."""
        return table(self.raw.get("escalation"))

    def holders(self, role: str) -> list[Person]:
        """The people who hold a role, the one who answers for it first."""
        keys = table(self.raw.get("roles")).get(role, [])
        keys = keys if isinstance(keys, list) else [keys]
        return [self.people[key] for key in keys if key in self.people]

    def resolve(self, owner: str) -> Person | None:
        """The person that a role, a person's key or a handle stands for."""
        wanted = owner.strip().lower().replace(" ", "_")
        if wanted in ROLES:
            return next(iter(self.holders(wanted)), None)
        key = owner.strip().lstrip("@").lower()
        return next((p for p in self.people.values() if key in (p.key.lower(), p.handle.lstrip("@").lower())), None)

    def line_of(self, *keys: str) -> int:
        """The line of the dotted key, or of the nearest table above it, counted from 1."""
        return toml_line(self.text, list(keys))


def read(text: str) -> Team:
    """Read team.toml.

    Raises:
        CannotRunError: The text is not TOML.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CannotRunError(f"team.toml is not TOML: {error}") from None
    people = {
        key: Person(key, *(str(table(entry).get(name, "")) for name in PERSON_KEYS))
        for key, entry in table(raw.get("people")).items()
    }
    return Team(text, raw, people)


def title(role: str) -> str:
    """A role as people write it."""
    return TITLES.get(role, role.replace("_", " "))


def table(value: object) -> dict[str, Any]:
    """The value if it is a table, or else an empty one: checks report the form, readers go on."""
    return value if isinstance(value, dict) else {}


def toml_line(text: str, keys: list[str]) -> int:
    """The line of a dotted key in a TOML text, or of the nearest table above it, counted from 1."""
    lines = text.splitlines()
    for depth in range(len(keys), 0, -1):
        parent, inside = ".".join(keys[: depth - 1]), depth == 1
        for number, line in enumerate(lines, start=1):
            bare = line.strip()
            header = re.match(r"\[+\s*(.+?)\s*\]+\s*(?:#.*)?$", bare)
            if header:
                name = header[1].replace('"', "")
                if name == ".".join(keys[:depth]):
                    return number
                inside = name == parent
            elif inside and re.match(rf"[\"']?{re.escape(keys[depth - 1])}[\"']?\s*=", bare):
                return number
    return 1
