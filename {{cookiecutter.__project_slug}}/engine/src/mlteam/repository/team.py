"""The people, their roles and the project's stage, as team.toml states them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlteam.repository.suggestions import find_nearest
from mlteam.repository.toml_files import find_key_line, get_table, read_toml

FILE = "team.toml"
STAGES = ("prototype", "pilot", "production")
TITLES = {
    "product_manager": "product manager",
    "engineering_manager": "engineering manager",
    "data_scientist": "data scientist",
    "ml_engineer": "ML engineer",
    "data_engineer": "data engineer",
    "devops_engineer": "DevOps engineer",
}
KEYS = ("stage", "channel", "people", "roles", "role_names", "escalation")
PERSON_KEYS = ("name", "email", "handle", "left")
ESCALATION_KEYS = ("role", "within", "then")
# What a document writes where the reader puts their own name.
ANYONE = "YOU"


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
        """The person as CODEOWNERS names them: a handle or an e-mail address."""
        return f"@{self.handle.lstrip('@')}" if self.handle else self.email


class Team:
    """The content of team.toml.

    Args:
        root: The repository.

    Raises:
        ProjectError: The file is missing, not UTF-8 or not TOML.
    """

    def __init__(self, root: Path) -> None:
        self.text, self.content = read_toml(root, FILE)

    @cached_property
    def people(self) -> dict[str, Person]:
        """Every person by key."""
        entries = get_table(self.content, "people")
        return {k: Person(k, *(str(get_table(e).get(name, "")) for name in PERSON_KEYS)) for k, e in entries.items()}

    @cached_property
    def roles(self) -> list[str]:
        """The six roles under the names that the team gives them, then the team's own roles."""
        names = self.role_names
        own = [role for role in get_table(self.content, "roles") if role not in TITLES and role not in names]
        return [*TITLES, *own]

    @cached_property
    def role_names(self) -> dict[str, str]:
        """The team's own name for a role to the role that it stands for."""
        return {str(name): str(role) for name, role in get_table(self.content, "role_names").items()}

    @property
    def stage(self) -> str:
        """The stage, or the first one if the file names an unknown stage."""
        stage = self.content.get("stage")
        return stage if stage in STAGES else STAGES[0]

    @property
    def channel(self) -> str:
        """The channel for questions."""
        return str(self.content.get("channel", ""))

    @property
    def escalation(self) -> dict[str, dict[str, Any]]:
        """Severity to the role that responds, the time limit, and the next role."""
        return {severity: get_table(entry) for severity, entry in get_table(self.content, "escalation").items()}

    def find_role(self, text: str) -> str:
        """Return the role that a text names, in any spelling, or an empty text."""
        key = text.strip().lower().replace(" ", "_").replace("-", "_")
        key = self.role_names.get(key, key)
        return key if key in self.roles else ""

    def list_holder_keys(self, role: str) -> list[str]:
        """Return the keys that `[roles]` gives for a role, under the role's name or the team's own name for it."""
        roles = get_table(self.content, "roles")
        own = next((name for name, known in self.role_names.items() if known == role), role)
        keys = roles.get(own, roles.get(role, []))
        return [str(key) for key in (keys if isinstance(keys, list) else [keys])]

    def list_holders(self, role: str) -> list[Person]:
        """Return the people who hold a role, the one who is responsible first."""
        return [self.people[key] for key in self.list_holder_keys(role) if key in self.people]

    def find_person(self, owner: str) -> Person | None:
        """Return the person behind a role, a key or a handle."""
        role = self.find_role(owner)
        if role:
            return next(iter(self.list_holders(role)), None)
        key = owner.strip().lstrip("@").lower()
        return next((p for p in self.people.values() if key in (p.key.lower(), p.handle.lstrip("@").lower())), None)

    def list_code_owners(self, owner: str) -> list[Person]:
        """Return who reviews for an owner: its holders, or else the engineering manager, or else anybody."""
        person = self.find_person(owner)
        named = self.list_holders(role) if (role := self.find_role(owner)) else [person] if person else []
        fallback = [*self.list_holders("engineering_manager"), *self.people.values()][:1]
        return [p for p in named if not p.left] or [p for p in fallback if not p.left]

    def get_title(self, owner: str) -> str:
        """Return a role as people write it, under the team's own name if it has one."""
        role = self.find_role(owner)
        own = next((name for name, known in self.role_names.items() if known == role), "")
        return own.replace("_", " ") if own else TITLES.get(role, owner.replace("_", " "))

    def describe(self, owner: str) -> str:
        """Return `Ada Lovelace (data engineer)` for a role, the name alone for a person."""
        person, role = self.find_person(owner), self.find_role(owner)
        if person is None:
            return f"nobody ({self.get_title(owner)})" if owner else ""
        return f"{person.name} ({self.get_title(owner)})" if role else person.name

    def find_line(self, *keys: str) -> int:
        """Return the line of a key, or of the nearest table above it."""
        return find_key_line(self.text, *keys)

    def list_unknown_keys(self) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Yield each key that the file may not have, as its path, with the keys that are possible there."""
        known: dict[tuple[str, ...], tuple[str, ...]] = {(): KEYS}
        known |= {("people", key): PERSON_KEYS for key in self.people}
        known |= {("escalation", key): ESCALATION_KEYS for key in self.escalation}
        for path, keys in known.items():
            unknown = [key for key in get_table(self.content, *path) if key not in keys]
            yield from (((*path, key), keys) for key in unknown)
        held = get_table(self.content, "roles")
        # A team may have roles of its own, but a name close to a role that is missing is a typo.
        misspelled = {role: find_nearest(role, TITLES, 0.85) for role in held if role not in TITLES}
        yield from ((("roles", role), (near,)) for role, near in misspelled.items() if near and near not in held)
