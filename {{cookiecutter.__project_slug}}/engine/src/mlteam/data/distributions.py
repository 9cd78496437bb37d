"""How the columns of a snapshot are spread, counted in DuckDB over its Parquet file, which is the view `seen`."""

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import Any

import duckdb

from mlteam.config.spec import Spec
from mlteam.core.sql import fetch_one, quote_identifier

COLUMN_HISTOGRAM_BINS = 30
MAX_CHART_VALUES = 12
MAX_CHART_LABELS = 6
MIN_VALUE_ROWS = 2
OTHER_VALUES = "all others"
NUMBER_TYPES = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL\(.*\)")
TIME_TYPES = re.compile(r"DATE|TIMESTAMP[^\[]*")
MAX_DAYS_BY_DAY, MAX_DAYS_BY_MONTH = 62, 3_700


@dataclass(frozen=True)
class Share:
    """The part of the rows of a label that has a value, or lies in the range that begins `at` it."""

    label: str
    at: float | str
    order: int
    share: float


def is_number(kind: str) -> bool:
    """Return whether a type of DuckDB is one of numbers."""
    return NUMBER_TYPES.fullmatch(kind) is not None


def is_time(kind: str) -> bool:
    """Return whether a type of DuckDB is one of days or moments."""
    return TIME_TYPES.fullmatch(kind) is not None


def is_personal(spec: Spec, column: str) -> bool:
    """Return whether a column is declared to are about people."""
    return column in (*spec.privacy.identifiers, *spec.privacy.quasi_identifiers, *spec.privacy.sensitive)


def build_label_expression(spec: Spec, column: str) -> str:
    """SQL for what the rows of a column's picture are told apart by: the class, or nothing."""
    if spec.task == "regression" or column == spec.data.label:
        return "'all'"
    return f"cast({quote_identifier(spec.data.label)} as varchar)"


def compute_histogram(connection: duckdb.DuckDBPyConnection, spec: Spec, column: str, kind: str) -> list[Share]:
    """Shares of each label's rows in 30 ranges between the outermost thousandths; times in milliseconds since 1970.

    Ranges of a personal column in which fewer than k rows lie are left out.
    """
    name, label = quote_identifier(column), build_label_expression(spec, column)
    value = f"epoch_ms(cast({name} as timestamp))" if is_time(kind) else f"cast({name} as double)"
    inside = (
        f"from seen where isfinite({name if is_time(kind) else value}) and {label} in ({_build_labels_query(label)})"
    )
    ends = f"select quantile_cont(v, 0.001), quantile_cont(v, 0.999) from (select {value} as v {inside})"
    low, high = fetch_one(connection, ends)
    if low is None or not 0 < high - low < math.inf:
        return []
    width = (high - low) / COLUMN_HISTOGRAM_BINS
    at = f"cast(least(greatest(floor(({value} - {low!r}) / {width!r}), 0), {COLUMN_HISTOGRAM_BINS - 1}) as integer)"
    found = connection.execute(f"select {label}, {at}, count(*) {inside} group by 1, 2 order by 1").fetchall()
    fewest = spec.privacy.k if is_personal(spec, column) else 1
    totals = _sum_by_label((one_label, count) for one_label, _, count in found)
    counts = {(one_label, place): count for one_label, place, count in found if count >= fewest}
    # The end of the last range closes the picture.
    places = [(place, low + width * min(place, COLUMN_HISTOGRAM_BINS)) for place in range(COLUMN_HISTOGRAM_BINS + 1)]
    return [
        Share(name, at, place, counts.get((name, place), 0) / total)
        for name, total in totals.items()
        for place, at in places
    ]


