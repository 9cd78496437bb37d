"""Answers of a champion that were never given, for drills of the monitoring."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.paths import PREDICTIONS
from mlteam.core.sql import connect_duckdb
from mlteam.data import snapshot
from mlteam.data.splits import build_split_condition
from mlteam.launch import publish
from mlteam.monitoring.checks import run_checks
from mlteam.monitoring.findings import Finding
from mlteam.registry import versions
from mlteam.serving import bundle
from mlteam.serving.bundle import Bundle
from mlteam.serving.prediction_log import format_log_line
from mlteam.serving.request import RequestReader

MAX_ROWS = 5_000


def open_newest_as_bundle(spec: Spec) -> Bundle:
    """Make a bundle of the candidate, whether or not it may be launched."""
    return bundle.load(publish.publish_bundle(spec, versions.open_version(spec)))


def read_rows(spec: Spec) -> pa.Table:
    """Return test rows of the newest snapshot, a sample of them where there are many."""
    rows = snapshot.load_newest(spec.name).source
    condition = build_split_condition(spec, "test")
    sample = f"using sample reservoir({MAX_ROWS} rows) repeatable (1)"
    with connect_duckdb() as connection:
        return connection.sql(f"select * from {rows} where {condition} {sample}").to_arrow_table()


def find_alarms(spec: Spec, opened: Bundle, rows: pa.Table, predicted: NDArray[np.floating]) -> list[Finding]:
    """Write rows and predictions as the service logs them, run the monitoring, and return what is wrong.

    Args:
        spec: Names features and limits.
        opened: Who answered.
        rows: The features that were sent, and the key.
        predicted: The answers, shape (rows,) or (rows, classes).

    Raises:
        ProjectError: The monitoring says nothing about so few rows, whatever is wrong with them.
    """
    if rows.num_rows < spec.monitoring.fewest_rows:
        what = (
            f"{rows.num_rows:,} test rows are fewer than the {spec.monitoring.fewest_rows:,} of monitoring.fewest_rows"
        )
        raise ProjectError(what, where=str(spec.path))
    now = dt.datetime.now(dt.UTC)
    features = rows.select(list(opened.schema.names)).to_pylist()
    keys = pc.cast(rows[spec.data.key], pa.string()).to_pylist()
    version, taken = opened.manifest.version, opened.manifest.snapshot[:12]
    answers = predicted.reshape(len(predicted), -1).tolist()
    lines = [
        format_log_line(now.timestamp() - 60, "drill", key, version, taken, "champion", answer, sent)
        for key, answer, sent in zip(keys, answers, features, strict=True)
    ]
    folder = PREDICTIONS / spec.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{now:%Y%m%dT%H%M%S}-1-000001.jsonl").write_bytes(b"".join(lines))
    found = run_checks(spec, opened, now - dt.timedelta(hours=1), now)
    return [finding for finding in found if finding.state == "wrong"]


def predict_rows(opened: Bundle, rows: pa.Table) -> NDArray[np.floating]:
    """Return the answers of the bundle to rows."""
    reader = RequestReader(opened.request_schema, opened.schema)
    matrix, _ = reader.encode(rows.select(list(opened.schema.names)).to_pylist())
    return np.asarray(opened.model.predict(matrix))
