"""Reads the dbt project's sources and models with their lines, without running dbt; takes a source out."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mlteam.repository.markdown import LOADER
from mlteam.repository.toml_files import get_table

CALL = re.compile(r"\b(ref|source)\(\s*((?:['\"][^'\"]*['\"]\s*,?\s*)+)(?:v(?:ersion)?\s*=\s*[\w'\"]+\s*)?\)")
COMMENT = re.compile(r"--[^\n]*|\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """One table of an upstream system.

    `unwatched` gives the reason if it has no freshness, `origin` what its loader reads, `secret` the environment
    variable that the loader needs.
    """

    name: str
    path: str
    line: int
    description: str
    owner: str
    freshness: dict[str, Any]
    unwatched: str
    origin: str
    secret: str


@dataclass(frozen=True)
class Model:
    """One SQL model in its description file; `columns` is name to line and entry."""

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
class DbtProject:
    """The SQL layer; `errors` is path to line and reason for files that are not YAML, `files` is model to path."""

    sources: dict[str, Source] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    errors: dict[str, tuple[int, str]] = field(default_factory=dict)

    def list_read_models(self, model: str) -> set[str]:
        """Return a model and all models that it reads, directly or through others."""
        waiting, found = [model], set[str]()
        while waiting:
            found.add(name := waiting.pop())
            reads = [read for read in self.reads if read.kind == "ref" and read.path == self.files.get(name)]
            waiting += [read.target for read in reads if read.target not in found]
        return found


def read_dbt_project(descriptions: dict[str, str], sql: dict[str, str]) -> DbtProject:
    """Read the layer from its description files and SQL files, each path to text."""
    layer = DbtProject(files={path.rsplit("/", 1)[-1].removesuffix(".sql"): path for path in sql})
    for path, text in descriptions.items():
        content, error = parse_yaml(text)
        if error:
            layer.errors[path] = error
        for entry in list_tables(content.get("sources")):
            layer.sources |= {source.name: source for source in _read_sources(entry, path)}
        layer.models |= {str(e.get("name")): _read_model(e, path) for e in list_tables(content.get("models"))}
    for path, text in sql.items():
        without_comments = COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment[0]), text)
        for call in CALL.finditer(without_comments):
            names = re.findall(r"['\"]([^'\"]*)['\"]", call[2])
            target = ".".join(names) if call[1] == "source" else names[-1]
            layer.reads.append(Read(call[1], target, path, text.count("\n", 0, call.start()) + 1))
    return layer


class _Loader(LOADER):  # type: ignore[misc, valid-type]
    """Keeps the line of each mapping under the key `__line__`."""


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    return {**loader.construct_mapping(node, deep=True), "__line__": node.start_mark.line + 1}


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


@cache
def parse_yaml(text: str) -> tuple[dict[str, Any], tuple[int, str] | None]:
    """Parse a YAML text with the line of each mapping, or return the line and the reason why it is not YAML."""
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        return {}, (mark.line + 1 if mark else 1, str(getattr(error, "problem", error)))
    return get_table(content), None


def list_tables(value: object) -> list[dict[str, Any]]:
    """Return the mappings of a list, none if it is not a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _merge_config(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with the content of its `config` beside the rest, as dbt reads both; its line stays its own."""
    return {**entry, **get_table(entry, "config"), "__line__": entry["__line__"]}


def _read_sources(source: dict[str, Any], path: str) -> list[Source]:
    above = {key: value for key, value in _merge_config(source).items() if key in ("freshness", "meta")}
    found = []
    for table in list_tables(source.get("tables")):
        own = {**above, **_merge_config(table)}
        own["meta"] = {**get_table(above, "meta"), **get_table(own, "meta")}
        told = {key: str(get_table(own, "meta").get(key) or "") for key in ("owner", "unwatched", "origin", "secret")}
        name = f"{source.get('name')}.{table.get('name')}"
        described = " ".join(str(own.get("description", "")).split())
        found.append(Source(name, path, own["__line__"], described, freshness=get_table(own, "freshness"), **told))
    return found


def _read_model(entry: dict[str, Any], path: str) -> Model:
    columns = {str(c.get("name")): (int(c["__line__"]), c) for c in list_tables(entry.get("columns"))}
    tested = bool(entry.get("data_tests")) or any(c.get("data_tests") for _, c in columns.values())
    description = " ".join(str(entry.get("description", "")).split())
    return Model(str(entry.get("name")), path, int(entry["__line__"]), description, columns, tested)


def remove_source(path: Path, name: str) -> None:
    """Remove an upstream system from a file of sources, and the file with the last one; the others are not touched."""
    entries = re.split(r"(?m)^(?=  - name: )", path.read_text(encoding="utf-8"))
    own = re.compile(rf"""  - name: ['"]?{re.escape(name)}['"]?[ \t]*$""", re.MULTILINE)
    left = [entry for entry in entries if not own.match(entry)]
    if len(left) > 1:
        path.write_text("".join(left).rstrip() + "\n", encoding="utf-8", newline="\n")
    else:
        path.unlink()
