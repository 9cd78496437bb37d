"""Settings in TOML: frozen, without unknown keys, with the line of each error."""

import re
from pathlib import Path
from typing import Any, get_args

import pydantic

from mlteam.core.errors import ProjectError, suggest


class Settings(pydantic.BaseModel):
    """Immutable settings that refuse what they do not know."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def explain_validation_error(error: pydantic.ValidationError, path: Path, prefix: tuple[str, ...] = ()) -> ProjectError:
    """Describe the first error that pydantic found in a pipeline file, with its line.

    Args:
        error: What pydantic raised.
        path: The pipeline file.
        prefix: The table that contains the validated settings, such as ("model", "params").
    """
    # A misspelt key is missing under its right name as well; the unknown one is the cause.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    loc = tuple(part for part in first["loc"] if isinstance(part, str))
    if loc[:1] == ("splits",):
        # Between the table and its key pydantic names which kind of splits was meant; the file has no such key.
        loc = loc[:1] + loc[2:]
    keys = [*prefix, *loc]
    where = f"{path}:{find_line(path.read_text(encoding='utf-8'), keys)}"
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return ProjectError(f"unknown key {'.'.join(keys)}", where=where, fix=_suggest_key(error.title, loc))
    if first["type"] == "missing":
        return ProjectError(f"{'.'.join(keys)} is missing", where=where, fix=f"add {keys[-1]} = …")
    return ProjectError(
        f"{'.'.join(keys)}: {message}" if keys else message, where=where, fix="change it in the pipeline file"
    )


def _suggest_key(title: str, loc: tuple[str, ...]) -> str:
    models: list[Any] = [known for known in Settings.__subclasses__() if known.__name__ == title]
    for parent in loc[:-1]:
        fields = [f for model in models for name, f in model.model_fields.items() if parent in (name, f.alias)]
        kinds = [kind for field in fields for kind in (get_args(field.annotation) or (field.annotation,))]
        # A name that is not a field is one that the team gave, such as that of a dataset.
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Settings)] or models
    known = [field.alias or name for model in models for name, field in model.model_fields.items()]
    return suggest(loc[-1], [name for name in known if name != "name"])


def find_line(text: str, keys: list[str]) -> int:
    """Return the line, counted from 1, of a TOML key, or else of the nearest table above it."""
    found: dict[tuple[str, ...], int] = {}
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = _split_dotted_key(header[1])
            found.setdefault(tuple(table), number)
        elif key := re.match(r"\s*([\w.\"' -]+?)\s*=", line):
            found.setdefault((*table, *_split_dotted_key(key[1])), number)
    return next((found[tuple(keys[:depth])] for depth in range(len(keys), 0, -1) if tuple(keys[:depth]) in found), 1)


def _split_dotted_key(dotted: str) -> list[str]:
    return [part.strip(" \"'") for part in dotted.split(".")]
