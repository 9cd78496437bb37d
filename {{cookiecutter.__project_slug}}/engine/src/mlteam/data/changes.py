"""What differs between two snapshots."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from mlteam.config.spec import Spec
from mlteam.core.sql import connect_duckdb
from mlteam.data import distributions
from mlteam.data.distributions import is_number, is_personal, is_time
from mlteam.data.snapshot import Snapshot

MAX_LISTED = 400
MAX_VALUE_LENGTH = 40
MAX_DISTINCT_VALUES = 10_000
ColumnProfile = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One thing that differs from the snapshot before."""

    column: str
    what: str
    before: str
    now: str


def compare_snapshots(spec: Spec, before: Snapshot, now: Snapshot) -> list[Change]:
    """List what differs between two snapshots: rows, columns, types, missing values, medians, most frequent values."""
    found = []
    rows = [f"{snapshot.metadata['rows']:,}" for snapshot in (before, now)]
    if rows[0] != rows[1]:
        found.append(Change("", "rows", *rows))
    old, new = ({c["name"]: c for c in get_columns(snapshot)} for snapshot in (before, now))
    found += [Change(name, "column", "there", "gone") for name in old if name not in new]
    found += [Change(name, "column", "not there", "new") for name in new if name not in old]
    shared = [name for name in new if name in old]
    middles = [_compute_typical_values(spec, snapshot, shared[:MAX_LISTED]) for snapshot in (before, now)]
    for name in shared:
        middle = [one.get(name, "") for one in middles]
        pairs = [
            ("type", old[name]["type"], new[name]["type"]),
            ("missing", f"{get_missing_percent(old[name]):.2f} %", f"{get_missing_percent(new[name]):.2f} %"),
            ("median" if is_number(new[name]["type"]) or is_time(new[name]["type"]) else "most frequent", *middle),
        ]
        found += [Change(name, what, one, other) for what, one, other in pairs if one != other]
    return found


def get_columns(snapshot: Snapshot) -> list[ColumnProfile]:
    """Return the profile of each column, as the snapshot's metadata has it."""
    columns: list[ColumnProfile] = snapshot.metadata["columns"]
    return columns


@contextmanager
def open_rows(snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection in which `seen` is the rows of a snapshot."""
    with connect_duckdb() as connection:
        connection.execute(f"create view seen as select * from {snapshot.source}")
        yield connection


def _compute_typical_values(spec: Spec, snapshot: Snapshot, names: list[str]) -> dict[str, str]:
    """Compute the median of numbers and times, else the most frequent value with its share; no data about people."""
    values_by_column = {}
    with open_rows(snapshot) as connection:
        for column in get_columns(snapshot):
            name, kind = column["name"], column["type"]
            if name not in names or is_personal(spec, name):
                continue
            if is_number(kind) or is_time(kind):
                # What the metadata has is an approximation, which differs between two looks at the same rows.
                values_by_column[name] = format_value(distributions.compute_median(connection, name))
            elif column["distinct_about"] <= MAX_DISTINCT_VALUES:
                top = distributions.find_most_frequent(connection, name)
                values_by_column[name] = f"{top[0][:MAX_VALUE_LENGTH]} ({top[1]:.1%})" if top else ""
    return values_by_column


def get_missing_percent(column: ColumnProfile) -> float:
    """Return the share of missing values, in percent."""
    return float(column["missing_pct"] or 0)


def format_value(value: Any) -> str:
    """Return a number with five digits; any other value as text."""
    try:
        return f"{float(value):.5g}"
    except (TypeError, ValueError):
        return "" if value is None else str(value)[:19]
