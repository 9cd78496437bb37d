"""What became of predictions: quality once labels arrive, and whether the features were those of the warehouse."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from mlteam.config.spec import Spec
from mlteam.data import features
from mlteam.data.features import Labels, Matrix
from mlteam.data.snapshot import Snapshot
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.clusters import find_clusters
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.evaluation.metrics import Floats
from mlteam.monitoring.findings import Finding, compare_with_limit, report_unknown
from mlteam.monitoring.logged_predictions import LoggedPredictions
from mlteam.serving.bundle import Bundle

SKEW_TOLERANCE = 1e-6
MAX_LISTED_KEYS = 5


def check_quality_and_skew(
    spec: Spec, opened: Bundle, newest: Snapshot, served: LoggedPredictions, reference: Estimate
) -> Iterator[Finding]:
    """Quality and skew of the rows that were served with their key, and that the newest snapshot knows by now.

    A row that was asked for twice counts once, with the last answer; one without an outcome waits.

    Args:
        spec: Names key, label and metric.
        opened: The champion's bundle.
        newest: Where outcomes arrive.
        served: What was answered, the newest first.
        reference: The primary metric on the test rows of the training's snapshot.
    """
    limit, fewest = spec.monitoring.skew, spec.monitoring.fewest_rows
    last = {key: place for place, key in reversed(list(enumerate(served.ids))) if key is not None}
    if not last:
        why = f"no request gave {spec.data.key}, so outcomes cannot be found"
        yield report_unknown("quality", spec.evaluation.primary, 0, why)
        yield report_unknown("skew", "served features", limit, why)
        return
    table = pa.parquet.read_table(newest.parquet)
    keys = pc.cast(table[spec.data.key], pa.string())
    known = table.filter(pc.is_in(keys, value_set=pa.array(list(last), pa.string())))
    places = np.array([last[key] for key in pc.cast(known[spec.data.key], pa.string()).to_pylist()], dtype=np.int64)
    coverage = f"{known.num_rows:,} of {len(last):,} rows with a key have an outcome"
    if known.num_rows < fewest:
        yield report_unknown("quality", spec.evaluation.primary, 0, f"{coverage}, needs {fewest:,}")
        yield report_unknown("skew", "served features", limit, f"{coverage}, needs {fewest:,}")
        return
    rows = features.build_examples(spec, opened.schema, "outcomes", known)
    clusters = find_clusters(spec, known)
    yield _check_quality(spec, rows.label, served.predictions[places], reference, coverage, clusters)
    yield _check_skew(opened, served.matrix[places], rows.matrix, [served.ids[place] or "" for place in places], limit)


def _check_quality(
    spec: Spec, label: Labels, predicted: Floats, reference: Estimate, coverage: str, clusters: NDArray[np.int64] | None
) -> Finding:
    """Return how far the whole interval lies on the bad side of the interval at training time; 0 where they overlap."""
    metric = get_primary_metric(spec)
    found = Bootstrap(label, spec.evaluation, spec.model.seed, clusters).estimate(metric, predicted)
    bounds = (found.low, found.high, reference.low, reference.high)
    if any(bound is None or not np.isfinite(bound) for bound in bounds):
        return report_unknown("quality", metric.name, 0, f"{found.format()}; {coverage}")
    low, high, least, most = (float(bound or 0) for bound in bounds)
    loss = max(0.0, least - high if metric.higher_is_better else low - most)
    return compare_with_limit(
        "quality", metric.name, loss, 0, f"{found.format()}, at training {reference.format()}; {coverage}"
    )


def _check_skew(opened: Bundle, served: Matrix, computed: Matrix, keys: list[str], limit: float) -> Finding:
    same = np.isclose(served, computed, rtol=SKEW_TOLERANCE, atol=SKEW_TOLERANCE, equal_nan=True)
    rows = np.flatnonzero(~same.all(axis=1))
    message = f"{len(rows):,} of {len(keys):,} rows were served with features that differ from the warehouse"
    if len(rows):
        worst = opened.schema.names[int((~same).sum(axis=0).argmax())]
        message += f", mostly {worst}; such as {', '.join(keys[row] for row in rows[:MAX_LISTED_KEYS])}"
    return compare_with_limit("skew", "served features", len(rows) / len(keys), limit, message)
