"""Tables of another engine, copied to the warehouse here: what reads them needs no other engine."""

from collections.abc import Iterable

import duckdb

from mlteam.core.errors import ProjectError
from mlteam.core.paths import WAREHOUSE
from mlteam.core.sql import quote_identifier
from mlteam.data import streams
from mlteam.data.targets import Target
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
            with streams.stream_table(target, schema, table) as rows:
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


def _drop(connection: duckdb.DuckDBPyConnection, kind: str, schema: str, table: str) -> None:
    stored = "VIEW" if kind == "view" else "BASE TABLE"
    query = "select count(*) from information_schema.tables where (table_schema, table_name, table_type) = (?, ?, ?)"
    if connection.execute(query, [schema, table, stored]).fetchall() != [(0,)]:
        connection.execute(f"drop {kind} {quote_identifier(schema)}.{quote_identifier(table)}")
