"""What became of predictions: quality once labels arrive, and whether the features were those of the warehouse."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from .. import features
from ..bundle import Bundle
from ..features import Labels, Matrix
from ..metrics import Estimate, Floats, Judge
from ..snapshot import Snapshot
from ..spec import Spec
from ..team_metrics import choose
from .findings import Finding, compared, unknown
from .served import Served

CLOSE = 1e-6
NAMED = 5


def check(spec: Spec, opened: Bundle, newest: Snapshot, served: Served, reference: Estimate) -> Iterator[Finding]:
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
        yield unknown("quality", spec.evaluation.primary, 0, why)
        yield unknown("skew", "served features", limit, why)
        return
    table = pa.parquet.read_table(newest.parquet)
    keys = pc.cast(table[spec.data.key], pa.string())
    known = table.filter(pc.is_in(keys, value_set=pa.array(list(last), pa.string())))
    places = np.array([last[key] for key in pc.cast(known[spec.data.key], pa.string()).to_pylist()], dtype=np.int64)
    coverage = f"{known.num_rows:,} of {len(last):,} rows with a key have an outcome"
    if known.num_rows < fewest:
        yield unknown("quality", spec.evaluation.primary, 0, f"{coverage}, needs {fewest:,}")
        yield unknown("skew", "served features", limit, f"{coverage}, needs {fewest:,}")
        return
    rows = features.examples(spec, opened.schema, "outcomes", known)
    yield _quality(spec, rows.label, served.predictions[places], reference, coverage)
    yield _skew(opened, served.matrix[places], rows.matrix, [served.ids[place] or "" for place in places], limit)


def _quality(spec: Spec, label: Labels, predicted: Floats, reference: Estimate, coverage: str) -> Finding:
    """How far the whole interval lies on the bad side of the interval at training time; 0 where they overlap."""
    (metric,) = choose([spec.evaluation.primary], spec.task)
    found = Judge(label, spec.evaluation, spec.model.seed).estimate(metric, predicted)
    bounds = (found.low, found.high, reference.low, reference.high)
    if any(bound is None or not np.isfinite(bound) for bound in bounds):
        return unknown("quality", metric.name, 0, f"{found.text()}; {coverage}")
    low, high, least, most = (float(bound or 0) for bound in bounds)
    loss = max(0.0, least - high if metric.higher_is_better else low - most)
    return compared("quality", metric.name, loss, 0, f"{found.text()}, at training {reference.text()}; {coverage}")


def _skew(opened: Bundle, served: Matrix, computed: Matrix, keys: list[str], limit: float) -> Finding:
    same = np.isclose(served, computed, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    rows = np.flatnonzero(~same.all(axis=1))
    said = f"{len(rows):,} of {len(keys):,} rows were served with other features than the warehouse has"
    if len(rows):
        worst = opened.schema.names[int((~same).sum(axis=0).argmax())]
        said += f", mostly {worst}; such as {', '.join(keys[row] for row in rows[:NAMED])}"
    return compared("skew", "served features", len(rows) / len(keys), limit, said)
