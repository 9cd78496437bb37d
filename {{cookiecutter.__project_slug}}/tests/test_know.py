import datetime as dt
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from conftest import edit

from {{ cookiecutter.__package }} import (
    compare,
    datasets,
    history,
    know,
    launches,
    predict,
    registry,
    snapshot,
    steps,
    tracking,
)
from {{ cookiecutter.__package }} import spec as specs
from {{ cookiecutter.__package }}.errors import ProjectError
from {{ cookiecutter.__package }}.registry import Version
from {{ cookiecutter.__package }}.spec import Spec

EVENING = {"carrier": "XX", "hour": 23, "wind": None}


@pytest.fixture
def version(spec: Spec) -> Version:
    return steps.train(spec, snapshot.take(spec))


@pytest.fixture
def shallow(spec: Spec, version: Version) -> Version:
    """A second version, of one tree of one split."""
    edit(spec.path, "max_depth = 3, rounds = 30", "max_depth = 1, rounds = 1")
    return steps.train(specs.choose(None), snapshot.newest("flights"))


def refusal(version: Version, **changes: object) -> str:
    with pytest.raises(ProjectError) as caught:
        predict.encode_example(version.schema, EVENING | changes, "--example")
    return str(caught.value)


def test_an_example_has_the_number_that_its_row_has_in_a_batch(spec: Spec, version: Version) -> None:
    rows = steps.rows(spec, version, "test")
    row = {name: rows.table[name][7].as_py() for name in version.schema.names}
    matrix, _ = predict.encode_example(version.schema, row, "--example")
    assert version.model.predict(matrix)[0] == version.model.predict(rows.matrix)[7]


def test_an_example_is_refused_with_the_field_and_what_would_do(version: Version) -> None:
    assert refusal(version, carier="XX") == "--example: 'carier' is no feature of the model\ndid you mean 'carrier'?"
    assert "carrier is 'XY', which training did not see\nknown: XX, YY" in refusal(version, carrier="XY")
    assert "hour is '23', which is no finite number\ngive a number from 0 to 23" in refusal(version, hour="23")
    assert "hour is True" in refusal(version, hour=True)
    assert "hour is nan" in refusal(version, hour=float("nan"))


def test_a_feature_that_is_left_out_must_be_said_to_be_unknown(version: Version) -> None:
    with pytest.raises(ProjectError, match="feature 'wind' is missing"):
        predict.encode_example(version.schema, {"carrier": "XX", "hour": 1}, "--example")


def test_what_training_did_not_see_is_noted(version: Version) -> None:
    _, notes = predict.encode_example(version.schema, EVENING | {"hour": 40}, "--example")
    assert notes == ["hour is 40; training saw 0 to 23", "wind is not known"]


@pytest.mark.parametrize("given", ["{", "[1]", "nowhere.json"])
def test_what_is_no_example_is_refused(given: str, project: Path) -> None:
    (project / "list.json").write_text("[1]")
    with pytest.raises(ProjectError):
        predict.read_example("list.json" if given == "[1]" else given)


