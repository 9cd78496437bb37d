"""The data page of a snapshot: how each column is spread, by label and over time, and what changed since the last one.

The pictures are drawn from counts: neither memory nor the page grows with the rows.
"""

from pathlib import Path

import duckdb

from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.data import distributions
from mlteam.data.changes import (
    MAX_LISTED,
    Change,
    ColumnProfile,
    compare_snapshots,
    format_value,
    get_columns,
    get_missing_percent,
    open_rows,
)
from mlteam.data.digest import shorten_digest
from mlteam.data.distributions import MAX_CHART_VALUES, is_number, is_personal, is_time
from mlteam.data.snapshot import Snapshot
from mlteam.reports import page
from mlteam.reports.charts import profile as charts
from mlteam.reports.charts.common import Picture

MAX_COLUMN_PICTURES = 60
MAX_PRINTED = 25
MAX_TEXT_LENGTH = 80


def write_snapshot_page(spec: Spec, taken: Snapshot, before: Snapshot | None) -> Path:
    """Draw a snapshot's data page, print its columns and what changed.

    Args:
        spec: Names label, features, time and the columns that are about people.
        taken: The snapshot.
        before: The one to compare with, if there is any.

    Returns:
        The page.
    """
    with console.show_progress("count and draw"):
        changed = compare_snapshots(spec, before, taken) if before else []
        columns = get_columns(taken)
        target = page.choose_page_path(spec.name, "profile", shorten_digest(taken.digest))
        with open_rows(taken) as connection:
            order = sorted(columns, key=lambda column: _rank_column(spec, column["name"]))
            drawn = [_draw_column(connection, spec, column) for column in order[:MAX_COLUMN_PICTURES]]
            times = _draw_over_time(connection, spec, taken)
        page.write_page(
            target,
            "profile",
            spec=spec,
            taken=taken,
            before=before,
            changes=changed[:MAX_LISTED],
            columns=[_summarize_column(spec, column) for column in columns[:MAX_LISTED]],
            pictures=[picture for picture in drawn if picture],
            undrawn=len(order) - MAX_COLUMN_PICTURES,
            times=times,
        )
    _print_profile(spec, taken, before, changed)
    console.print_line(f"page: {target}")
    return target


def _rank_column(spec: Spec, column: str) -> int:
    """Return the label first, then the features in their order, then the rest."""
    first = [spec.data.label, *spec.features.names]
    return first.index(column) if column in first else len(first)


def _summarize_column(spec: Spec, column: ColumnProfile) -> ColumnProfile:
    """Return what the table says of a column; no text, and no value of a person."""
    plain = column["q50"] is not None and not is_personal(spec, column["name"])
    ends = {key: format_value(column[key]) if plain else "" for key in ("min", "q25", "q50", "q75", "max")}
    texts = {key: str(column[key])[:MAX_TEXT_LENGTH] for key in ("name", "type")}
    return texts | {"missing": get_missing_percent(column), "distinct": column["distinct_about"]} | ends


def _draw_column(connection: duckdb.DuckDBPyConnection, spec: Spec, column: ColumnProfile) -> Picture | None:
    """Return how a column is spread; nothing where no value is frequent enough to be shown."""
    name, kind = column["name"], column["type"]
    missing = get_missing_percent(column)
    title = f"{name[: charts.MAX_LABEL_LENGTH]}{f'; missing in {missing:.1f} %' if missing else ''}"
    many = column["distinct_about"] > 2 * MAX_CHART_VALUES
    if many and (is_number(kind) or is_time(kind)):
        spread = distributions.compute_histogram(connection, spec, name, kind)
        rows = [{"from": s.at, "label": s.label[: charts.MAX_LABEL_LENGTH], "share": s.share} for s in spread]
        return charts.draw_histogram(title, rows, time=is_time(kind)) if rows else None
    rows = [
        {
            "value": str(s.at)[: charts.MAX_LABEL_LENGTH],
            "order": s.order,
            "label": s.label[: charts.MAX_LABEL_LENGTH],
            "share": s.share,
        }
        for s in distributions.compute_value_shares(connection, spec, name, kind)
    ]
    return charts.draw_bars(title, rows) if rows else None


def _draw_over_time(connection: duckdb.DuckDBPyConnection, spec: Spec, taken: Snapshot) -> list[Picture]:
    time = next((column for column in get_columns(taken) if column["name"] == spec.data.time), None)
    if time is None or not is_time(time["type"]):
        return []
    unit, found = distributions.aggregate_over_time(connection, spec)
    mean = {"multiclass": "", "regression": f"Mean {spec.data.label}"}.get(spec.task)
    if mean is None:
        mean = f"Share of {spec.data.label} = {distributions.find_positive_label(connection, spec)}"
    rows = [{"when": str(when), "rows": count, "mean": value} for when, count, value in found]
    return charts.draw_time_series(rows, unit, mean[:MAX_TEXT_LENGTH])


def _print_profile(spec: Spec, taken: Snapshot, before: Snapshot | None, changed: list[Change]) -> None:
    listed = [_summarize_column(spec, column) for column in get_columns(taken)]
    lines = [
        [c["name"], c["type"], f"{c['missing']:.2f}", f"{c['distinct']:,}", c["min"], c["q50"], c["max"]]
        for c in listed[:MAX_PRINTED]
    ]
    digest = shorten_digest(taken.digest)
    heading = f"{spec.name}, snapshot {digest}: {taken.metadata['rows']:,} rows, {len(listed)} columns"
    console.print_table(
        heading, ["column", "type", "missing, %", "values, about", "smallest", "median", "largest"], lines
    )
    if len(listed) > MAX_PRINTED:
        console.print_line(f"and {len(listed) - MAX_PRINTED} more on the page")
    if before is None:
        console.print_line("this is the first snapshot, nothing to compare it with")
        return
    rows = [[c.column, c.what, c.before, c.now] for c in changed[:MAX_PRINTED]]
    if rows:
        console.print_table(
            f"changed since snapshot {shorten_digest(before.digest)}", ["column", "", "before", "now"], rows
        )
    else:
        console.print_line(f"no change since snapshot {shorten_digest(before.digest)}")
