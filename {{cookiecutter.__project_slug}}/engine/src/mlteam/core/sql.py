"""SQL helpers: connections, quoting, and queries with one row."""

from pathlib import Path
from typing import Any

import duckdb


def connect_duckdb(database: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open a database, by default in memory; a day begins at midnight UTC, whatever the time zone of the machine."""
    connection = duckdb.connect(database or ":memory:")
    connection.execute("set TimeZone = 'UTC'")
    return connection


def quote_identifier(column: str) -> str:
    """Return a column's name as SQL must spell it."""
    return '"' + column.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return a text as a SQL string."""
    return "'" + text.replace("'", "''") + "'"


def fetch_one(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> tuple[Any, ...]:
    """Return the one row of a query that has one."""
    (row,) = connection.execute(query, parameters).fetchall()
    return tuple(row)
