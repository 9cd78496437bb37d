"""Features that SQL makes of dates: parts of them, and the days between two."""

from collections.abc import Iterator

import duckdb

from mlteam.onboarding.columns import SourceColumn, find_column
from mlteam.onboarding.plan import Plan

# A month says something only where it came before, and a weekday only where each came several times.
MONTH_DAYS, WEEKDAY_DAYS = 730, 28
TYPED = "typed_with_dates"


def derive_date_features(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[SourceColumn]:
    """Return the features that the dates of a table give, each with SQL over clean names.

    They are cast, since `extract` gives other types on other engines.

    Args:
        connection: Where the typed rows can be read.
        plan: The columns, and which of them is the time.
    """
    dropped = {find_column(plan.columns, name, "--drop").name for name in plan.request.drop}
    taken = {column.name for column in plan.columns}
    found = []
    for column in plan.columns:
        if column.kind != "date" or column in (plan.label, plan.group) or column.name in dropped:
            continue
        for name, sql in _list_parts(connection, plan, column):
            query = f"select count(*) - count({sql}), count(distinct {sql}) from {plan.typed}"
            ((missing, distinct),) = connection.execute(query).fetchall()
            if name not in taken and distinct > 1:
                found.append(SourceColumn(column.name, name, "integer", sql, missing=missing, distinct=distinct))
    return found


def add_derived_columns(connection: duckdb.DuckDBPyConnection, plan: Plan) -> str:
    """Return the relation of the typed rows with the derived features."""
    if not plan.derived:
        return plan.typed
    added = ", ".join(f"{column.sql} as {column.name}" for column in plan.derived)
    connection.execute(f"create temp view {TYPED} as select *, {added} from {plan.typed}")
    return TYPED


def _list_parts(connection: duckdb.DuckDBPyConnection, plan: Plan, column: SourceColumn) -> Iterator[tuple[str, str]]:
    name, base = column.name, column.name.rstrip("_")
    day, hour = f"cast({name} as date)", f"extract(hour from cast({name} as timestamp))"
    late = f"bool_or({day} > cast({plan.time.name} as date))" if plan.time else "false"
    query = f"select max({day}) - min({day}), count(distinct {hour}), coalesce({late}, false) from {plan.typed}"
    ((days, hours, is_late),) = connection.execute(query).fetchall()
    if is_late:
        return  # what comes after the time of a row is not known by then
    if column is not plan.time:
        yield f"{base}_year", f"cast(extract(year from {name}) as integer)"
        if plan.time:
            yield f"{base}_days_before", f"cast(cast({plan.time.name} as date) - cast({name} as date) as integer)"
    if (days or 0) >= MONTH_DAYS or column is not plan.time:
        yield f"{base}_month", f"cast(extract(month from {name}) as integer)"
    if (days or 0) >= WEEKDAY_DAYS:
        yield f"{base}_weekday", f"cast(extract(dow from {name}) as integer)"
    if hours > 1:
        yield f"{base}_hour", f"cast(extract(hour from {name}) as integer)"
