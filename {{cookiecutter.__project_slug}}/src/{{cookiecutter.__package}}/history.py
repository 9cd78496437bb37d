"""Evaluations over time, and all versions on the same rows."""

from pathlib import Path
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.parquet

from . import datasets, evaluation, page, provenance, registry, snapshot
from .charts.common import BLUE, Picture, picture
from .errors import ProjectError
from .files import whole
from .spec import Spec
from .team_metrics import choose

Rows = list[dict[str, Any]]


def recorded(spec: Spec) -> Rows:
    """Every evaluation of every version, as it was recorded then.

    Raises:
        ProjectError: Nothing was evaluated yet.
    """
    rows = registry.evaluations(spec)
    if not rows:
        raise ProjectError(f"{spec.name} has no evaluation yet", fix="run `nox -s evaluate`")
    return rows


def rescored(spec: Spec, dataset: str) -> Rows:
    """Every version scored anew on the same rows of the newest snapshot, each with its own features.

    A version that cannot be opened, or whose features the rows do not have, says so in `undefined`.

    Raises:
        ProjectError: No version can be scored.
    """
    taken = snapshot.newest(spec.name)
    plain = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"slices": ()})})
    rows: Rows = []
    failed: ProjectError | None = None
    for number, when in registry.versions(spec):
        fixed = {"when": when, "version": number, "dataset": dataset, "snapshot": taken.digest[:12]}
        try:
            version = registry.open_version(spec, str(number))
            data = datasets.examples(spec, version.schema, taken, dataset)
        except ProjectError as error:
            rows.append({**fixed, "metric": spec.evaluation.primary, "undefined": error.what})
            failed = error
            continue
        judged = evaluation.judge(
            plain, data, version.model.predict(data.matrix), version.baseline.predict(data.matrix)
        )
        for found in judged.metrics:
            estimate = found.model
            numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append({**fixed, "metric": found.metric, **numbers, "undefined": estimate.undefined})
    if failed and not any("value" in row for row in rows):
        raise failed
    return rows


def write(spec: Spec, rows: Rows, title: str) -> Path:
    """Write the rows as Parquet and as a page with a picture of each metric and dataset; the page."""
    choose(spec.evaluation.metrics, spec.task)
    target = page.named(spec.name, title)
    names = ("when", "version", "dataset", "metric", "value", "low", "high", "snapshot", "undefined")
    with whole(target.with_suffix(".parquet")) as part:
        pyarrow.parquet.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), part)
    heading = "history of evaluations" if title == "history" else "all versions on the same rows"
    made, pictures = provenance.now(), _pictures(spec, rows)
    return page.write(target, "history", spec=spec, heading=heading, made=made, pictures=pictures)


def _pictures(spec: Spec, rows: Rows) -> list[Picture]:
    pictures = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        for metric in spec.evaluation.metrics:
            shown = [
                row
                for row in rows
                if (row["dataset"], row["metric"]) == (dataset, metric) and row.get("value") is not None
            ]
            if shown:
                pictures.append(picture(f"{metric} on {dataset}", _over_versions(shown)))
    return pictures


def _over_versions(rows: Rows) -> Any:
    """A metric of each version with its interval; an evaluation that was repeated stands beside the first."""
    values = [{key: row[key] for key in ("version", "value", "low", "high")} for row in rows]
    base = alt.Chart(alt.InlineData(values=values)).encode(x=alt.X("version:O", title="Version"))
    bars = base.mark_rule(color=BLUE).encode(
        y=alt.Y("low:Q", title=rows[0]["metric"], scale=alt.Scale(zero=False)), y2="high:Q"
    )
    return bars + base.mark_point(filled=True, color=BLUE, size=40).encode(y="value:Q")
