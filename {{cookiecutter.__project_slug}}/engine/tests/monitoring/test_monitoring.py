import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import run_sql
from numpy.typing import NDArray

from mlteam.commands import launch, monitor, train
from mlteam.config.spec import Spec, Training
from mlteam.core import paths
from mlteam.data import snapshot
from mlteam.launch import publish
from mlteam.monitoring import checks, drift, exposition, logged_predictions
from mlteam.monitoring.findings import Finding, compare_with_limit
from mlteam.registry import launch_log, versions
from mlteam.registry.launch_log import LaunchRecord
from mlteam.serving import bundle
from mlteam.serving.bundle import Bundle
from mlteam.serving.prediction_log import format_log_line
from mlteam.serving.request import RequestReader

NOW = dt.datetime.now(dt.UTC)


Rows = list[dict[str, Any]]


@pytest.fixture
def opened(spec: Spec) -> Bundle:
    number = train.train_version(spec, snapshot.take(spec)).number
    folder = publish.publish_bundle(spec, versions.open_version(spec, str(number)))
    said = {"at": NOW, "kind": "launch", "version": number, "folder": folder.name, "by": "ada", "reason": "test"}
    launch_log.append_launch_record(spec, LaunchRecord.model_validate(said))
    launch.sync_with_launch_log(spec)
    return bundle.load(folder)


def rows(count: int, seed: int = 0) -> Rows:
    """Served rows drawn from the snapshot, as on a quiet day."""
    table = pa.parquet.read_table(next(Path("data/snapshots/flights").glob("*/rows/*.parquet")))
    chosen = np.random.default_rng(seed).choice(table.num_rows, count)
    drawn: Rows = table.select(["id", "carrier", "hour", "wind"]).take(chosen).to_pylist()
    return drawn


def log(opened: Bundle, given: Rows, at: dt.datetime = NOW) -> None:
    """Write rows as the service logs them."""
    given = [dict(row) for row in given]
    keys = [row.pop("id") for row in given]
    matrix, _ = RequestReader(opened.request_schema, opened.schema).encode(given)
    predicted = opened.model.predict(matrix).tolist()
    folder = paths.PREDICTIONS / "flights"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        format_log_line(at.timestamp() - 60, "r", key, 1, "s", "champion", [p], row)
        for key, p, row in zip(keys, predicted, given, strict=True)
    ]
    (folder / f"{at:%Y%m%dT%H%M%S}-1-000001.jsonl").write_bytes(b"".join(lines))


def wrong(spec: Spec, opened: Bundle, now: dt.datetime = NOW) -> dict[tuple[str, str], Finding]:
    found = checks.run_checks(spec, opened, NOW - dt.timedelta(hours=1), now)
    return {(f.check, f.subject): f for f in found if f.state == "wrong"}


