"""Further tables whose columns are joined to the rows: of each row at most one of theirs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from mlteam.core.errors import ProjectError
from mlteam.core.paths import RAW
from mlteam.core.sql import fetch_one, quote_identifier
from mlteam.data.sources import Source
from mlteam.onboarding.columns import SourceColumn, count_values, find_column, inspect_columns
from mlteam.onboarding.names import PIPELINE_NAME_PATTERN, slugify_name

EXAMPLE = "films.csv:film_id, or films.csv:film=id where the names differ"


@dataclass(frozen=True)
class Join:
    """What `--join FILE:COLUMN` asks for.

    Attributes:
        text: As it was written.
        file: The path.
        keys: Of each column that both tables have, its name in the rows and in the file.
    """

    text: str
    file: str
    keys: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """What the table is called in SQL."""
        return slugify_name(Path(self.file).name.partition(".")[0])


@dataclass(frozen=True)
class JoinedTable:
    """A table that is joined.

    Attributes:
        source: The upstream table.
        columns: All of its columns; those that are not keys have names that no other table uses.
        keys: Of each key, the column of the rows and that of this table.
        rows: Number of its rows.
        matched: How many of the rows have one in it.
    """

    source: Source
    columns: list[SourceColumn]
    keys: list[tuple[SourceColumn, SourceColumn]]
    rows: int = 0
    matched: int = 0

    @property
    def model(self) -> str:
        """The name of its staging model."""
        return f"stg_{self.source.system}__{self.source.table}"

    @property
    def key_names(self) -> set[str]:
        """The names of its keys."""
        return {own.name for _, own in self.keys}

    @property
    def added(self) -> list[SourceColumn]:
        """The columns that the rows get."""
        return [c for c in self.columns if c.name not in self.key_names and c.kind != "other"]


def parse_joins(texts: Sequence[str], pipeline: str) -> list[Join]:
    """Read what `--join` says, once for each table.

    Raises:
        ProjectError: One is not written as it must be, or two files have the same name, or one that of the pipeline.
    """
    joins = [_parse_join(text) for text in texts]
    names = [pipeline, *(join.name for join in joins)]
    if again := next((name for name in names if names.count(name) > 1), ""):
        raise ProjectError(f"--join: two tables are called {again}", fix="rename the file, or choose another name")
    return joins


def _parse_join(text: str) -> Join:
    file, _, named = text.rpartition(":")
    pairs = [part.partition("=") for part in named.split(",")]
    keys = tuple((left.strip(), (right or left).strip()) for left, _, right in pairs)
    if not file or not all(left and right for left, right in keys):
        raise ProjectError(f"--join: {text!r} does not name a file and a column", fix=f"write {EXAMPLE}")
    join = Join(text, file, keys)
    if not PIPELINE_NAME_PATTERN.fullmatch(join.name):
        raise ProjectError(f"--join: {file!r} cannot name a table", fix="use letters and digits in the file's name")
    return join


def build_source(system: str, join: Join, owner: str) -> Source:
    """Return the upstream table of a join, beside that of the rows."""
    location = RAW / system / f"{join.name}.parquet"
    relation = f"read_parquet('{location.as_posix()}')"
    return Source(system, join.name, "mlteam.data.loaders:load_file", owner, join.file, location, relation)


def inspect_joins(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Source], joins: Sequence[Join], columns: list[SourceColumn]
) -> list[JoinedTable]:
    """Look at tables that are joined one after the other; a later one may be joined by a column of an earlier one.

    Args:
        connection: Where they can be read.
        tables: The upstream tables.
        joins: What was asked for of each.
        columns: Those of the rows.

    Raises:
        ProjectError: A column is not there, the two sides hold other kinds of values, or a key is not unique.
    """
    found: list[JoinedTable] = []
    for source, join in zip(tables, joins, strict=True):
        known = [*columns, *(column for before in found for column in before.added)]
        found.append(_inspect_join(connection, source, join, known))
    return found


def _inspect_join(
    connection: duckdb.DuckDBPyConnection, source: Source, join: Join, columns: Sequence[SourceColumn]
) -> JoinedTable:
    own, option = inspect_columns(connection, source.relation), f"--join {join.text}"
    keys = [(find_column(columns, left, option), find_column(own, right, option)) for left, right in join.keys]
    for left, right in keys:
        if left.kind != right.kind or right.kind == "other":
            what = f"{option}: {left.raw!r} is {left.kind} in the rows, and {right.raw!r} is {right.kind} in the file"
            raise ProjectError(what, fix="write both in the same form")
    taken, key_names = {column.name for column in columns}, {right.name for _, right in keys}
    renamed = [
        replace(c, name=f"{source.table}_{c.name.rstrip('_')}") if c.name in taken - key_names else c for c in own
    ]
    if again := next((c.name for c in renamed if c.name in taken - key_names), ""):
        raise ProjectError(f"{option}: there is a column {again!r} already", fix="rename it in the file")
    named = ", ".join(right.sql for _, right in keys)
    present = " and ".join(f"{right.sql} is not null" for _, right in keys)
    counted = f"select count(*), count(distinct ({named})) filter (where {present}) from {source.relation}"
    rows, distinct = fetch_one(connection, counted)
    if distinct < rows:
        names = ", ".join(right.raw for _, right in keys)
        what = f"{option}: {names} is missing or repeated in {rows - distinct:,} of {rows:,} rows of the file"
        raise ProjectError(what, fix=f"bring one row for each, or name more columns, such as {join.file}:{names},DAY")
    return JoinedTable(source, [replace(c, table=source.table) for c in renamed], keys, rows)


def join_rows(
    connection: duckdb.DuckDBPyConnection, typed: str, joined: Sequence[JoinedTable]
) -> tuple[str, list[JoinedTable]]:
    """Join the typed rows with further tables, as SQL will.

    Args:
        connection: Where all can be read.
        typed: The relation of the typed rows.
        joined: The tables.

    Returns:
        The relation of the joined rows, and the tables with what is known of their columns in these rows.

    Raises:
        ProjectError: No row has one in a table.
    """
    found = []
    for table in joined:
        own = ", ".join(f"{c.sql} as {quote_identifier(c.name)}" for c in table.columns if c.kind != "other")
        on = " and ".join(f"main.{left.name} = other.{right.name}" for left, right in table.keys)
        added = "".join(f", other.{quote_identifier(column.name)}" for column in table.added)
        target, key = f"joined_{table.source.table}", table.keys[0][1].name
        connection.execute(
            f"create temp table {target} as select main.*{added}, other.{key} is not null as _matched "
            f"from {typed} as main left join (select {own} from {table.source.relation}) as other on {on}"
        )
        (matched,) = fetch_one(connection, f"select count(*) filter (where _matched) from {target}")
        if not matched:
            names = ", ".join(right.raw for _, right in table.keys)
            what = f"--join: no row has its {names} in {table.source.origin}"
            raise ProjectError(what, fix="look whether both write it in the same way")
        connection.execute(f"alter table {target} drop column _matched")
        counted = {c.name: count_values(connection, target, replace(c, sql=c.name)) for c in table.added}
        columns = [replace(counted[c.name], sql=c.sql) if c.name in counted else c for c in table.columns]
        found.append(replace(table, columns=columns, matched=int(matched)))
        typed = target
    return typed, found


def reject_joined(column: SourceColumn, option: str) -> None:
    """Reject a joined column where one of the rows' own is needed.

    Raises:
        ProjectError: It is of another table.
    """
    if column.table:
        what = f"{option}: {column.raw!r} is a column of {column.table}, which is joined"
        raise ProjectError(what, fix="bring that table as --table, or copy the column into the rows")
