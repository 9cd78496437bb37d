"""`mistakes`: the worst errors and what they share."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from mlteam.analysis import prediction
from mlteam.analysis.mistakes import Mistakes, find_mistakes
from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.core.files import write_atomically
from mlteam.data.features import EvaluationRows, Floats
from mlteam.registry.versions import RegisteredVersion
from mlteam.reports import page
from mlteam.reports.charts import mistakes as charts

WORST_ROWS_SHOWN = 8
MAX_NAME_WIDTH = 56


def report_mistakes(spec: Spec, version: RegisteredVersion, rows: EvaluationRows) -> Path:
    """Find the worst errors and what they share: two tables on the terminal, a page, and all rows as Parquet.

    Args:
        spec: Names key, slices and confidence.
        version: The model.
        rows: The rows to evaluate it on.

    Returns:
        The page; the Parquet file of the same name is in the same folder.

    Raises:
        ProjectError: There is no row.
    """
    with console.show_progress(f"look for mistakes on {rows.name}"):
        predictions = version.model.predict(rows.matrix)
        found = find_mistakes(spec, version, rows, predictions)
        target = page.choose_page_path(spec.name, f"v{version.number}", "mistakes", rows.name)
        _write_rows(target.with_suffix(".parquet"), version, rows, predictions, found)
        page.write_page(
            target, "mistakes", spec=spec, version=version, name=rows.name, found=found, **_draw_mistakes(found)
        )
    _print(spec, version, rows.name, found)
    console.print_line(f"page: {target}, all rows: {target.with_suffix('.parquet').name}")
    return target


def _write_rows(
    target: Path, version: RegisteredVersion, rows: EvaluationRows, predictions: Floats, found: Mistakes
) -> None:
    """All rows with their predictions and loss, the worst first."""
    order = np.argsort(-found.loss, kind="stable")
    named = prediction.name_predictions(version.schema, predictions)
    added: dict[str, NDArray[Any]] = {name.replace(" ", "_"): values for name, values in named.items()}
    added |= {found.unit.replace(" ", "_"): found.loss, "model_version": np.full(found.rows, version.number)}
    table = rows.table.take(pa.array(order))
    for name, values in added.items():
        while name in table.column_names:
            name += "_"  # noqa: PLW2901
        table = table.append_column(name, pa.array(values[order]))
    with write_atomically(target) as part:
        pyarrow.parquet.write_table(table, part, compression="zstd")


def _draw_mistakes(found: Mistakes) -> dict[str, Any]:
    parts = [
        {"name": f"{shared.weak_slice.name}  ({shared.rows:,})", "mean": shared.weak_slice.mean}
        | {"low": shared.weak_slice.low, "high": shared.weak_slice.high}
        for shared in found.slices
    ]
    picture = charts.draw_slice_losses(parts, float(found.loss.mean()), found.unit) if parts else ""
    return {"slices": picture, "concentration": charts.draw_loss_concentration(found.loss, found.unit)}


def _print(spec: Spec, version: RegisteredVersion, name: str, found: Mistakes) -> None:
    heading = f"{spec.name} version {version.number} on {name}: {found.rows:,} rows"
    console.print_line(
        f"{heading}, mean {found.unit} {found.loss.mean():.4f}; "
        f"the worst 10 % have {found.compute_loss_share(0.1):.0%} of it"
    )
    parts = [(shared, shared.weak_slice) for shared in found.slices]
    lines = [
        [
            textwrap.shorten(part.name, MAX_NAME_WIDTH, placeholder=" …"),
            f"{shared.rows:,}",
            f"{part.mean:.3f} [{part.low:.3f}, {part.high:.3f}]",
            f"{part.share:.1%}",
        ]
        for shared, part in parts
    ]
    if lines:
        title = f"slices that lose more than the average, of {found.slices_tested:,} looked at"
        console.print_table(title, ["slice", "rows", f"mean {found.unit}", "share"], lines)
    else:
        console.print_line(
            f"none of {found.slices_tested:,} slices has more loss than the average above sampling noise"
        )
    rows = [[w.key, w.label, w.prediction, (w.reasons or [""])[0]] for w in found.worst[:WORST_ROWS_SHOWN]]
    console.print_table("worst rows", [spec.data.key, "label", "predicted", "first reason"], rows)
    console.print_line(f"reasons: {found.attribution_note}")
