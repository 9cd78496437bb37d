"""SQL helpers: quoting, and queries with one row."""

from typing import Any

import duckdb


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