def compute_value_shares(connection: duckdb.DuckDBPyConnection, spec: Spec, column: str, kind: str) -> list[Share]:
    """Shares of each label's rows in the most frequent values, the others together.

    A value of a single row is not named, of a personal column none that fewer than k rows have. Numbers come in their
    order, all else by how frequent it is.
    """
    value, label = f"cast({quote_identifier(column)} as varchar)", build_label_expression(spec, column)
    fewest = max(MIN_VALUE_ROWS, spec.privacy.k) if is_personal(spec, column) else MIN_VALUE_ROWS
    known = f"{quote_identifier(column)} is not null"
    most = f"select {value} as value from seen where {known} group by 1 having count(*) >= {fewest}"
    most += f" order by count(*) desc, 1 limit {MAX_CHART_VALUES}"
    names = [row[0] for row in connection.execute(most).fetchall()]
    if not names:
        return []
    found = connection.execute(
        f"select {label}, most.value, count(*) from seen left join ({most}) most on most.value = {value} "
        f"where {known} and {label} in ({_build_labels_query(label)}) group by 1, 2"
    ).fetchall()
    totals = _sum_by_label((one_label, count) for one_label, _, count in found)
    if is_number(kind):
        names.sort(key=float)
    order = {name: place for place, name in enumerate(names)} | {None: len(names)}
    rows = [Share(name, v if v is not None else OTHER_VALUES, order[v], c / totals[name]) for name, v, c in found]
    return sorted(rows, key=lambda row: (row.order, row.label))


def aggregate_over_time(
    connection: duckdb.DuckDBPyConnection, spec: Spec
) -> tuple[str, list[tuple[dt.date, int, float | None]]]:
    """Rows and mean label by month, or by day or year where the time is short or long: the unit and the rows."""
    at = quote_identifier(spec.data.time or "")
    (days,) = fetch_one(connection, f"select date_diff('day', min({at}), max({at})) from seen")
    unit = "day" if (days or 0) < MAX_DAYS_BY_DAY else "month" if days < MAX_DAYS_BY_MONTH else "year"
    start, mean = f"cast(date_trunc('{unit}', {at}) as date)", _build_mean_expression(connection, spec)
    query = f"select {start}, count(*), {mean} from seen where {at} is not null group by 1 order by 1"
    return unit, connection.execute(query).fetchall()


def find_positive_label(connection: duckdb.DuckDBPyConnection, spec: Spec) -> str:
    """Return the label of two that the model gives the probability of."""
    if spec.data.positive is not None:
        return spec.data.positive
    return str(fetch_one(connection, f"select cast(max({quote_identifier(spec.data.label)}) as varchar) from seen")[0])


def compute_median(connection: duckdb.DuckDBPyConnection, column: str) -> Any:
    """Return the middle value of a column, exactly."""
    return fetch_one(connection, f"select quantile_disc({quote_identifier(column)}, 0.5) from seen")[0]


def find_most_frequent(connection: duckdb.DuckDBPyConnection, column: str) -> tuple[str, float] | None:
    """Return the most frequent value of a column and its share of the filled rows, if it has at least two rows."""
    name = quote_identifier(column)
    query = (
        f"select cast({name} as varchar), count(*) / sum(count(*)) over (), count(*) from seen where {name} is not null"
    )
    found = connection.execute(f"{query} group by 1 order by 3 desc, 1 limit 1").fetchall()
    return (str(found[0][0]), float(found[0][1])) if found and found[0][2] >= MIN_VALUE_ROWS else None


def _build_mean_expression(connection: duckdb.DuckDBPyConnection, spec: Spec) -> str:
    label = quote_identifier(spec.data.label)
    if spec.task == "multiclass":
        return "null"
    if spec.task == "regression":
        return f"avg(cast({label} as double))"
    happened = find_positive_label(connection, spec).replace("'", "''")
    return f"avg(case when cast({label} as varchar) = '{happened}' then 1.0 else 0.0 end)"


def _build_labels_query(label: str) -> str:
    return f"select {label} as label from seen group by 1 order by count(*) desc, 1 limit {MAX_CHART_LABELS}"


def _sum_by_label(counted: Any) -> dict[str, int]:
    totals: dict[str, int] = {}
    for label, count in counted:
        totals[label] = totals.get(label, 0) + count
    return totals
