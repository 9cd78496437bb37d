"""Outcomes that come late, that do not come, that come for some answers only, and those of shadows."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from launched import put

from mlteam.config.spec import Spec
from mlteam.core import paths
from mlteam.monitoring import checks
from mlteam.monitoring.findings import Finding
from mlteam.monitoring.page import write_monitoring_page
from mlteam.serving.bundle import Bundle
from mlteam.serving.prediction_log import format_log_line
from mlteam.serving.request import RequestReader

NOW = dt.datetime.now(dt.UTC)
FEATURES = ["carrier", "hour", "wind"]


@pytest.fixture
def opened(spec: Spec) -> Bundle:
    return put(spec)


def read_rows() -> pa.Table:
    """The rows of the snapshot, whose outcomes are all known."""
    return pa.parquet.read_table(next(Path("data/snapshots/flights").glob("*/rows/*.parquet")))


def log(opened: Bundle, rows: pa.Table, days: float, role: str = "champion", keys: list[str] | None = None) -> None:
    """Write rows as the service logs them, answered so many days ago."""
    sent: list[dict[str, Any]] = rows.select(FEATURES).to_pylist()
    matrix, _ = RequestReader(opened.request_schema, opened.schema).encode(sent)
    at, version = NOW - dt.timedelta(days=days), opened.manifest.version
    lines = [
        format_log_line(at.timestamp(), "r", key, version, "s", role, [value], row)
        for key, value, row in zip(
            keys or rows["id"].to_pylist(), opened.model.predict(matrix).tolist(), sent, strict=True
        )
    ]
    folder = paths.PREDICTIONS / "flights"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{at:%Y%m%dT%H%M%S}-{version}-{role}.jsonl").write_bytes(b"".join(lines))


def find(spec: Spec, opened: Bundle) -> dict[str, Finding]:
    found = checks.run_checks(spec, opened, NOW - dt.timedelta(hours=1), NOW)
    return {finding.check: finding for finding in found}


def test_outcomes_count_longer_than_drift_looks_back(spec: Spec, opened: Bundle) -> None:
    log(opened, read_rows(), days=20)
    found = find(spec, opened)
    assert found["drift"].state == "unknown"
    assert found["quality"].state == "ok"
    assert "1,500 of 1,500 rows with a key have an outcome" in found["quality"].message
    shorter = spec.monitoring.model_copy(update={"outcome_days": 15})
    assert find(spec.model_copy(update={"monitoring": shorter}), opened)["quality"].state == "unknown"


def test_after_a_launch_the_version_before_is_evaluated(spec: Spec, opened: Bundle) -> None:
    log(opened, read_rows(), days=2)
    second = put(spec, rounds=3)
    quality = find(spec, second)["quality"]
    assert (quality.state, quality.message.split(": ")[0].rpartition("; ")[2]) == ("ok", "version 1")
    log(second, read_rows(), days=1)
    assert "version 2: 1,500 of 1,500" in find(spec, second)["quality"].message


def test_answers_that_are_due_and_have_no_outcome_are_named(spec: Spec, opened: Bundle) -> None:
    rows = read_rows()
    random = np.random.default_rng(0)
    keys = [key if random.random() < 1 / 3 else f"later-{key}" for key in rows["id"].to_pylist()]
    log(opened, rows, days=10, keys=keys)
    found = find(spec, opened)
    assert found["coverage"].state == "wrong"
    assert found["coverage"].value == pytest.approx(2 / 3, abs=0.04)
    assert found["selection"].state == "ok"
    patient = spec.monitoring.model_copy(update={"outcome_delay_days": 12})
    assert "coverage" not in find(spec.model_copy(update={"monitoring": patient}), opened)


def test_outcomes_of_some_kinds_of_answers_only_are_named(spec: Spec, opened: Bundle) -> None:
    rows = read_rows()
    matrix, _ = RequestReader(opened.request_schema, opened.schema).encode(rows.select(FEATURES).to_pylist())
    easy = np.asarray(opened.model.predict(matrix)) < 0.5
    keys = [key if kept else f"later-{key}" for key, kept in zip(rows["id"].to_pylist(), easy, strict=True)]
    log(opened, rows, days=10, keys=keys)
    selection = find(spec, opened)["selection"]
    assert selection.state == "wrong"
    assert "differ from those without" in selection.message


def test_a_shadow_is_evaluated_when_the_outcomes_arrive(spec: Spec, opened: Bundle) -> None:
    worse = put(spec, rounds=1, kind="shadow")
    log(opened, read_rows(), days=2)
    log(worse, read_rows(), days=2, role="shadow")
    shadow = find(spec, opened)["shadow"]
    assert shadow.state == "wrong"
    assert "gain over the champion -0." in shadow.message
    assert "on 1,500 outcomes" in shadow.message
    for path in paths.PREDICTIONS.rglob("*shadow*"):
        path.write_bytes(path.read_bytes().replace(b'"version":2', b'"version":3'))
    log(dataclasses.replace(worse, model=opened.model), read_rows(), days=1, role="shadow")
    assert find(spec, opened)["shadow"].state == "ok"


def test_quality_is_drawn_over_time(spec: Spec, opened: Bundle) -> None:
    log(opened, read_rows(), days=2)
    found = list(find(spec, opened).values())
    page = write_monitoring_page(spec, 1, found, NOW).read_text()
    assert "quality of what was served" in page
    assert "at training" in page
