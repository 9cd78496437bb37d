"""The targets of sql/profiles.yml: the warehouse here, and one that others run."""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

from mlteam.core.errors import ProjectError, suggest
from mlteam.core.files import write_atomically
from mlteam.core.paths import DBT, SQL

PROFILES = SQL / "profiles.yml"
TARGET_VARIABLE = "MLTEAM_TARGET"
LOCAL = "duckdb"
# Names the target that the warehouse here was copied from.
BUILT = DBT / "target.txt"
# The libraries of each engine: dbt's adapter, and the driver that streams rows.
LIBRARIES = {
    "postgres": ("dbt.adapters.postgres", "adbc_driver_postgresql"),
    "spark": ("dbt.adapters.spark", "pyspark"),
    "bigquery": ("dbt.adapters.bigquery", "adbc_driver_bigquery"),
    "snowflake": ("dbt.adapters.snowflake", "adbc_driver_snowflake"),
}


@dataclass(frozen=True)
class Target:
    """An output of dbt's profile.

    Attributes:
        name: Its name, such as dev or prod.
        kind: The engine.
        settings: Its settings as the file has them, with references to variables.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]

    @property
    def is_local(self) -> bool:
        """Whether it is the warehouse in data/."""
        return self.kind == LOCAL


def load_target(name: str | None = None) -> Target:
    """Return a target by its name; where none is given, that of `MLTEAM_TARGET`, or else the profile's own.

    Raises:
        ProjectError: The profile cannot be read, there is no such target, its engine is not known, or a library is
            missing.
    """
    profile = _read_profile(PROFILES)
    name = name or os.environ.get(TARGET_VARIABLE) or str(profile["target"])
    if name not in profile["outputs"]:
        raise ProjectError(f"there is no target {name!r}", where=str(PROFILES), fix=suggest(name, profile["outputs"]))
    settings = profile["outputs"][name]
    kind = str(settings.get("type"))
    if kind != LOCAL:
        if kind not in LIBRARIES:
            what = f"target {name} has type {kind!r}"
            raise ProjectError(what, where=str(PROFILES), fix=f"known: {', '.join([LOCAL, *LIBRARIES])}")
        if missing := [library for library in LIBRARIES[kind] if not _is_installed(library)]:
            what = f"target {name} needs {', '.join(missing)}, which is not installed"
            raise ProjectError(what, where=str(PROFILES), fix=f'run `uv add "mlteam[{kind}]"`')
        # Times without a zone are UTC, whatever the zone of the role.
        os.environ["PGTZ"] = "UTC"
    return Target(name, kind, settings)


def _read_profile(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"cannot be read: {error.strerror}", where=str(file), fix="restore it from git") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise ProjectError("not YAML", where=f"{file}:{line}", fix="fix the line") from None
    profile = content.get("warehouse") if isinstance(content, dict) else None
    outputs = profile.get("outputs") if isinstance(profile, dict) else None
    if not isinstance(profile, dict) or not _has_tables(outputs):
        what = "it lacks the profile warehouse, whose outputs are tables"
        raise ProjectError(what, where=str(file), fix="restore it from git")
    # The name is the one that dbt takes where the file has none.
    return {"target": "default", **profile}


def _has_tables(outputs: object) -> bool:
    return isinstance(outputs, dict) and bool(outputs) and all(isinstance(found, dict) for found in outputs.values())


def load_local_target(project: Path = SQL) -> Target:
    """Return the first target of a project's profile that is DuckDB."""
    outputs = _read_profile(project / PROFILES.name)["outputs"].items()
    return next(Target(name, LOCAL, settings) for name, settings in outputs if settings["type"] == LOCAL)


def has_other_engines() -> bool:
    """Return whether the profile names an engine beside the one here."""
    return any(settings.get("type") != LOCAL for settings in _read_profile(PROFILES)["outputs"].values())


def load_built_target() -> Target:
    """Return the target that the warehouse was built from last; the one here where nothing has been built."""
    return load_target(BUILT.read_text(encoding="utf-8").strip()) if BUILT.exists() else Target(LOCAL, LOCAL, {})


def keep_built_target(target: Target) -> None:
    """Record what the warehouse was built from, unless it was built here."""
    if target.is_local:
        BUILT.unlink(missing_ok=True)
        return
    with write_atomically(BUILT) as part:
        part.write_text(f"{target.name}\n", encoding="utf-8")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def render_setting(target: Target, key: str) -> str:
    """Return a setting with the values of the variables that it refers to; an empty text if there is none.

    Raises:
        ProjectError: A variable is not set.
    """

    def env_var(name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            what = f"target {target.name} needs the environment variable {name}"
            raise ProjectError(what, where=str(PROFILES), fix="set it; its value never belongs into git")
        return value

    environment = jinja2.Environment(autoescape=False)  # noqa: S701 only a page needs it
    environment.filters["as_number"] = environment.filters["as_native"] = lambda value: value
    return environment.from_string(str(target.settings.get(key, ""))).render(env_var=env_var)
