"""Tables of PostgreSQL, as streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pyarrow as pa

from mlteam.core.errors import ProjectError
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.data.targets import Target, render_setting


@contextmanager
def stream_table(target: Target, schema: str, table: str) -> Iterator[pa.RecordBatchReader]:
    """Stream a whole table, with decimals as numbers: the driver would give them as texts.

    Raises:
        ProjectError: A variable is not set, the server does not answer, or there is no such table for the role.
    """
    place = f"table_schema = {quote_literal(schema)} and table_name = {quote_literal(table)}"
    asked = f"select column_name, data_type from information_schema.columns where {place} order by ordinal_position"
    with stream_query(target, asked) as reader:
        columns = [(str(row["column_name"]), str(row["data_type"])) for row in reader.read_all().to_pylist()]
    if not columns:
        what = f"target {target.name} has no table {schema}.{table}, or hides it from the role"
        raise ProjectError(what, fix="look at its name, and at the rights of the role")
    selected = [
        f"cast({quote_identifier(column)} as double precision) as {quote_identifier(column)}"
        if kind == "numeric"
        else quote_identifier(column)
        for column, kind in columns
    ]
    query = f"select {', '.join(selected)} from {quote_identifier(schema)}.{quote_identifier(table)}"
    with stream_query(target, query) as reader:
        yield reader


@contextmanager
def stream_query(target: Target, query: str) -> Iterator[pa.RecordBatchReader]:
    """Run a query on the server of a target and stream its rows.

    Raises:
        ProjectError: A variable is not set, the server does not answer, or it refuses the query.
    """
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    address, shown = build_address(target)
    try:
        with dbapi.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            yield cursor.fetch_record_batch()
    except Error as error:
        what = f"target {target.name}: {str(error).strip().splitlines()[0][:200]}"
        raise ProjectError(what, where=shown, fix="see that it answers, and that the role may read the table") from None


def build_address(target: Target) -> tuple[str, str]:
    """Return the address of a server with its password, and without it for messages."""
    part = {key: quote(render_setting(target, key), safe="") for key in ("host", "port", "user", "password", "dbname")}
    place = f"{part['host']}:{part['port']}/{part['dbname']}"
    secret = f":{part['password']}" if part["password"] else ""
    return f"postgresql://{part['user']}{secret}@{place}", f"postgresql://{part['user']}@{place}"
