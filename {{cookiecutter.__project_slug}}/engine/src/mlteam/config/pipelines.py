"""Pipeline files: list, choose and read them."""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydantic
import tomlkit

from mlteam.config.settings import explain_validation_error
from mlteam.config.spec import Spec
from mlteam.core.errors import NotCreatedError, ProjectError, suggest
from mlteam.core.paths import PIPELINES, PYPROJECT
from mlteam.core.project_settings import read_project_setting

PIPELINE_VARIABLE = "MODEL_PIPELINE"
DEFAULT_COMMENT = "Commands without --pipeline mean this one; launch and rollback must name theirs."


def list_pipelines() -> list[str]:
    """Return the pipelines of this repository, in alphabetical order."""
    return sorted(path.stem for path in PIPELINES.glob("*.toml"))


def choose_pipelines(name: str | None) -> list[str | None]:
    """Return the pipeline called `name`, or that of MODEL_PIPELINE, or all there are; [None] where there is none."""
    chosen = name or os.environ.get(PIPELINE_VARIABLE)
    return [chosen] if chosen else [*list_pipelines()] or [None]


def load_spec(name: str | None, overrides: Sequence[str] = (), *, named: bool = False) -> Spec:
    """Read the pipeline called `name`, or that of MODEL_PIPELINE, or the only one, or the project's default.

    Args:
        name: The pipeline.
        overrides: Settings that override the file, such as "model.params.max_depth=4".
        named: Whether the default does not count: what changes an answer must name its pipeline if there are several.
    """
    known = list_pipelines()
    if not known:
        raise NotCreatedError(
            "no pipeline yet",
            where=f"{PIPELINES}/",
            fix="bring a table: `nox -s new_pipeline -- NAME --table FILE --label COLUMN`",
        )
    wanted = name or os.environ.get(PIPELINE_VARIABLE) or (known[0] if len(known) == 1 else "")
    wanted = wanted or ("" if named else read_project_setting("pipeline"))
    if not wanted:
        fix = f"add --pipeline {known[0]}"
        fix += "" if named else f', or write pipeline = "{known[0]}" under [tool.mlteam] in {PYPROJECT}'
        raise ProjectError(f"which pipeline? there are {', '.join(known)}", fix=fix)
    if wanted not in known:
        where = f"{PIPELINES}/" if name else f"{PIPELINE_VARIABLE}, or [tool.mlteam] in {PYPROJECT}"
        raise ProjectError(f"there is no pipeline {wanted!r}", where=where, fix=suggest(wanted, known))
    return read_spec_file(PIPELINES / f"{wanted}.toml", overrides)


def keep_default(name: str) -> bool:
    """Write into pyproject.toml that commands without --pipeline mean this one, unless it names one already.

    Returns:
        Whether the file was changed.
    """
    document = tomlkit.parse(PYPROJECT.read_text(encoding="utf-8") if PYPROJECT.exists() else "")
    settings = document.get("tool", {}).get("mlteam")
    if settings is None or "pipeline" in settings:
        return False
    settings.add(tomlkit.comment(DEFAULT_COMMENT))
    settings.add("pipeline", name)
    settings.add(tomlkit.nl())
    PYPROJECT.write_text(tomlkit.dumps(document), encoding="utf-8")
    return True


def forget_default(name: str) -> bool:
    """Remove a pipeline from pyproject.toml, if it is the default there; return whether the file was changed."""
    if read_project_setting("pipeline") != name:
        return False
    document = tomlkit.parse(PYPROJECT.read_text(encoding="utf-8"))
    document["tool"]["mlteam"].remove("pipeline")
    text = tomlkit.dumps(document).replace(f"# {DEFAULT_COMMENT}\n", "")
    PYPROJECT.write_text(text, encoding="utf-8")
    return True


def read_spec_file(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """Read one pipeline file, with settings that override it.

    Raises:
        ProjectError: The file is not TOML, or says something that a spec does not know; names the line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return Spec.model_validate(_apply_overrides({"name": path.stem, **tomllib.loads(text)}, overrides))
    except UnicodeDecodeError as error:
        raise ProjectError(f"not UTF-8 text: {error.reason}", where=str(path), fix="save it as UTF-8") from None
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
