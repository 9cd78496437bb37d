"""Two builds of one table, compared cell by cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from mlteam.core import sql
from mlteam.core.errors import ProjectError
from mlteam.core.sql import quote_identifier, quote_literal

# Sums of floats depend on the order of their rows in some of the last digits.
FLOAT_TOLERANCE = 1e-9
FLOAT_TYPES = ("FLOAT", "DOUBLE")


@dataclass(frozen=True)
class Table:
    """A table of the warehouse.

    Attributes:
        relation: Its name, as schema.table.
        key: The column that names a row.
        path: The file that declares it, for messages.
    """

    relation: str
    key: str
    path: str


@dataclass(frozen=True)
class Difference:
    """A column that differs between two builds.

    Attributes:
        column: Its name.
        rows: Rows in which it differs.
        example: The first key of these.
        value: Its value there in the warehouse.
        rebuilt: Its value there in the other build.
    """

    column: str
    rows: int
    example: str
    value: str
    rebuilt: str


def compare_cells(
    connection: duckdb.DuckDBPyConnection, table: Table, rebuilt: Path, columns: Sequence[str], where: str = "true"
) -> tuple[int, list[Difference]]:
    """Compare the rows that both builds of a table have.

    Nulls equal each other; floats are equal within `FLOAT_TOLERANCE`, relative to 1 and to their size.

    Args:
        connection: The warehouse.
        table: The table there.
        rebuilt: A Parquet file of the other build.
        columns: What is compared.
        where: SQL over the table that selects rows.

    Returns:
        Number of compared rows, and the columns that differ.

    Raises:
        ProjectError: The table lacks a column.
    """
    key, relation = quote_identifier(table.key), table.relation
    types = dict(connection.execute(f"select column_name, column_type from (describe {relation})").fetchall())
    if missing := [name for name in columns if name not in types]:
        raise ProjectError(f"{relation} has no column {missing[0]!r}", where=table.path, fix="run `nox -s data`")
    both = f"""
        from (select * from {relation} where {where}) as built
        join read_parquet({quote_literal(str(rebuilt))}) as rebuilt on built.{key} = rebuilt.{key}
    """
    differs = {name: _build_difference(name, types[name]) for name in columns}
    counts = "".join(f", count(*) filter (where {condition})" for condition in differs.values())
    rows, *found = sql.fetch_one(connection, f"select count(*){counts} {both}")
    differences = []
    for (name, condition), count in zip(differs.items(), found, strict=True):
        if count:
            values = [f"coalesce(cast({part} as varchar), 'null')" for part in (f"built.{key}", *_quote_both(name))]
            example = f"select {', '.join(values)} {both} where {condition} order by all limit 1"
            differences.append(Difference(name, count, *sql.fetch_one(connection, example)))
    return rows, differences


def find_lone_keys(
    connection: duckdb.DuckDBPyConnection, table: Table, rebuilt: Path
) -> tuple[tuple[int, str], tuple[int, str]]:
    """Return number and first key of the rows that only the warehouse has, then of those that only the other has."""
    key, other = quote_identifier(table.key), f"read_parquet({quote_literal(str(rebuilt))})"

    def find(these: str, others: str) -> tuple[int, str]:
        query = f"select count(*), cast(min({key}) as varchar) from {these} as a anti join {others} as b using ({key})"
        count, first = sql.fetch_one(connection, query)
        return count, str(first)

    return find(table.relation, other), find(other, table.relation)


def _quote_both(column: str) -> tuple[str, str]:
    return f"built.{quote_identifier(column)}", f"rebuilt.{quote_identifier(column)}"


def _build_difference(name: str, kind: str) -> str:
    ours, theirs = _quote_both(name)
    differs = f"{ours} is distinct from {theirs}"
    near = f"coalesce(abs({ours} - {theirs}) <= {FLOAT_TOLERANCE} * (1 + abs({ours})), false)"
    return f"({differs} and not {near})" if kind in FLOAT_TYPES else differs