def test_the_features_responsible_for_an_example_are_named(
    spec: Spec, version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    know.example(spec, "candidate", json.dumps(EVENING), explain=True)
    said = capsys.readouterr().out.partition("most responsible")[2].split()
    assert said.index("hour") < said.index("wind")
    page = Path("data/reports/flights-v1-example.html").read_text()
    assert "wind = " in page
    assert page.index("<td>hour</td>") < page.index("<td>wind</td>")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_of_a_file_are_predicted_as_they_are_in_a_dataset(
    spec: Spec, version: Version, project: Path, ending: str
) -> None:
    rows = steps.rows(spec, version, "test").table.select(["carrier", "hour", "wind"])
    pyarrow.csv.write_csv(rows, "rows.csv")
    pyarrow.parquet.write_table(rows, "rows.parquet")
    ours = pyarrow.parquet.read_table(know.dataset(spec, "candidate", "test", plot=False))
    theirs = pyarrow.parquet.read_table(know.dataset(spec, "candidate", f"rows.{ending}", plot=False))
    for name in ("probability_of_true", "model_version"):
        assert ours[name].to_pylist() == theirs[name].to_pylist()


def test_categories_of_a_file_that_training_did_not_see_are_counted(
    spec: Spec, version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("new.csv").write_text("carrier,hour,wind\nZZ,1,2\nXX,1,2\nZZ,3,4\n")
    know.dataset(spec, "candidate", "new.csv", plot=False)
    said = capsys.readouterr().out
    assert "training did not see 2 values of carrier, such as 'ZZ': they count as missing" in said


def test_predictions_of_rows_without_a_label_are_drawn(
    spec: Spec, version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = steps.rows(spec, version, "test").table.drop_columns([spec.data.label])
    pyarrow.parquet.write_table(rows, "new.parquet")
    target = know.dataset(spec, "candidate", "new.parquet", plot=True)
    assert "training did not see" not in capsys.readouterr().out
    page = target.with_suffix(".html").read_text()
    assert f"{rows.num_rows:,} rows without a label" in page
    assert page.count("<svg") == 1


def test_a_file_that_lacks_a_feature_is_refused(version: Version, project: Path) -> None:
    (project / "rows.csv").write_text("carrier,hours,wind\nXX,1,2\n")
    with pytest.raises(ProjectError, match="has no column hour\ndid you mean 'hours'"):
        datasets.read_rows(version.schema, Path("rows.csv"))
    (project / "rows.csv").write_text("carrier,hour,wind\nXX,late,2\n")
    with pytest.raises(ProjectError, match="hour holds text that is no number"):
        datasets.read_rows(version.schema, Path("rows.csv"))


def with_dataset(spec: Spec, where: str) -> Spec:
    spec.path.write_text(spec.path.read_text() + f'\n[datasets.evening]\nwhere = "{where}"\n')
    return specs.choose(None)


def test_a_dataset_is_judged_with_the_splits(spec: Spec, version: Version) -> None:
    page = steps.evaluate(with_dataset(spec, "hour >= 18"), version)
    found = {entry["dataset"]: entry["rows"] for entry in json.loads(page.with_suffix(".json").read_text())["datasets"]}
    assert found["evening"] < found["test"]
    assert list(found) == ["test", "validation", "evening"]


@pytest.mark.parametrize(
    ("where", "said"), [("hours > 1", "evening.where: Binder Error"), ("hour > 99", "dataset evening has no rows")]
)
def test_a_dataset_that_cannot_be_selected_is_refused(spec: Spec, version: Version, where: str, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        steps.evaluate(with_dataset(spec, where), version, ("evening",))


def test_a_dataset_that_is_not_declared_is_refused(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match="there is no dataset 'tests'\ndid you mean 'test'"):
        steps.rows(spec, version, "tests")


def test_the_better_of_two_versions_is_told_with_the_numbers(spec: Spec, version: Version, shallow: Version) -> None:
    result = compare.compare(spec, shallow, version, "test")
    assert result.verdict("roc_auc").startswith("version 1 is better than version 2 by roc_auc: +0.")
    back = compare.compare(spec, version, shallow, "test")
    assert back.verdict("roc_auc").startswith("version 2 is worse than version 1 by roc_auc: -0.")
    keys = {key for key, _, _ in result.differences}
    assert {"model.params.max_depth", "model.params.rounds"} <= keys
    assert set(result.seen.values()) == {0}


def test_a_comparison_is_drawn(spec: Spec, version: Version, shallow: Version) -> None:
    know.beside(spec, "2", "1", "test", None)
    page = Path("data/reports/flights-v2-v1-compare-test.html").read_text()
    assert "version 1 is better than version 2 by roc_auc" in page
    assert page.count("<svg") == len(spec.evaluation.metrics) + 1
    assert "carrier" in page
    assert "model.params.max_depth" in page


def test_a_version_and_its_twin_cannot_be_told_apart(spec: Spec, version: Version) -> None:
    twin = steps.train(spec, snapshot.newest("flights"))
    result = compare.compare(spec, version, twin, "test")
    assert result.verdict("roc_auc").startswith("version 2 and version 1 cannot be told apart")
    assert result.differences == []


def test_rows_that_a_version_has_learned_from_are_counted(spec: Spec, version: Version, shallow: Version) -> None:
    result = compare.compare(spec, shallow, version, "train")
    assert result.seen == {1: 590, 2: 590}


def test_the_version_of_a_day_is_the_last_one_until_then(spec: Spec, version: Version, shallow: Version) -> None:
    today = dt.datetime.now(dt.UTC).date()
    assert compare.as_of(spec, today) == ("2", f"was registered last until {today}; nothing was launched by then")
    with pytest.raises(ProjectError, match="had no version on"):
        compare.as_of(spec, today - dt.timedelta(days=300))


def launched(spec: Spec, number: int, at: dt.datetime, kind: Literal["launch", "rollback"] = "launch") -> None:
    """Keep the record of a launch that happened at some moment."""
    record = launches.Record(at=at, kind=kind, version=number, folder="1-x", by="ada", reason="better")
    launches.write(spec, record)


def test_the_version_of_a_day_is_the_champion_of_that_day(
    spec: Spec, version: Version, shallow: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    today, one = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    launched(spec, 2, today - 300 * one)
    launched(spec, 1, today - 200 * one)
    launched(spec, 2, today - 100 * one, "rollback")
    for days, number in ((299, "2"), (200, "1"), (101, "1"), (100, "2"), (0, "2")):
        day = (today - days * one).date()
        assert compare.as_of(spec, day) == (number, f"was the champion on {day}")
    with pytest.raises(ProjectError, match="had no version on"):
        compare.as_of(spec, (today - 301 * one).date())
    know.beside(spec, "", "candidate", "test", (today - 150 * one).date())
    assert f"version 1 was the champion on {(today - 150 * one).date()}" in capsys.readouterr().out


def test_the_champion_of_a_day_that_is_todays_candidate_is_named(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match=r"both are version 1: it was registered .*, and is the candidate"):
        know.beside(spec, "", "candidate", "test", dt.datetime.now(dt.UTC).date())


def test_lists_that_differ_show_by_what(spec: Spec, version: Version) -> None:
    edit(spec.path, 'numeric = ["hour", "wind"]', 'numeric = ["hour"]')
    without = steps.train(specs.choose(None), snapshot.newest("flights"))
    result = compare.compare(spec, version, without, "test")
    assert result.differences == [("features.numeric", "wind", "")]


def test_rows_that_were_learned_from_are_named_by_an_evaluation(
    spec: Spec, version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    steps.evaluate(spec, version, ("train",))
    assert "note: train: version 1 has learned from 590 of these rows" in capsys.readouterr().out
    steps.evaluate(spec, version, ("test",))
    assert "note:" not in capsys.readouterr().out


def test_history_keeps_every_evaluation(spec: Spec, version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        steps.evaluate(spec, version)
    rows = history.recorded(spec)
    assert len(rows) == 2 * 2 * 4
    page = know.over_time(spec, None)
    assert pyarrow.parquet.read_table(page.with_suffix(".parquet")).num_rows == 16
    assert page.read_text().count("<svg") == 2 * 4
    assert "<script" not in page.read_text()


def test_all_versions_are_scored_on_the_same_rows_and_a_lost_one_says_so(
    spec: Spec, version: Version, shallow: Version
) -> None:
    rows = history.rescored(spec, "test")
    values = {row["version"]: row["value"] for row in rows if row["metric"] == "roc_auc"}
    assert values[1] > values[2]
    (file,) = Path("data/artifacts").rglob(f"{version.run}/**/model.ubj")
    file.unlink()
    lost = next(row for row in history.rescored(spec, "test") if row["version"] == 1)
    assert lost["undefined"] == "the model's files are not those that were registered"
    assert np.isfinite(next(row for row in history.rescored(spec, "test") if row["version"] == 2)["value"])


def test_nothing_evaluated_yet_says_what_to_run(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match="has no evaluation yet\nrun `nox -s evaluate`"):
        history.recorded(spec)


def test_a_setting_from_the_command_line_stands_above_the_file_and_is_kept(spec: Spec, version: Version) -> None:
    changed = specs.choose(None, ["model.params.max_depth=2", "evaluation.primary=log_loss"])
    steps.train(changed, snapshot.newest("flights"))
    kept = registry.open_version(spec).spec
    assert (kept.model.params["max_depth"], kept.evaluation.primary) == (2, "log_loss")


@pytest.mark.parametrize(
    ("override", "said"),
    [("model.seeds=1", "unknown key model.seeds\ndid you mean 'seed'"), ("model.seed", "has no value")],
)
def test_a_misspelt_setting_is_refused(spec: Spec, override: str, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        specs.choose(None, [override])


def with_late_winter(spec: Spec, split: str) -> Spec:
    where = "where = \"day >= date '2013-02-01'\""
    spec.path.write_text(spec.path.read_text() + f'\n[datasets.winter]\n{where}\nsplit = "{split}"\n')
    return specs.choose(None)


def test_a_version_that_is_trained_further_has_more_trees_and_knows_its_parent(spec: Spec, shallow: Version) -> None:
    spec = with_late_winter(spec, "train")
    child = steps.fine_tune(spec, shallow, "winter")
    assert child.model.facts()["trees"] > shallow.model.facts()["trees"]
    tags = tracking.client().get_model_version("flights", str(child.number)).tags
    assert (tags["parent"], tags["dataset"]) == (str(shallow.number), "winter")
    matrix = steps.rows(spec, child, "test").matrix
    assert (child.model.predict(matrix) != shallow.model.predict(matrix)).any()


def test_a_version_of_another_kind_is_not_trained_further(spec: Spec, shallow: Version) -> None:
    other = spec.model.model_copy(update={"factory": "baseline:GroupMean", "params": {}})
    spec = with_late_winter(spec, "train").model_copy(update={"model": other})
    with pytest.raises(ProjectError, match="version 2 is a model:XGBoost, and the file says baseline:GroupMean"):
        steps.fine_tune(spec, shallow, "winter")


def test_rows_that_a_model_is_judged_on_are_never_learned_from(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match="dataset winter holds rows of the split test, which must not be learned"):
        steps.fine_tune(with_late_winter(spec, "test"), version, "winter")
