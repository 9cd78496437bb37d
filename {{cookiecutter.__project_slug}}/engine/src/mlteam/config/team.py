"""The people and roles of team.toml, as far as commands need them; the process checker validates the whole file."""

import tomllib
from dataclasses import dataclass
from typing import Any

from mlteam.core.errors import ProjectError
from mlteam.core.paths import TEAM_FILE


@dataclass(frozen=True)
class Team:
    """Who works on the project.

    Attributes:
        people: What team.toml says of each person, by key.
        roles: The keys of the people that hold each role.
    """

    people: dict[str, dict[str, Any]]
    roles: dict[str, list[str]]

    def list_present_people(self) -> list[str]:
        """List the keys of the people who have not left."""
        return [key for key, person in self.people.items() if "left" not in person]

    def get_holder_name(self, role: str) -> str | None:
        """Return the full name of the first person that holds a role; None where nobody does."""
        holder = next(iter(self.roles.get(role, [])), "")
        return self.people.get(holder, {}).get("name")


def load_team() -> Team:
    """Read team.toml at the repository's root.

    Raises:
        ProjectError: The file is missing or not TOML.
    """
    try:
        content = tomllib.loads(TEAM_FILE.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"not readable: {error}", where=str(TEAM_FILE), fix="fix or restore the file") from None
    return Team(content.get("people", {}), content.get("roles", {}))
