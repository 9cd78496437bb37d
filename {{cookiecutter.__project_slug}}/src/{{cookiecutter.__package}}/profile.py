"""The data page of a snapshot: how each column is spread, by label and over time, and what changed since the last one.

The pictures are drawn from counts: neither memory nor the page grows with the rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from . import console, distributions, page
from .charts import profile as charts
from .charts.common import Picture
from .distributions import CATEGORIES, is_number, is_personal, is_time
from .privacy import literal
from .snapshot import DIGITS, Snapshot
from .spec import Spec

PICTURES = 60
LISTED = 400
SHOWN = 25
MANY_VALUES = 10_000
SHORT = 80
Column = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One thing that differs from the snapshot before."""

    column: str
    what: str
    before: str
    now: str


def snapshot_page(spec: Spec, taken: Snapshot, before: Snapshot | None) -> Path:
    """Draw a snapshot's data page, print its columns and what changed.

    Args:
        spec: Names label, features, time and the columns that touch persons.
        taken: The snapshot.
        before: The one to compare with, if there is any.

    Returns:
        The page.
    """
    with console.step("count and draw"):
        changed = changes(spec, before, taken) if before else []
        columns = _columns(taken)
        target = page.named(spec.name, "profile", taken.digest[:DIGITS])
        with _opened(taken) as connection:
            order = sorted(columns, key=lambda column: _place(spec, column["name"]))
            drawn = [_picture(connection, spec, column) for column in order[:PICTURES]]
            times = _over_time(connection, spec, taken)
        page.write(
            target,
            "profile",
            spec=spec,
            taken=taken,
            before=before,
            changes=changed[:LISTED],
            columns=[_listed(spec, column) for column in columns[:LISTED]],
            pictures=[picture for picture in drawn if picture],
            undrawn=len(order) - PICTURES,
            times=times,
        )
    _print(spec, taken, before, changed)
    console.say(f"page: {target}")
    return target


def changes(spec: Spec, before: Snapshot, now: Snapshot) -> list[Change]:
    """What differs between two snapshots: rows, columns, types, missing values, medians and most frequent values."""
    found = []
    rows = [f"{snapshot.metadata['rows']:,}" for snapshot in (before, now)]
    if rows[0] != rows[1]:
        found.append(Change("", "rows", *rows))
    old, new = ({c["name"]: c for c in _columns(snapshot)} for snapshot in (before, now))
    found += [Change(name, "column", "there", "gone") for name in old if name not in new]
    found += [Change(name, "column", "not there", "new") for name in new if name not in old]
    shared = [name for name in new if name in old]
    middles = [_middles(spec, snapshot, shared[:LISTED]) for snapshot in (before, now)]
    for name in shared:
        middle = [one.get(name, "") for one in middles]
        pairs = [
            ("type", old[name]["type"], new[name]["type"]),
            ("missing", f"{_missing(old[name]):.2f} %", f"{_missing(new[name]):.2f} %"),
            ("median" if is_number(new[name]["type"]) or is_time(new[name]["type"]) else "most frequent", *middle),
        ]
        found += [Change(name, what, one, other) for what, one, other in pairs if one != other]
    return found


def _columns(snapshot: Snapshot) -> list[Column]:
    columns: list[Column] = snapshot.metadata["columns"]
    return columns


@contextmanager
def _opened(snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"create view seen as select * from read_parquet({literal(str(snapshot.parquet))})")
        yield connection


def _middles(spec: Spec, snapshot: Snapshot, names: list[str]) -> dict[str, str]:
    """The median of each number and time, the most frequent other value with its share; none that touches persons."""
    said = {}
    with _opened(snapshot) as connection:
        for column in _columns(snapshot):
            name, kind = column["name"], column["type"]
            if name not in names or is_personal(spec, name):
                continue
            if is_number(kind) or is_time(kind):
                # What the metadata has is an approximation, which differs between two looks at the same rows.
                said[name] = _text(distributions.median(connection, name))
            elif column["distinct_about"] <= MANY_VALUES:
                top = distributions.most_frequent(connection, name)
                said[name] = f"{top[0][: charts.SHORT]} ({top[1]:.1%})" if top else ""
    return said


