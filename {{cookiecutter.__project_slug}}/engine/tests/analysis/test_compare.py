import datetime as dt
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet
import pytest
from conftest import edit, run_sql

from mlteam.analysis import comparison, history
from mlteam.commands import compare, evaluate, train
from mlteam.commands import history as history_command
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, snapshot
from mlteam.registry import launch_log
from mlteam.registry.versions import RegisteredVersion


@pytest.fixture
def constant(spec: Spec, version: RegisteredVersion) -> RegisteredVersion:
    """A second version, of one tree whose leaves are too heavy to split: it predicts the same for every row."""
    edit(spec.path, "max_depth = 3, rounds = 30", "max_depth = 1, rounds = 1, min_child_weight = 10_000")
    return train.train_version(pipelines.load_spec(None), snapshot.load_newest("flights"))


def test_the_better_of_two_versions_is_told_with_the_numbers(
    spec: Spec, version: RegisteredVersion, constant: RegisteredVersion
) -> None:
    result = comparison.compare_versions(spec, constant, version, "test")
    assert result.format_verdict("roc_auc").startswith("version 1 is better than version 2 by roc_auc: +0.")
    back = comparison.compare_versions(spec, version, constant, "test")
    assert back.format_verdict("roc_auc").startswith("version 2 is worse than version 1 by roc_auc: -0.")
    keys = {key for key, _, _ in result.differences}
    assert {"model.params.max_depth", "model.params.rounds"} <= keys
    assert result.training_rows == (0, 0)


def test_a_comparison_is_drawn(spec: Spec, version: RegisteredVersion, constant: RegisteredVersion) -> None:
    compare.show_comparison(spec, "2", "1", "test", None)
    page = Path("data/reports/flights-v2-v1-compare-test.html").read_text()
    assert "version 1 is better than version 2 by roc_auc" in page
    assert page.count("<svg") == len(spec.evaluation.metrics) + 1
    assert "carrier" in page
    assert "model.params.max_depth" in page


def test_a_version_and_its_twin_cannot_be_told_apart(spec: Spec, version: RegisteredVersion) -> None:
    twin = train.train_version(spec, snapshot.load_newest("flights"))
    result = comparison.compare_versions(spec, version, twin, "test")
    assert result.format_verdict("roc_auc").startswith(
        "version 2 and version 1 do not differ by roc_auc above sampling noise"
    )
    assert result.differences == []


def test_rows_that_a_version_has_learned_from_are_counted(
    spec: Spec, version: RegisteredVersion, shallow: RegisteredVersion
) -> None:
    result = comparison.compare_versions(spec, shallow, version, "train")
    assert result.training_rows == (590, 590)


