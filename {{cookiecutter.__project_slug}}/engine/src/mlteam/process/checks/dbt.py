"""Reads the dbt project's sources and models with their lines, without running dbt."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

CALL = re.compile(r"\b(ref|source)\(\s*((?:['\"][^'\"]*['\"]\s*,?\s*)+)(?:v(?:ersion)?\s*=\s*[\w'\"]+\s*)?\)")
REMARK = re.compile(r"--[^\n]*|\{#.*?#\}", re.DOTALL)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Source:
    """One table of an upstream system; `unwatched` says why it has no freshness."""

    name: str
    path: str
    line: int
    description: str
    owner: str
    freshness: dict[str, Any]
    unwatched: str


@dataclass(frozen=True)
class Model:
    """One SQL model as its description file presents it; `columns` is name to (line, column entry)."""

    name: str
    path: str
    line: int
    description: str
    columns: dict[str, tuple[int, dict[str, Any]]]
    tested: bool


@dataclass(frozen=True)
class Read:
    """A `ref()` or `source()` in a SQL file."""

    kind: str
    target: str
    path: str
    line: int


@dataclass
class Dbt:
    """The whole SQL layer; `errors` is path to (line, reason) for description files that are no YAML."""

    sources: dict[str, Source] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    errors: dict[str, tuple[int, str]] = field(default_factory=dict)


def read(descriptions: dict[str, str], sql: dict[str, str]) -> Dbt:
    """Read the layer from its description files and SQL files, each path to text."""
    layer = Dbt(files={path.rsplit("/", 1)[-1].removesuffix(".sql"): path for path in sql})
    for path, text in descriptions.items():
        content, error = _load(text)
        if error:
            layer.errors[path] = error
        for entry in _dicts(content.get("sources")):
            layer.sources |= {table.name: table for table in _tables(entry, path)}
        for entry in _dicts(content.get("models")):
            model = _model(entry, path)
            layer.models[model.name] = model
    for path, text in sql.items():
        read_by_dbt = REMARK.sub(lambda remark: re.sub(r"[^\n]", " ", remark[0]), text)
        for call in CALL.finditer(read_by_dbt):
            names = re.findall(r"['\"]([^'\"]*)['\"]", call[2])
            target = ".".join(names) if call[1] == "source" else names[-1]
            layer.reads.append(Read(call[1], target, path, text.count("\n", 0, call.start()) + 1))
    return layer


class _Loader(LOADER):  # type: ignore[misc, valid-type]
    """Keeps the line of each mapping under the key `__line__`."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        mapping["__line__"] = node.start_mark.line + 1
        return mapping


def _construct(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _construct)


@cache
def _load(text: str) -> tuple[dict[str, Any], tuple[int, str] | None]:
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        return {}, (mark.line + 1 if mark else 1, str(getattr(error, "problem", error)))
    return (content if isinstance(content, dict) else {}), None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _merged(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with what stands under its `config` beside the rest, as dbt reads both."""
    config = entry.get("config")
    return {**entry, **config} if isinstance(config, dict) else entry


def _tables(source: dict[str, Any], path: str) -> list[Source]:
    above = _merged(source)
    tables = []
    for table in _dicts(source.get("tables")):
        own: dict[str, Any] = {k: above[k] for k in ("freshness", "meta") if k in above}
        own |= _merged(table)
        meta, freshness = _dict(own.get("meta")), _dict(own.get("freshness"))
        description = " ".join(str(own.get("description", "")).split())
        name = f"{source.get('name')}.{table.get('name')}"
        owner, unwatched = (str(meta.get(key) or "") for key in ("owner", "unwatched"))
        tables.append(Source(name, path, table["__line__"], description, owner, freshness, unwatched))
    return tables


def _model(entry: dict[str, Any], path: str) -> Model:
    columns = {str(c.get("name")): (int(c["__line__"]), c) for c in _dicts(entry.get("columns"))}
    tests = entry.get("data_tests") or any(c.get("data_tests") for _, c in columns.values())
    description = " ".join(str(entry.get("description", "")).split())
    return Model(str(entry.get("name")), path, int(entry["__line__"]), description, columns, bool(tests))