def _place(spec: Spec, column: str) -> int:
    """The label first, then the features in their order, then the rest."""
    first = [spec.data.label, *spec.features.names]
    return first.index(column) if column in first else len(first)


def _missing(column: Column) -> float:
    return float(column["missing_pct"] or 0)


def _text(value: Any) -> str:
    try:
        return f"{float(value):.5g}"
    except (TypeError, ValueError):
        return "" if value is None else str(value)[:19]


def _listed(spec: Spec, column: Column) -> Column:
    """What the table says of a column; no text, and no value of a person."""
    plain = column["q50"] is not None and not is_personal(spec, column["name"])
    ends = {key: _text(column[key]) if plain else "" for key in ("min", "q25", "q50", "q75", "max")}
    texts = {key: str(column[key])[:SHORT] for key in ("name", "type")}
    return texts | {"missing": _missing(column), "distinct": column["distinct_about"]} | ends


def _picture(connection: duckdb.DuckDBPyConnection, spec: Spec, column: Column) -> Picture | None:
    """How a column is spread; nothing where no value is frequent enough to be shown."""
    name, kind = column["name"], column["type"]
    missing = _missing(column)
    title = f"{name[: charts.SHORT]}{f'; missing in {missing:.1f} %' if missing else ''}"
    many = column["distinct_about"] > 2 * CATEGORIES
    if many and (is_number(kind) or is_time(kind)):
        spread = distributions.ranges(connection, spec, name, kind)
        rows = [{"from": s.at, "label": s.label[: charts.SHORT], "share": s.share} for s in spread]
        return charts.histogram(title, rows, time=is_time(kind)) if rows else None
    rows = [
        {"value": str(s.at)[: charts.SHORT], "order": s.order, "label": s.label[: charts.SHORT], "share": s.share}
        for s in distributions.values(connection, spec, name, kind)
    ]
    return charts.bars(title, rows) if rows else None


def _over_time(connection: duckdb.DuckDBPyConnection, spec: Spec, taken: Snapshot) -> list[Picture]:
    time = next((column for column in _columns(taken) if column["name"] == spec.data.time), None)
    if time is None or not is_time(time["type"]):
        return []
    unit, found = distributions.over_time(connection, spec)
    mean = {"multiclass": "", "regression": f"Mean {spec.data.label}"}.get(spec.task)
    if mean is None:
        mean = f"Share of {spec.data.label} = {distributions.positive(connection, spec)}"
    rows = [{"when": str(when), "rows": count, "mean": value} for when, count, value in found]
    return charts.over_time(rows, unit, mean[:SHORT])


def _print(spec: Spec, taken: Snapshot, before: Snapshot | None, changed: list[Change]) -> None:
    listed = [_listed(spec, column) for column in _columns(taken)]
    lines = [
        [c["name"], c["type"], f"{c['missing']:.2f}", f"{c['distinct']:,}", c["min"], c["q50"], c["max"]]
        for c in listed[:SHOWN]
    ]
    heading = f"{spec.name}, snapshot {taken.digest[:DIGITS]}: {taken.metadata['rows']:,} rows, {len(listed)} columns"
    console.table(heading, ["column", "type", "missing, %", "values, about", "smallest", "median", "largest"], lines)
    if len(listed) > SHOWN:
        console.say(f"and {len(listed) - SHOWN} more on the page")
    if before is None:
        console.say("there is no snapshot before it to compare with")
        return
    rows = [[c.column, c.what, c.before, c.now] for c in changed[:SHOWN]]
    if rows:
        console.table(f"changed since snapshot {before.digest[:DIGITS]}", ["column", "", "before", "now"], rows)
    else:
        console.say(f"nothing that is counted here changed since snapshot {before.digest[:DIGITS]}")
