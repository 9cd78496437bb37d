import json
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from mlteam.analysis import prediction
from mlteam.commands import predict
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import file_rows, table_files
from mlteam.registry import version_rows
from mlteam.registry.versions import RegisteredVersion

EVENING = {"carrier": "XX", "hour": 23, "wind": None}


def refusal(version: RegisteredVersion, **changes: object) -> str:
    with pytest.raises(ProjectError) as caught:
        prediction.encode_example(version.schema, EVENING | changes, "--example")
    return str(caught.value)


def test_an_example_has_the_number_that_its_row_has_in_a_batch(spec: Spec, version: RegisteredVersion) -> None:
    rows = version_rows.load_version_rows(spec, version, "test")
    row = {name: rows.table[name][7].as_py() for name in version.schema.names}
    matrix, _ = prediction.encode_example(version.schema, row, "--example")
    assert version.model.predict(matrix)[0] == version.model.predict(rows.matrix)[7]


def test_an_example_is_refused_with_the_field_and_what_would_do(version: RegisteredVersion) -> None:
    assert refusal(version, carier="XX") == "--example: 'carier' is not a feature of the model\ndid you mean 'carrier'?"
    assert "carrier is 'XY', which training did not see\nknown: XX, YY" in refusal(version, carrier="XY")
    assert "hour is '23', which is not a finite number\ngive a number from 0 to 23" in refusal(version, hour="23")
    assert "hour is True" in refusal(version, hour=True)
    assert "hour is nan" in refusal(version, hour=float("nan"))


def test_a_feature_that_is_left_out_must_be_said_to_be_unknown(version: RegisteredVersion) -> None:
    with pytest.raises(ProjectError, match="feature 'wind' is missing"):
        prediction.encode_example(version.schema, {"carrier": "XX", "hour": 1}, "--example")


def test_what_training_did_not_see_is_noted(version: RegisteredVersion) -> None:
    _, notes = prediction.encode_example(version.schema, EVENING | {"hour": 40}, "--example")
    assert notes == ["hour is 40; training saw 0 to 23", "wind is not known"]


@pytest.mark.parametrize("given", ["{", "[1]", "nowhere.json"])
def test_what_is_no_example_is_refused(given: str, project: Path) -> None:
    (project / "list.json").write_text("[1]")
    with pytest.raises(ProjectError):
        prediction.read_example("list.json" if given == "[1]" else given)


