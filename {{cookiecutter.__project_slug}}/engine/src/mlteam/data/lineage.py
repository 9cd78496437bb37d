"""Which SQL models carry a column from its source to a relation."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot.lineage import Node

# Columns and their types, by database, schema and table.
Columns = Mapping[str, Mapping[str, Mapping[str, Mapping[str, str]]]]


def trace_column(manifest: Path, relation: str, column: str, columns: Columns, late: Sequence[str]) -> list[str]:
    """Return the models and the source that a column passes through, the relation's own first.

    Of several ways, that from a late source column is returned. Where the SQL cannot be parsed, or the column comes
    from no column, as a count does, all models that the relation is made of are.

    Args:
        manifest: dbt's manifest of a build.
        relation: The relation, as schema.table.
        column: One of its columns.
        columns: The columns of all tables.
        late: Source columns that are known after their row, as schema.table.column.
    """
    # Imported here because it takes a quarter of a second, which only a leak should cost.
    import sqlglot.errors
    import sqlglot.lineage

    content = json.loads(manifest.read_text(encoding="utf-8"))
    models = {_strip_quotes(n["relation_name"]): n for n in content["nodes"].values() if n.get("relation_name")}
    own = next(name for name in models if name.endswith(f".{relation}"))
    queries = {name: node["compiled_code"] for name, node in models.items() if node.get("compiled_code")}
    others = {name: query for name, query in queries.items() if name != own}
    try:
        root = sqlglot.lineage.lineage(column, queries[own], schema=dict(columns), sources=others, dialect="duckdb")
        paths = list(_list_paths(root, [_shorten(own)]))
    except (sqlglot.errors.SqlglotError, ValueError, KeyError):
        paths = []
    if not paths:
        return [_shorten(own), *sorted(map(_shorten, others))]
    return next((path for path in paths if path[-1] in late), max(paths, key=len))


def _list_paths(node: "Node", path: list[str]) -> Iterator[list[str]]:
    from sqlglot import exp

    table = node.source if isinstance(node.source, exp.Table) else None
    if table is not None:
        yield [*path, f"{table.db}.{table.name}.{node.name.rpartition('.')[2]}"]
        return
    step = _shorten(node.source_name)
    longer = [*path, step] if step and step != path[-1] else path
    for below in node.downstream:
        yield from _list_paths(below, longer)


def _shorten(relation: str) -> str:
    return relation.rpartition(".")[2]


def _strip_quotes(relation: str) -> str:
    return relation.replace('"', "")
