"""Tables of PostgreSQL, BigQuery and Snowflake, as streams of their drivers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from mlteam.core.errors import ProjectError
from mlteam.core.sql import quote_literal
from mlteam.data.targets import Target, render_setting


@dataclass(frozen=True)
class Server:
    """How one kind of server is reached and asked.

    Attributes:
        connect: Opens a connection of its driver.
        describe: Returns where it is, for messages: without its password.
        columns: Where it lists the columns of a schema, its name in place of {}.
        quote: The mark before and after a name.
        double: The type of numbers.
        decimals: The types whose values the driver would give as texts.
        upper: Whether it keeps a name that is not quoted in capitals.
    """

    connect: Callable[[Target], Any]
    describe: Callable[[Target], str]
    columns: str = "information_schema.columns"
    quote: str = '"'
    double: str = "double precision"
    decimals: tuple[str, ...] = ()
    upper: bool = False

    def fold(self, name: str) -> str:
        """Return a name as the server keeps it."""
        return name.upper() if self.upper and name == name.lower() else name

    def quote_name(self, name: str) -> str:
        """Return a name as its SQL must spell it."""
        return self.quote + name.replace(self.quote, self.quote * 2) + self.quote

    def list_columns(self, schema: str, table: str) -> str:
        """Return the query of a table's columns and their types."""
        schema, table = self.fold(schema), self.fold(table)
        place = f"table_schema = {quote_literal(schema)} and table_name = {quote_literal(table)}"
        columns = self.columns.format(self.quote_name(schema))
        return f"select column_name, data_type from {columns} where {place} order by ordinal_position"

    def select_columns(self, schema: str, table: str, columns: list[tuple[str, str]]) -> str:
        """Return the query of a table's rows, with decimals as numbers and with the names that SQL uses."""
        selected = []
        for column, kind in columns:
            name, shown = self.quote_name(column), column.lower() if self.fold(column.lower()) == column else column
            value = f"cast({name} as {self.double})" if kind.lower() in self.decimals else name
            selected.append(value if value == self.quote_name(shown) else f"{value} as {self.quote_name(shown)}")
        return f"select {', '.join(selected)} from {'.'.join(self.quote_name(self.fold(n)) for n in (schema, table))}"


@contextmanager
def stream_table(target: Target, schema: str, table: str, where: str = "") -> Iterator[pa.RecordBatchReader]:
    """Stream a table, or the rows that SQL of the server chooses, with decimals as numbers.

    Raises:
        ProjectError: A variable is not set, the server does not answer, or there is no such table for the role.
    """
    server = SERVERS[target.kind]
    with stream_query(target, server.list_columns(schema, table)) as reader:
        names, kinds = (column.to_pylist() for column in reader.read_all().columns)
    if not names:
        what = f"target {target.name} has no table {schema}.{table}, or hides it from the role"
        raise ProjectError(what, fix="look at its name, and at the rights of the role")
    query = server.select_columns(schema, table, list(zip(names, kinds, strict=True)))
    with stream_query(target, f"{query} where {where}" if where else query) as reader:
        yield reader


@contextmanager
def stream_query(target: Target, query: str) -> Iterator[pa.RecordBatchReader]:
    """Run a query on the server of a target and stream its rows.

    Raises:
        ProjectError: A variable is not set, the server does not answer, or it refuses the query.
    """
    from adbc_driver_manager import Error

    server = SERVERS[target.kind]
    shown = server.describe(target)
    try:
        with server.connect(target) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            yield cursor.fetch_record_batch()
    except Error as error:
        what = f"target {target.name}: {str(error).strip().splitlines()[0][:200]}"
        raise ProjectError(what, where=shown, fix="see that it answers, and that the role may read the table") from None


def build_postgres_address(target: Target) -> tuple[str, str]:
    """Return the address of a PostgreSQL server with its password, and without it for messages."""
    part = {key: quote(render_setting(target, key), safe="") for key in ("host", "port", "user", "password", "dbname")}
    place = f"{part['host']}:{part['port']}/{part['dbname']}"
    secret = f":{part['password']}" if part["password"] else ""
    return f"postgresql://{part['user']}{secret}@{place}", f"postgresql://{part['user']}@{place}"


def build_bigquery_options(target: Target) -> dict[str, str]:
    """Return what BigQuery's driver is told; who asks is known from the credentials of the machine."""
    return {"adbc.bigquery.sql.project_id": render_setting(target, "project")} | (
        {"adbc.bigquery.sql.location": location} if (location := render_setting(target, "location")) else {}
    )


def build_snowflake_options(target: Target) -> dict[str, str]:
    """Return what Snowflake's driver is told: whole numbers are to be integers, others of double precision."""
    keys = {"account": "account", "db": "database", "warehouse": "warehouse", "role": "role"}
    given = {f"adbc.snowflake.sql.{option}": render_setting(target, key) for option, key in keys.items()}
    given |= {"username": render_setting(target, "user"), "password": render_setting(target, "password")}
    given["adbc.snowflake.sql.client_option.use_high_precision"] = "disabled"
    return {option: value for option, value in given.items() if value}


def _connect_postgres(target: Target) -> Any:
    from adbc_driver_postgresql import dbapi

    return dbapi.connect(build_postgres_address(target)[0], autocommit=True)


def _connect_bigquery(target: Target) -> Any:
    from adbc_driver_bigquery import dbapi

    return dbapi.connect(build_bigquery_options(target), autocommit=True)


def _connect_snowflake(target: Target) -> Any:
    from adbc_driver_snowflake import dbapi

    return dbapi.connect(db_kwargs=build_snowflake_options(target), autocommit=True)


SERVERS = {
    "postgres": Server(_connect_postgres, lambda target: build_postgres_address(target)[1], decimals=("numeric",)),
    "bigquery": Server(
        _connect_bigquery,
        lambda target: f"BigQuery, project {render_setting(target, 'project')}",
        columns="{}.INFORMATION_SCHEMA.COLUMNS",
        quote="`",
        double="float64",
        decimals=("numeric", "bignumeric"),
    ),
    "snowflake": Server(
        _connect_snowflake, lambda target: f"Snowflake, account {render_setting(target, 'account')}", upper=True
    ),
}
