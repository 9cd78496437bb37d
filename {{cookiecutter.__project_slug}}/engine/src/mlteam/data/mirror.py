"""Tables of another engine, copied to the warehouse here: what reads them needs no other engine."""

from collections.abc import Iterable

import duckdb

from mlteam.core.errors import ProjectError
from mlteam.core.paths import WAREHOUSE
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.data.targets import Target, stream_query
from mlteam.data.warehouse import connect


def copy_relations(target: Target, relations: Iterable[tuple[str, str]]) -> None:
    """Copy tables in a stream, each whole or not at all.

    Args:
        target: Where they are.
        relations: Schema and name of each; it has the same here.

    Raises:
        ProjectError: One is not there, or the engine does not answer.
    """
    WAREHOUSE.parent.mkdir(exist_ok=True)
    with connect(write=True) as connection:
        for schema, table in relations:
            with stream_query(target, _build_query(target, schema, table)) as rows:
                connection.register("streamed", rows)
                connection.begin()
                try:
                    _replace_table(connection, schema, table)
                except duckdb.Error as error:
                    connection.rollback()
                    what = f"target {target.name}: the rows of {schema}.{table} ended: {str(error).splitlines()[0]}"
                    raise ProjectError(what, fix="run the command again; the rows of before stay") from None
                connection.commit()
                connection.unregister("streamed")


def _replace_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> None:
    connection.execute(f"create schema if not exists {quote_identifier(schema)}")
    # A view of that name is what a build here has left.
    for kind in ("view", "table"):
        _drop(connection, kind, schema, table)
    name = f"{quote_identifier(schema)}.{quote_identifier(table)}"
    connection.execute(f"create table {name} as select * from streamed")


def _build_query(target: Target, schema: str, table: str) -> str:
    """Return the query of a whole table, with decimals as numbers: the driver would stream them as texts."""
    place = f"table_schema = {quote_literal(schema)} and table_name = {quote_literal(table)}"
    asked = f"select column_name, data_type from information_schema.columns where {place} order by ordinal_position"
    with stream_query(target, asked) as reader:
        columns = [(str(row["column_name"]), str(row["data_type"])) for row in reader.read_all().to_pylist()]
    name = f"{quote_identifier(schema)}.{quote_identifier(table)}"
    if not columns:
        what = f"target {target.name} has no table {schema}.{table}, or hides it from the role"
        raise ProjectError(what, fix="look at its name, and at the rights of the role")
    selected = [
        f"cast({quote_identifier(column)} as double precision) as {quote_identifier(column)}"
        if kind == "numeric"
        else quote_identifier(column)
        for column, kind in columns
    ]
    return f"select {', '.join(selected)} from {name}"


def _drop(connection: duckdb.DuckDBPyConnection, kind: str, schema: str, table: str) -> None:
    stored = "VIEW" if kind == "view" else "BASE TABLE"
    query = "select count(*) from information_schema.tables where (table_schema, table_name, table_type) = (?, ?, ?)"
    if connection.execute(query, [schema, table, stored]).fetchall() != [(0,)]:
        connection.execute(f"drop {kind} {quote_identifier(schema)}.{quote_identifier(table)}")
