"""Sources that come again: fetched again once they are old, and compared with what was there."""

import datetime as dt

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pyarrow.types as kinds

from mlteam.core import sql
from mlteam.core.errors import ProjectError
from mlteam.core.sql import connect_duckdb, quote_literal
from mlteam.data.sources import LOADED_AT, Source

# Fewer rows than this share of those before are no delivery.
MIN_SHARE = 0.5
SECONDS_PER_HOUR = 3600


def needs_fetch(source: Source, now: dt.datetime, *, refresh: bool) -> bool:
    """Return whether a source must be fetched: it is not there, was asked for, or is past its warning age.

    Args:
        source: The declaration.
        now: The moment that its age is counted to, UTC.
        refresh: Whether it is asked for, whatever its age.
    """
    if source.location is None:
        return False
    if not source.location.exists():
        return True
    if ":" not in source.loader:
        return False
    return refresh or _is_old(source, now)


def _is_old(source: Source, now: dt.datetime) -> bool:
    if source.refresh_after_hours is None:
        return False
    try:
        with connect_duckdb() as connection:
            (loaded,) = sql.fetch_one(connection, f"select max({LOADED_AT}) from {source.relation}")
    except duckdb.Error:
        loaded = None
    # A file without rows, or that is not whole, is named with what to do by the check that follows.
    if loaded is None:
        return False
    return bool((now.replace(tzinfo=None) - loaded).total_seconds() / SECONDS_PER_HOUR > source.refresh_after_hours)


def reject_worse_rows(source: Source, came: pa.Table) -> None:
    """Refuse a delivery that cannot take the place of the rows before; they stay as they are.

    Args:
        source: The declaration; its file holds the rows before.
        came: The rows that were fetched.

    Raises:
        ProjectError: A column is gone or has another type, far fewer rows came, each row came twice, or rows are known
            only from a time that lies ahead.
    """
    if source.location is None or not source.location.exists():
        return
    try:
        before = pyarrow.parquet.read_schema(source.location)
        rows_before = pyarrow.parquet.read_metadata(source.location).num_rows
    except (pa.ArrowInvalid, OSError):
        return  # a file that is not whole is worth nothing
    for field in before:
        if field.name == LOADED_AT:
            continue
        if field.name not in came.column_names:
            raise _make_error(source, f"column {field.name!r} is gone; there are {', '.join(came.column_names)}")
        kind = came.schema.field(field.name).type
        if _name_family(kind) != _name_family(field.type):
            raise _make_error(source, f"column {field.name!r} is {kind}, not {field.type}")
    if came.num_rows < MIN_SHARE * rows_before:
        raise _make_error(source, f"{came.num_rows:,} rows came, {rows_before:,} were there")
    with connect_duckdb() as connection:
        connection.register("came", came)
        distinct = "select count(distinct hash(t)) from {} as t"
        if came.num_rows > rows_before:
            (different,) = sql.fetch_one(connection, distinct.format("came"))
            file = f"(select * exclude ({LOADED_AT}) from read_parquet({quote_literal(str(source.location))}))"
            (different_before,) = sql.fetch_one(connection, distinct.format(file))
            if 2 * different <= came.num_rows and different_before == rows_before:
                raise _make_error(source, f"each row came twice: {different:,} of {came.num_rows:,} are different")
        if source.known_at:
            _reject_future_rows(connection, source)


def _name_family(kind: pa.DataType) -> str:
    """Return what a type is about: widths and units differ between deliveries, and SQL casts them."""
    if kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind):
        return "number"
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return "text"
    return "time" if kinds.is_temporal(kind) else str(kind)


def _reject_future_rows(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    known = f"cast(({source.known_at}) as timestamp)"
    query = f"select count(*), max({known}) from came where {known} > now()::timestamp + interval 1 day"
    ahead, last = sql.fetch_one(connection, query)
    if ahead:
        raise _make_error(source, f"{ahead:,} rows are from the future, up to {last}")


def _make_error(source: Source, what: str) -> ProjectError:
    return ProjectError(
        f"source {source.name} came worse than before: {what}; the rows of before stay",
        where=str(source.location),
        fix=f"ask its owner ({source.owner}); to accept what came, delete the file and run `nox -s data`",
    )