def test_the_features_responsible_for_an_example_are_named(
    spec: Spec, version: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    predict.predict_example(spec, "candidate", json.dumps(EVENING), explain=True)
    said = capsys.readouterr().out.partition("most responsible")[2].split()
    assert said.index("hour") < said.index("wind")
    page = Path("data/reports/flights-v1-example.html").read_text()
    assert "wind = " in page
    assert page.index("<td>hour</td>") < page.index("<td>wind</td>")


def test_an_example_in_a_file_has_a_page_of_its_own(spec: Spec, version: RegisteredVersion) -> None:
    Path("late one.json").write_text(json.dumps(EVENING))
    predict.predict_example(spec, "candidate", "late one.json", explain=True)
    assert len(list(Path("data/reports").glob("flights-v1-example-late_one-*.html"))) == 1


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_of_a_file_are_predicted_as_they_are_in_a_dataset(
    spec: Spec, version: RegisteredVersion, project: Path, ending: str
) -> None:
    rows = version_rows.load_version_rows(spec, version, "test").table.select(["carrier", "hour", "wind"])
    pyarrow.csv.write_csv(rows, "rows.csv")
    pyarrow.parquet.write_table(rows, "rows.parquet")
    ours = pyarrow.parquet.read_table(predict.predict_dataset(spec, "candidate", "test", plot=False))
    theirs = pyarrow.parquet.read_table(predict.predict_dataset(spec, "candidate", f"rows.{ending}", plot=False))
    for name in ("probability_of_true", "model_version"):
        assert ours[name].to_pylist() == theirs[name].to_pylist()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_is_predicted_in_batches_to_the_last_digit(
    spec: Spec, version: RegisteredVersion, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    table = version_rows.load_version_rows(spec, version, "test").table
    pyarrow.csv.write_csv(table, "rows.csv")
    pyarrow.parquet.write_table(table, "rows.parquet")
    whole = pyarrow.parquet.read_table(predict.predict_dataset(spec, "1", f"rows.{ending}", plot=False))
    monkeypatch.setattr(table_files, "BATCH_ROWS", 64)
    sizes = [rows.num_rows for rows in file_rows.stream_file_rows(version.schema, Path(f"rows.{ending}"), None)]
    assert max(sizes) < table.num_rows
    assert sum(sizes) == table.num_rows
    parts = pyarrow.parquet.read_table(predict.predict_dataset(spec, "1", f"rows.{ending}", plot=False))
    assert parts == whole
    some = pyarrow.parquet.read_table(predict.predict_dataset(spec, "1", f"rows.{ending}", "hour = 23", plot=False))
    assert set(some["hour"].to_pylist()) == {23}
    with pytest.raises(ProjectError, match="--where selects no row"):
        predict.predict_dataset(spec, "1", f"rows.{ending}", "hour > 23", plot=False)


def test_a_file_that_ends_in_the_middle_leaves_no_predictions(spec: Spec, version: RegisteredVersion) -> None:
    lines = ["carrier,hour,wind", *["XX,1,2"] * 200_000, "XX,1,2,3,4"]
    Path("rows.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(ProjectError, match="cannot be read"):
        predict.predict_dataset(spec, "1", "rows.csv", plot=False)
    assert list(Path("data/reports").glob("*predictions*")) == []


@pytest.mark.parametrize("name", ["test", "rows.csv"])
def test_rows_that_sql_chooses_are_predicted(spec: Spec, version: RegisteredVersion, name: str) -> None:
    pyarrow.csv.write_csv(version_rows.load_version_rows(spec, version, "test").table, "rows.csv")
    target = predict.predict_dataset(spec, "candidate", name, "hour >= 20", plot=True)
    hours = pyarrow.parquet.read_table(target)["hour"].to_pylist()
    assert sorted(set(hours)) == [20, 21, 22, 23]
    page = target.with_suffix(".html").read_text()
    assert f"Predictions for {name} where hour &gt;= 20" in page
    assert f"{len(hours)} rows; to evaluate them, add them to the pipeline file" in page
    with pytest.raises(ProjectError, match="--where: Binder Error"):
        predict.predict_dataset(spec, "candidate", name, "hours >= 20", plot=False)


def test_categories_of_a_file_that_training_did_not_see_are_counted(
    spec: Spec, version: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("new.csv").write_text("carrier,hour,wind\nZZ,1,2\nXX,1,2\nZZ,3,4\n")
    predict.predict_dataset(spec, "candidate", "new.csv", plot=False)
    said = capsys.readouterr().out
    assert "training did not see values of carrier such as 'ZZ', which count as missing (2 of 3 rows)" in said


def test_predictions_of_rows_without_a_label_are_drawn(
    spec: Spec, version: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = version_rows.load_version_rows(spec, version, "test").table.drop_columns([spec.data.label])
    pyarrow.parquet.write_table(rows, "new.parquet")
    target = predict.predict_dataset(spec, "candidate", "new.parquet", plot=True)
    assert "training did not see" not in capsys.readouterr().out
    page = target.with_suffix(".html").read_text()
    assert f"{rows.num_rows:,} rows without a label" in page
    assert page.count("<svg") == 1


def test_a_file_that_lacks_a_feature_is_refused(version: RegisteredVersion, project: Path) -> None:
    (project / "rows.csv").write_text("carrier,hours,wind\nXX,1,2\n")
    with pytest.raises(ProjectError, match="has no column hour\ndid you mean 'hours'"):
        file_rows.read_file_rows(version.schema, Path("rows.csv"))
    (project / "rows.csv").write_text("carrier,hour,wind\nXX,late,2\n")
    with pytest.raises(ProjectError, match="hour contains text that is not a number"):
        file_rows.read_file_rows(version.schema, Path("rows.csv"))
