"""Pipeline files: list, choose and read them."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydantic

from mlteam.config.settings import explain_validation_error
from mlteam.config.spec import Spec
from mlteam.core.errors import NotCreatedError, ProjectError, suggest
from mlteam.core.paths import PIPELINES


def list_pipelines() -> list[str]:
    """Return the pipelines of this repository, in alphabetical order."""
    return sorted(path.stem for path in PIPELINES.glob("*.toml"))


def load_spec(name: str | None, overrides: Sequence[str] = ()) -> Spec:
    """Read the pipeline called `name`, or the only one there is.

    Args:
        name: The pipeline.
        overrides: Settings that override the file, such as "model.params.max_depth=4".
    """
    known = list_pipelines()
    if not known:
        raise NotCreatedError(
            "no pipeline yet",
            where=f"{PIPELINES}/",
            fix="bring a table: `nox -s new_pipeline -- NAME --table FILE --label COLUMN`",
        )
    if name is None and len(known) > 1:
        raise ProjectError(f"which pipeline? there are {', '.join(known)}", fix=f"add --pipeline {known[0]}")
    wanted = name or known[0]
    if wanted not in known:
        raise ProjectError(f"there is no pipeline {wanted!r}", where=f"{PIPELINES}/", fix=suggest(wanted, known))
    return read_spec_file(PIPELINES / f"{wanted}.toml", overrides)


def read_spec_file(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """Read one pipeline file, with settings that override it.

    Raises:
        ProjectError: The file is not TOML, or says something that a spec does not know; names the line.
    """
    text = path.read_text(encoding="utf-8")
    try:
        return Spec.model_validate(_apply_overrides({"name": path.stem, **tomllib.loads(text)}, overrides))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ProjectError(f"not TOML: {error}", where=f"{path}:{line[1] if line else 1}", fix="fix the line") from None
    except pydantic.ValidationError as error:
        raise explain_validation_error(error, path) from None


def _apply_overrides(settings: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return the settings with each `dotted.key=value` set; a value is TOML, or else a text."""
    for override in overrides:
        dotted, separator, value = override.partition("=")
        if not separator:
            raise ProjectError(f"--set {override!r} has no value", fix="try --set model.params.max_depth=4")
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        *tables, key = dotted.strip().split(".")
        inner = settings
        for table in tables:
            inner = inner.setdefault(table, {})
            if not isinstance(inner, dict):
                raise ProjectError(f"--set {dotted}: {table} is not a table", fix="try --set model.params.max_depth=4")
        inner[key] = parsed
    return settings