def test_a_quiet_day_is_quiet(spec: Spec, opened: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    log(opened, rows(800))
    assert monitor.monitor_pipeline(spec, NOW)
    said = capsys.readouterr().out
    assert "0 wrong" in said
    page = Path("data/reports/flights-monitoring.html").read_text()
    assert "<script" not in page
    assert "wind" in page


def test_thirty_quiet_days_raise_no_alarm(spec: Spec, opened: Bundle) -> None:
    alarms = []
    for day in range(30):
        log(opened, rows(600, seed=day))
        alarms += list(wrong(spec, opened))
    assert alarms == []


def test_a_shift_by_one_standard_deviation_is_named(spec: Spec, opened: Bundle) -> None:
    given = rows(600)
    for row in given:
        row["wind"] = row["wind"] + 8.66 if row["wind"] is not None else None
    log(opened, given)
    found = wrong(spec, opened)
    assert ("drift", "wind") in found
    assert not {("drift", "hour"), ("drift", "carrier")} & set(found)


def test_a_category_that_came_no_more_is_named(spec: Spec, opened: Bundle) -> None:
    log(opened, [row for row in rows(1200) if row["carrier"] != "XX"])
    assert "XX no longer arrive" in wrong(spec, opened)["vanished", "carrier"].message


def test_values_that_are_missing_more_often_are_named(spec: Spec, opened: Bundle) -> None:
    log(opened, [{**row, "wind": None if place % 2 else row["wind"]} for place, row in enumerate(rows(600))])
    assert ("missing", "wind") in wrong(spec, opened)


def test_features_served_otherwise_are_named_with_their_rows(spec: Spec, opened: Bundle) -> None:
    given = rows(1500, seed=3)
    spoilt = [row for place, row in enumerate(given) if place % 100 == 0]
    for row in spoilt:
        row["wind"] = 29.9
    log(opened, given)
    skew = wrong(spec, opened)["skew", "served features"]
    assert "mostly wind" in skew.message
    assert any(str(row["id"]) in skew.message for row in spoilt)


def test_labels_that_turned_round_are_noticed(spec: Spec, opened: Bundle) -> None:
    log(opened, rows(1500))
    assert ("quality", "roc_auc") not in wrong(spec, opened)
    run_sql("update features.flights set late = not late")
    snapshot.take(spec)
    assert ("quality", "roc_auc") in wrong(spec, opened)


def test_outcomes_count_once_and_those_that_are_late_are_waited_for(spec: Spec, opened: Bundle) -> None:
    given = rows(1500)
    log(opened, [{**row, "wind": 1.0} for row in given], NOW - dt.timedelta(hours=5))
    waiting = [{**row, "id": f"late-{place}"} for place, row in enumerate(rows(200, seed=4))]
    log(opened, given + waiting)
    known = len({row["id"] for row in given})
    found = {f.check: f for f in checks.run_checks(spec, opened, NOW - dt.timedelta(hours=1), NOW)}
    assert f"{known:,} of {known + 200:,} rows with a key have an outcome" in found["quality"].message
    assert found["skew"].message.startswith(f"0 of {known:,} rows")


def test_rows_on_disk_have_the_findings_of_those_in_memory(spec: Spec, opened: Bundle) -> None:
    log(opened, [{**row, "hour": 3} for row in rows(600)])
    away = spec.model_copy(update={"training": Training(memory="disk")})
    here, there = (list(checks.run_checks(s, opened, NOW - dt.timedelta(hours=1), NOW)) for s in (spec, away))
    assert here == there
    assert {"drift", "prediction_drift"} <= {finding.check for finding in there if finding.state == "wrong"}
    assert [path.name for path in paths.TRAINING.iterdir()] == ["flights-monitor.lock"]


def test_silence_and_age_are_noticed(spec: Spec, opened: Bundle) -> None:
    log(opened, rows(600), NOW - dt.timedelta(hours=2))
    assert not wrong(spec, opened)
    assert set(wrong(spec, opened, NOW + dt.timedelta(hours=25))) == {("silence", "service")}


def test_a_model_is_as_old_as_the_newest_row_that_it_knows(spec: Spec, opened: Bundle) -> None:
    log(opened, rows(600))
    limited = spec.model_copy(update={"monitoring": spec.monitoring.model_copy(update={"age_days": 90})})
    # It was trained a moment ago, on rows until the last of February 2013.
    newest = dt.datetime(2013, 2, 28, tzinfo=dt.UTC)
    assert opened.manifest.newest_row == newest.isoformat()
    found = {f.check: f for f in checks.run_checks(limited, opened, NOW - dt.timedelta(hours=1), NOW)}["age"]
    assert found.state == "wrong"
    assert found.value == pytest.approx((NOW - newest) / dt.timedelta(days=1))
    timeless = limited.model_copy(update={"data": spec.data.model_copy(update={"time": None})})
    trained = opened.manifest.model_copy(update={"newest_row": None})
    unknown = dataclasses.replace(opened, manifest=trained)
    assert {f.check: f for f in checks.run_checks(timeless, unknown, NOW, NOW)}["age"].state == "ok"


def test_lines_that_are_no_records_are_counted_and_left_out(spec: Spec, opened: Bundle) -> None:
    log(opened, rows(600))
    (path,) = (paths.PREDICTIONS / "flights").iterdir()
    path.write_text(path.read_text() + '[1]\n{"at": 5}\nnull\n{"at": "2026-01-01T00:00:00+00:00", "role": "cha')
    found = logged_predictions.read_predictions("flights", NOW - dt.timedelta(days=1), NOW)
    assert (len(found.rows), found.unreadable) == (600, 4)


def test_a_source_that_stops_or_shrinks_is_named(spec: Spec, opened: Bundle, project: Path) -> None:
    source: dict[str, Any] = {
        "name": "ops",
        "config": {
            "freshness": {"error_after": {"count": 2, "period": "day"}},
            "meta": {"owner": "data_engineer", "external_location": "data/raw/{identifier}.parquet"},
        },
        "tables": [{"name": "flights"}],
    }
    (project / "sql" / "models").mkdir(parents=True)
    (project / "sql" / "models" / "sources.yml").write_text(json.dumps({"sources": [source]}))
    (project / "data" / "raw").mkdir()
    newest = next(Path("data/snapshots/flights").glob("*/metadata.json"))
    metadata = json.loads(newest.read_text())
    newest.write_text(json.dumps(metadata | {"sources": [{"name": "ops.flights", "rows": 100}]}))
    stale, fresh = (NOW - dt.timedelta(days=d) for d in (3, 1))
    for loaded, count, expected in (
        (fresh, 100, set()),
        (stale, 100, {("freshness", "ops.flights")}),
        (NOW + dt.timedelta(days=2), 100, {("freshness", "ops.flights")}),
        (fresh, 40, {("volume", "ops.flights")}),
    ):
        at = pa.array([loaded.replace(tzinfo=None)] * count, pa.timestamp("us"))
        pa.parquet.write_table(pa.table({"_loaded_at": at}), "data/raw/flights.parquet")
        assert set(wrong(spec, opened)) == expected
    # Fetched a moment ago from a system that has stopped: what counts is when upstream made its newest row.
    source["config"]["loaded_at_field"] = "made_at"
    (project / "sql" / "models" / "sources.yml").write_text(json.dumps({"sources": [source]}))
    for made, expected in ((fresh, set()), (stale, {("freshness", "ops.flights")})):
        columns = {
            name: pa.array([at.replace(tzinfo=None)] * 100, pa.timestamp("us"))
            for name, at in (("_loaded_at", NOW), ("made_at", made))
        }
        pa.parquet.write_table(pa.table(columns), "data/raw/flights.parquet")
        assert set(wrong(spec, opened)) == expected
    Path("data/raw/flights.parquet").unlink()
    assert ("freshness", "ops.flights") in wrong(spec, opened)


def test_the_metrics_hold_no_number_that_is_not_finite(spec: Spec, opened: Bundle) -> None:
    odd = compare_with_limit("drift", 'a "b"\n', float("nan"), 1, "odd")
    assert odd.state == "unknown"
    exposition.write_metrics("flights", [odd, compare_with_limit("age", "model", 2.0, 1, "old")], NOW)
    text = (paths.MONITORING / "flights.prom").read_text()
    assert "nan" not in text.lower().replace("flights", "")
    assert 'monitoring_wrong{check="age",pipeline="flights",subject="model"} 1.0' in text
    assert 'monitoring_last_run_timestamp_seconds{pipeline="flights"} 1' in text


def test_chance_alone_is_no_drift_whatever_the_feature() -> None:
    random = np.random.default_rng(1)
    draws: list[Callable[[int], NDArray[np.float64]]] = [
        lambda n: random.normal(size=n),
        lambda n: random.integers(0, 300, n).astype(np.float64),
        lambda n: random.exponential(size=n) * (random.random(n) < 0.1),
    ]
    for draw in draws:
        sizes = [
            drift.measure_shift(*drift.fit_bins(draw(20_000), categorical=False).count(draw(500))).size
            for _ in range(200)
        ]
        assert max(sizes) < 0.1


def test_many_features_are_corrected_for() -> None:
    random = np.random.default_rng(2)
    alarms = [sum(drift.find_significant(list(random.random(50)))) for _ in range(500)]
    assert sum(found > 0 for found in alarms) < 15
    assert drift.find_significant([0.5, 1e-9, 0.9]) == [False, True, False]


@pytest.mark.parametrize("rows", [900, 9_000])
def test_a_p_value_is_exact(rows: int) -> None:
    shift = drift.measure_shift(np.array([3.0, 3.0, 3.0]) * rows, np.array([3.15, 3.0, 2.85]) * rows)
    # With two degrees of freedom, a larger value than x has the chance exp(-x / 2).
    unit = 2 / (9 * rows)
    assert shift.size > 0
    assert shift.p_value == pytest.approx(np.exp(-(shift.size / unit + 2) / 2), rel=1e-9)


def test_no_finding_is_significant_where_there_is_none() -> None:
    assert drift.find_significant([]) == []
