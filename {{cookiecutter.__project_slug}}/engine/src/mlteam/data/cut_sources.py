"""Sources as they were known at an instant: later rows are gone, later values are altered, or missing.

To find a leak, values that are not yet known are not only emptied: a feature that reads them must change, also where it
skips nulls. To see what the rows of that time were, they are.
"""

from collections.abc import Callable, Mapping

import duckdb

from mlteam.core.errors import ProjectError
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.data.distributions import NUMBER_TYPES, TIME_TYPES
from mlteam.data.sources import SOURCES_FILE, Source

# One value in so many is emptied, unless there are too few to lose one.
EMPTIED, FEWEST_TO_EMPTY = 3, 10


def build_cut_query(
    connection: duckdb.DuckDBPyConnection, source: Source, instant: str, *, altered: bool = True
) -> str:
    """Return SQL that selects the rows of a source as they were known at an instant.

    Rows with a `known_at` after the instant are left out. Columns with a `known_at` of their own are altered where it
    is after the instant; those without a recorded time, in the newest rows: they become known right after their row.

    Args:
        connection: The warehouse.
        source: Says when its rows and columns become known.
        instant: As SQL reads a timestamp, UTC.
        altered: Whether a value that was not yet known is another one; else it is missing.

    Raises:
        ProjectError: A `known_at` is not SQL over the columns of the source, or names a column that is not there.
    """
    row = f"cast(({source.known_at}) as timestamp)" if source.known_at else "null"
    rows = f"select * from {source.relation} where coalesce({row} <= {_quote_instant(instant)}, true)"
    newest = f"{row} = (select max({row}) from rows_known)" if source.known_at else "false"
    late = {
        column: f"coalesce(cast(({known}) as timestamp) > {_quote_instant(instant)}, false)" if known else newest
        for column, known in source.late_columns.items()
    }
    return _build_altered(connection, source, rows, late, _alter if altered else _empty)


def build_masked_query(connection: duckdb.DuckDBPyConnection, source: Source, hidden: str) -> str:
    """Return SQL that selects a source with its late columns altered in some rows.

    Args:
        connection: The warehouse.
        source: Says which columns are known late.
        hidden: SQL over its columns that is true for these rows.
    """
    rows = f"select * from {source.relation}"
    return _build_altered(connection, source, rows, dict.fromkeys(source.late_columns, hidden), _alter)


def _build_altered(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    rows: str,
    late: Mapping[str, str],
    alter: Callable[[str, str, int], str],
) -> str:
    types = _read_types(connection, source, f"with rows_known as ({rows}) select * from rows_known")
    if unknown := [column for column in late if column not in types]:
        what = f"source {source.name} has no column {unknown[0]!r}, whose known_at is declared"
        raise ProjectError(what, where=str(SOURCES_FILE), fix=f"known: {', '.join(types)}")
    if not late:
        return rows
    flags = "".join(f", {condition} as {_make_flag(n)}" for n, condition in enumerate(late.values()))
    altered = ", ".join(alter(column, types[column], n) for n, column in enumerate(late))
    query = f"""
        with rows_known as ({rows}),
        flagged as (select *, hash(rows_known) % {EMPTIED} as lot{flags} from rows_known)
        select * exclude (lot, {", ".join(_make_flag(n) for n in range(len(late)))})
        replace ({altered}) from flagged
    """
    _read_types(connection, source, query)
    return query


def _make_flag(number: int) -> str:
    return f"is_late_{number}"


def _alter(column: str, kind: str, number: int) -> str:
    """Return a column with another value wherever it is not yet known: greater, later, swapped, or none.

    Never less or earlier: SQL that asks whether a time has come, or adds a duration to one, must not find it sooner.
    """
    name, flag = quote_identifier(column), _make_flag(number)
    low, high = (f"(select {way}({name}) from rows_known)" for way in ("min", "max"))
    if kind == "BOOLEAN":
        other = f"not {name}"
    elif NUMBER_TYPES.fullmatch(kind):
        other = f"try_cast(cast({name} as double) + cast({high} as double) - cast({low} as double) + 1 as {kind})"
    elif TIME_TYPES.fullmatch(kind):
        other = f"cast({name} + interval 1 day as {kind})"
    else:
        other = f"case when {name} = {high} then {low} else {high} end"
    many = f"(select count(*) from flagged where {flag}) >= {FEWEST_TO_EMPTY}"
    unknown = f"when {flag} and lot = 0 and {many} then null"
    return f"case {unknown} when {flag} then coalesce({other}, {high}) else {name} end as {name}"


def _empty(column: str, kind: str, number: int) -> str:
    """Return a column without the values that are not yet known."""
    name = quote_identifier(column)
    return f"case when not {_make_flag(number)} then {name} else cast(null as {kind}) end as {name}"


def _quote_instant(instant: str) -> str:
    return f"cast({quote_literal(instant)} as timestamp)"


def _read_types(connection: duckdb.DuckDBPyConnection, source: Source, query: str) -> dict[str, str]:
    try:
        found = connection.execute(f"describe {query}").fetchall()
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        what = f"known_at of source {source.name} is not SQL over its columns: {first}"
        raise ProjectError(what, where=str(SOURCES_FILE), fix="write SQL that gives a timestamp (UTC)") from None
    return {name: kind for name, kind, *_ in found}
