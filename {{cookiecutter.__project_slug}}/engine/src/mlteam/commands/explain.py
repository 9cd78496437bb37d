"""`explain`: which features matter in a set of rows."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlteam.analysis.importance import compute_importance, select_class
from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.data.features import EvaluationRows, Feature
from mlteam.modeling.attribution import Contributions
from mlteam.registry.versions import RegisteredVersion
from mlteam.reports import page
from mlteam.reports.charts import explain as charts
from mlteam.reports.charts.common import Picture

MAX_PICTURES = 6
MAX_SHOWN = 20
MAX_BARS = 60


def report_importance(spec: Spec, version: RegisteredVersion, rows: EvaluationRows, title: str) -> Path:
    """Say which features matter in some rows: a table on the terminal, a page of pictures.

    Args:
        spec: Names the primary metric, which a model without contributions is explained by.
        version: The model.
        rows: The rows; at most 2,000 of them are drawn.
        title: What the rows are, in words.

    Returns:
        The page.

    Raises:
        ProjectError: There is no row.
    """
    with console.show_progress(f"explain {title}"):
        found = compute_importance(spec, version, rows)
        target = page.choose_page_path(spec.name, f"v{version.number}", "explain", title)
        drawn = charts.draw_importance([dataclasses.asdict(f) for f in found.features[:MAX_BARS]], found.unit)
        pictures = [
            _draw_feature(version, found.sample, found.contributions, column, found.output)
            for column in found.varying[:MAX_PICTURES]
        ]
        page.write_page(
            target, "explain", spec=spec, version=version, title=title, found=found, importance=drawn, pictures=pictures
        )
    lines = [
        [f.feature, f"{f.value:.4f} [{f.low:.4f}, {f.high:.4f}]", f.raises.rpartition(" (")[0]]
        for f in found.features[:MAX_SHOWN]
    ]
    heading = f"{spec.name} version {version.number} on {title}: {found.sampled_rows:,} of {found.rows:,} rows"
    console.print_table(heading, ["feature", "impact", f"raises {found.output} most"], lines)
    console.print_line(f"impact: {found.unit[0].lower()}{found.unit[1:]}, with 95 % intervals")
    if len(found.features) > MAX_SHOWN:
        console.print_line(f"and {len(found.features) - MAX_SHOWN} more on the page")
    console.print_line(f"page: {target}")
    return target


def _draw_feature(
    version: RegisteredVersion, sample: EvaluationRows, moved: Contributions, column: int, moves: str
) -> Picture:
    feature = version.schema.features[column]
    one, toward = select_class(moved, column)
    missing = np.isnan(sample.matrix[:, column])
    title = feature.name if toward is None else f"{feature.name}, toward {version.schema.classes[toward]}"
    if missing.any():
        title += f"; missing in {missing.mean():.1%}, {one[missing].mean():+.3f}"
    unit = f"Adds to {moves}"
    if feature.kind == "numeric":
        return charts.draw_numeric_effect(title, sample.matrix[:, column], one, unit)
    return charts.draw_categorical_effect(
        title, list(_group_by_category(feature, sample.table[feature.name], one)), unit
    )


def _group_by_category(
    feature: Feature, column: pa.ChunkedArray, moved: Contributions
) -> list[tuple[str, Contributions]]:
    """Return the most frequent categories with what they add."""
    codes = pc.fill_null(pc.index_in(pc.cast(column, pa.string()), pa.array(feature.categories)), -1).to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(feature.categories))
    most = [code for code in np.argsort(-counts, kind="stable")[:MAX_SHOWN] if counts[code]]
    return [(feature.categories[code], moved[codes == code]) for code in most]
