"""The column that --time names, where its dates are written as numbers."""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from mlteam.core.errors import ProjectError
from mlteam.onboarding.columns import SourceColumn

YEARS = (1500, 2200)
# Seconds since 1970 from the year 1973 on; milliseconds and microseconds are a thousand and a million times as many.
FIRST_SECOND, LAST_SECOND = 100_000_000, 7_258_118_400
FIX = "write dates as 2013-01-31, 2013-01 or 2013, or as seconds since 1970"


def read_numbers_as_dates(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[SourceColumn], time: SourceColumn
) -> list[SourceColumn]:
    """Return the columns, that of the time as dates if it holds years, 20130131, 201301 or seconds since 1970.

    Args:
        connection: Where the table can be read.
        table: What SQL selects from.
        columns: All columns.
        time: The one that --time names.

    Raises:
        ProjectError: Its values are numbers of another kind.
    """
    if time.kind not in ("integer", "number"):
        return list(columns)
    number = f"cast({time.sql} as bigint)"
    for sql, fits in list_readings(number):
        whole = f"bool_and({time.sql} is null or ({time.sql} = {number} and coalesce({fits}, false)))"
        if connection.execute(f"select {whole} from {table}").fetchall() == [(True,)]:
            return [replace(c, kind="date", sql=sql) if c is time else c for c in columns]
    what = f"--time: column {time.raw!r} holds numbers that are neither years nor dates nor seconds since 1970"
    raise ProjectError(what, fix=FIX)


def list_readings(number: str) -> list[tuple[str, str]]:
    """Return how a number may be a date, and the condition under which it is."""
    text = f"cast({number} as varchar)"
    readings = [(f"cast({text} || '-01-01' as date)", f"{number} between {YEARS[0]} and {YEARS[1]}")]
    for length, form in ((8, "%Y%m%d"), (6, "%Y%m")):
        parsed = f"try_strptime({text}, '{form}')"
        in_years = f"year({parsed}) between {YEARS[0]} and {YEARS[1]}"
        readings.append((f"cast(strptime({text}, '{form}') as date)", f"length({text}) = {length} and {in_years}"))
    for per_second in (1, 1_000, 1_000_000):
        within = f"{number} between {FIRST_SECOND * per_second} and {LAST_SECOND * per_second}"
        readings.append((f"make_timestamp({number} * {1_000_000 // per_second})", within))
    return readings