def test_the_version_of_a_day_is_the_last_one_until_then(
    spec: Spec, version: RegisteredVersion, shallow: RegisteredVersion
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    assert launch_log.find_version_as_of(spec, today) == (
        "2",
        f"was registered last until {today}; nothing was launched by then",
    )
    with pytest.raises(ProjectError, match="had no version on"):
        launch_log.find_version_as_of(spec, today - dt.timedelta(days=300))


def launched(spec: Spec, number: int, at: dt.datetime, kind: Literal["launch", "rollback"] = "launch") -> None:
    """Keep the record of a launch that happened at some moment."""
    record = launch_log.LaunchRecord(at=at, kind=kind, version=number, folder="1-x", by="ada", reason="better")
    launch_log.append_launch_record(spec, record)


def test_the_version_of_a_day_is_the_champion_of_that_day(
    spec: Spec, version: RegisteredVersion, shallow: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    today, one = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    launched(spec, 2, today - 300 * one)
    launched(spec, 1, today - 200 * one)
    launched(spec, 2, today - 100 * one, "rollback")
    for days, number in ((299, "2"), (200, "1"), (101, "1"), (100, "2"), (0, "2")):
        day = (today - days * one).date()
        assert launch_log.find_version_as_of(spec, day) == (number, f"was the champion on {day}")
    with pytest.raises(ProjectError, match="had no version on"):
        launch_log.find_version_as_of(spec, (today - 301 * one).date())
    compare.show_comparison(spec, "", "candidate", "test", (today - 150 * one).date())
    assert f"version 1 was the champion on {(today - 150 * one).date()}" in capsys.readouterr().out


def test_the_champion_of_a_day_that_is_todays_candidate_is_named(spec: Spec, version: RegisteredVersion) -> None:
    with pytest.raises(ProjectError, match=r"both are version 1: it was registered .*, and is the candidate"):
        compare.show_comparison(spec, "", "candidate", "test", dt.datetime.now(dt.UTC).date())


def test_lists_that_differ_show_by_what(spec: Spec, version: RegisteredVersion) -> None:
    edit(spec.path, 'numeric = ["hour", "wind"]', 'numeric = ["hour"]')
    without = train.train_version(pipelines.load_spec(None), snapshot.load_newest("flights"))
    result = comparison.compare_versions(spec, version, without, "test")
    assert result.differences == [("features.numeric", "wind", "")]


def test_history_keeps_every_evaluation(
    spec: Spec, version: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        evaluate.evaluate_version(spec, version)
    rows = history.read_history(spec)
    assert len(rows) == 2 * 2 * 4
    page = history_command.show_history(spec, None)
    assert pyarrow.parquet.read_table(page.with_suffix(".parquet")).num_rows == 16
    assert page.read_text().count("<svg") == 2 * 4
    assert "<script" not in page.read_text()


def test_all_versions_are_scored_on_the_same_rows_and_a_lost_one_says_so(
    spec: Spec, version: RegisteredVersion, shallow: RegisteredVersion
) -> None:
    rows = history.rescore_versions(spec, "test")
    values = {row["version"]: row["value"] for row in rows if row["metric"] == "roc_auc"}
    assert values[1] > values[2]
    (file,) = Path("data/artifacts").rglob(f"{version.run_id}/**/model.ubj")
    file.unlink()
    lost = next(row for row in history.rescore_versions(spec, "test") if row["version"] == 1)
    assert lost["undefined"] == "the model's files have changed since they were registered"
    assert np.isfinite(next(row for row in history.rescore_versions(spec, "test") if row["version"] == 2)["value"])


def test_nothing_evaluated_yet_says_what_to_run(spec: Spec, version: RegisteredVersion) -> None:
    with pytest.raises(ProjectError, match="has no evaluation yet\nrun `nox -s evaluate`"):
        history.read_history(spec)


def test_versions_of_different_labels_are_not_compared(spec: Spec, version: RegisteredVersion) -> None:
    run_sql("alter table features.flights add column windy boolean")
    run_sql("update features.flights set windy = hour > 12")
    edit(spec.path, 'label = "late"', 'label = "windy"')
    edit(spec.path, 'numeric = ["hour", "wind"]', 'numeric = ["wind"]')
    changed = pipelines.load_spec(None)
    other = train.train_version(changed, snapshot.take(changed))
    with pytest.raises(ProjectError, match="version 1 predicts late, version 2 predicts windy") as refused:
        comparison.compare_versions(changed, version, other, "test")
    assert "another pipeline file" in refused.value.fix
    undefined = {row["version"]: row.get("undefined") for row in history.rescore_versions(changed, "test")}
    assert undefined[1] == "predicts late, not windy"
    assert not undefined[2]


def test_few_clusters_give_numbers_without_an_interval(spec: Spec, version: RegisteredVersion) -> None:
    """Two carriers say nothing about a third: page, history and verdict show the value and why there is no more."""
    edit(spec.path, 'cluster = "row"', 'cluster = "carrier"')
    few = pipelines.load_spec(None)
    page = evaluate.evaluate_version(few, version)
    assert "no interval: too few days or groups: 2, at least 5 are needed" in page.read_text(encoding="utf-8")
    recorded = [row for row in history.read_history(few) if row["dataset"] == "test"]
    assert recorded[-1]["value"] is not None
    assert recorded[-1]["low"] is None
    twin = train.train_version(few, snapshot.load_newest("flights"))
    result = comparison.compare_versions(few, version, twin, "test")
    why = "no verdict by roc_auc: +0.0000, no interval: too few days or groups: 2"
    assert result.format_verdict("roc_auc").startswith(why)
    compare.show_comparison(few, "1", "2", "test", None)


@pytest.fixture
def variant(spec: Spec, version: RegisteredVersion) -> Spec:
    """Another pipeline, with a table of its own that lacks the wind and some rows."""
    run_sql("create table features.windless as select * exclude (wind) from features.flights where hour > 7")
    text = spec.path.read_text().replace("features.flights", "features.windless").replace('"hour", "wind"', '"hour"')
    Path("pipelines/windless.toml").write_text(text)
    changed = pipelines.load_spec("windless")
    train.train_version(changed, snapshot.take(changed))
    return changed


def test_versions_of_two_pipelines_are_compared_on_the_rows_that_both_have(
    spec: Spec, variant: Spec, capsys: pytest.CaptureFixture[str]
) -> None:
    result = compare.show_comparison(variant, "flights:1", "candidate", "test", None)
    table = datasets.read_snapshot_rows(snapshot.load_newest("flights"), spec, "test")
    late = sum(hour > 7 for hour in table["hour"].to_pylist())
    assert 0 < result.rows == late < len(table)
    assert result.names == ("flights version 1", "windless version 1")
    assert ("features.numeric", "wind", "") in result.differences
    assert result.training_rows == (0, 0)
    assert Path("data/reports/windless-flights-v1-v1-compare-test.html").exists()
    assert "windless version 1" in capsys.readouterr().out.splitlines()[-1]
    back = compare.show_comparison(spec, "windless:1", "1", "test", None)
    gains = [next(m.gain.value or 0 for m in found.metrics if m.metric == "roc_auc") for found in (result, back)]
    assert gains[0] == pytest.approx(-gains[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("update features.windless set late = not late where hour = 9", "rows have another late in flights"),
        ("update features.windless set id = 'X' || id", "flights and windless have no row of test in common"),
    ],
)
def test_pipelines_that_do_not_speak_of_the_same_rows_are_not_compared(
    spec: Spec, variant: Spec, change: str, message: str
) -> None:
    run_sql(change)
    snapshot.take(variant)
    with pytest.raises(ProjectError, match=message):
        compare.show_comparison(variant, "flights:1", "candidate", "test", None)
