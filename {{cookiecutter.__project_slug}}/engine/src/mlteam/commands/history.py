"""`history`: every evaluation over time, or all versions on the same rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from mlteam.analysis.history import Records
from mlteam.config.spec import Spec
from mlteam.core import console, provenance
from mlteam.core.files import write_atomically
from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.custom_metrics import get_metrics
from mlteam.reports import page
from mlteam.reports.charts.common import Picture, render_picture
from mlteam.reports.charts.history import draw_metric_by_version


def write_history_page(spec: Spec, rows: Records, title: str) -> Path:
    """Write the rows as Parquet and as a page with a picture of each metric and dataset; the page."""
    get_metrics(spec.evaluation.metrics, spec.task)
    target = page.choose_page_path(spec.name, title)
    names = ("when", "version", "dataset", "metric", "value", "low", "high", "snapshot", "undefined")
    with write_atomically(target.with_suffix(".parquet")) as part:
        pyarrow.parquet.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), part)
    heading = "history of evaluations" if title == "history" else "all versions on the same rows"
    made, pictures = provenance.get_timestamp(), _draw_history(spec, rows)
    return page.write_page(target, "history", spec=spec, heading=heading, made=made, pictures=pictures)


def _draw_history(spec: Spec, rows: Records) -> list[Picture]:
    pictures = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        for metric in spec.evaluation.metrics:
            shown = [
                row
                for row in rows
                if (row["dataset"], row["metric"]) == (dataset, metric) and row.get("value") is not None
            ]
            if shown:
                pictures.append(render_picture(f"{metric} on {dataset}", draw_metric_by_version(shown)))
    return pictures


def show_history(spec: Spec, rescore: str | None) -> Path:
    """Print and write every evaluation of every version; or every version on the same rows."""
    from mlteam.analysis import history

    with console.show_progress("score every version" if rescore else "read the record"):
        rows = history.rescore_versions(spec, rescore) if rescore else history.read_history(spec)
        target = write_history_page(spec, rows, f"rescored-{rescore}" if rescore else "history")
    primary = [row for row in rows if row["metric"] == spec.evaluation.primary]
    shown = [
        [
            row["when"].strftime("%Y-%m-%d %H:%M"),
            str(row["version"]),
            row["dataset"],
            Estimate(row.get("value"), row.get("low"), row.get("high"), row.get("undefined", "")).format(),
        ]
        for row in primary[-20:]
    ]
    metric = spec.evaluation.primary
    console.print_table(f"{spec.name}: {metric}", ["when (UTC)", "version", "dataset", metric], shown)
    console.print_line(f"all metrics: {target} and {target.with_suffix('.parquet').name}")
    return target
