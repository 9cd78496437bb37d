"""What pyproject.toml says under [tool.mlteam]: the engine's version, the default pipeline, the team's store."""

import tomllib
from pathlib import Path

from mlteam.core.errors import ProjectError, suggest
from mlteam.core.paths import PYPROJECT

KEYS = ["engine", "pipeline", "store"]


def read_project_setting(key: str) -> str:
    """Return a setting of [tool.mlteam]; empty where it is not set, or where there is no pyproject.toml.

    Raises:
        ProjectError: The table has a key that nothing reads, or a value that is not a text.
    """
    try:
        settings = tomllib.loads(PYPROJECT.read_text(encoding="utf-8")).get("tool", {}).get("mlteam", {})
    except (OSError, ValueError):
        return ""
    for name, value in settings.items():
        if name not in KEYS:
            raise ProjectError(f"unknown key {name!r}", where=f"{PYPROJECT}, [tool.mlteam]", fix=suggest(name, KEYS))
        if not isinstance(value, str):
            raise ProjectError(f"{name} is not a text", where=f"{PYPROJECT}, [tool.mlteam]", fix='write "…" around it')
    return str(settings.get(key, ""))


def read_project_name() -> str:
    """Return the name of the project, as packages are named; that of its folder where there is no pyproject.toml."""
    try:
        return str(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["name"])
    except (OSError, ValueError, KeyError):
        return Path.cwd().name
