import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest
from conftest import edit
from variants import become

from mlteam.analysis import comparison, history
from mlteam.commands import compare, evaluate, explain, mistakes, predict, train
from mlteam.commands import history as history_command
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot, splits
from mlteam.registry import version_rows
from mlteam.registry.versions import RegisteredVersion

COLUMNS = ["id", "carrier", "hour", "wind", "late"]


@pytest.fixture
def brought(spec: Spec, version: RegisteredVersion) -> pa.Table:
    """The rows of the split test, which are also in rows.csv and rows.parquet."""
    rows = version_rows.load_version_rows(spec, version, "test").table.select(COLUMNS)
    write(rows)
    return rows


def write(rows: pa.Table) -> None:
    pyarrow.csv.write_csv(rows, "rows.csv")
    pyarrow.parquet.write_table(rows, "rows.parquet")


def changed(rows: pa.Table, name: str, values: pa.Array) -> None:
    """The same files with another column."""
    write(rows.set_column(rows.column_names.index(name), name, values))


def declared(spec: Spec, file: str) -> Spec:
    spec.path.write_text(spec.path.read_text() + f'\n[datasets.winter]\nfile = "{file}"\n')
    return pipelines.load_spec(None)


def found(page: Path) -> dict[str, dict[str, object]]:
    return {entry["dataset"]: entry for entry in json.loads(page.with_suffix(".json").read_text())["datasets"]}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_rows_of_a_file_are_judged_as_they_are_in_a_split(
    spec: Spec, version: RegisteredVersion, brought: pa.Table, ending: str
) -> None:
    spec = declared(spec, f"rows.{ending}")
    evaluated = found(evaluate.evaluate_version(spec, version))
    assert list(evaluated) == ["test", "validation", "winter"]
    assert evaluated["winter"]["metrics"] == evaluated["test"]["metrics"]
    path = found(evaluate.evaluate_version(spec, version, (f"rows.{ending}",)))[f"rows.{ending}"]
    assert path["metrics"] == evaluated["test"]["metrics"]
    kept = {row["dataset"] for row in history.read_history(spec)}
    assert kept == {"test", "validation", "winter", f"rows_{ending}"}


@pytest.mark.parametrize("name", ["winter", "rows.csv"])
def test_every_command_takes_the_rows_of_a_file(
    spec: Spec, version: RegisteredVersion, brought: pa.Table, name: str
) -> None:
    spec = declared(spec, "rows.csv")
    other = spec.model_copy(update={"model": spec.model.model_copy(update={"seed": 2})})
    train.train_version(other, snapshot.load_newest("flights"))
    assert (
        pyarrow.parquet.read_metadata(predict.predict_dataset(spec, "1", name, plot=True)).num_rows == brought.num_rows
    )
    evening = version_rows.load_version_rows(
        version_rows.build_evaluation_spec(spec, version), version, name, "hour >= 18"
    )
    assert 0 < len(evening.label) < brought.num_rows
    assert "svg" in explain.report_importance(spec, version, evening, name).read_text()
    assert (
        "svg"
        in mistakes.report_mistakes(spec, version, version_rows.load_version_rows(spec, version, name)).read_text()
    )
    result = compare.show_comparison(spec, "1", "2", name, None)
    assert (result.rows, set(result.training_rows)) == (brought.num_rows, {0})
    scored = {(row["version"], row["dataset"]) for row in history.rescore_versions(spec, name)}
    assert scored == {(1, name), (2, name)}
    assert history_command.show_history(spec, name).parent == Path("data/reports")


def test_rows_of_a_file_that_a_version_has_learned_from_are_counted_by_their_key(
    spec: Spec, version: RegisteredVersion, brought: pa.Table, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = train.train_version(spec, snapshot.load_newest("flights"))
    rows = version_rows.load_version_rows(spec, version, "train").table.select(COLUMNS)
    write(pa.concat_tables([rows.slice(0, 7), brought]))
    assert comparison.compare_versions(spec, version, twin, "rows.csv").training_rows == (7, 7)
    write(brought.drop_columns("id"))
    compare.show_comparison(spec, "1", "2", "rows.csv", None)
    assert "without id it is unknown whether version 1 was trained on these rows" in capsys.readouterr().out


def test_a_file_without_the_column_of_a_slice_is_judged_without_it(
    spec: Spec, version: RegisteredVersion, brought: pa.Table, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(spec.path, 'slices = ["carrier", "hour"]', 'slices = ["carrier", "day"]')
    slices = found(evaluate.evaluate_version(pipelines.load_spec(None), version, ("rows.csv",)))["rows.csv"]["slices"]
    assert {part["column"] for part in slices} == {"carrier"}  # type: ignore[attr-defined]
    assert "note: rows.csv: the rows have no day: no slices by it" in capsys.readouterr().out


def test_a_file_of_one_class_says_that_a_metric_is_not_defined(
    spec: Spec, version: RegisteredVersion, brought: pa.Table, capsys: pytest.CaptureFixture[str]
) -> None:
    write(brought.filter(brought["late"]))
    page = evaluate.evaluate_version(spec, version, ("rows.csv",))
    assert "not defined: all rows are of one class" in capsys.readouterr().out
    assert "NaN" not in page.read_text() + page.with_suffix(".json").read_text()


REFUSED = [
    ("late", None, "has no column late, the label\ndid you mean 'lat'"),
    ("wind", None, "has no column wind\ndid you mean 'win'"),
    ("late", "maybe", "late, the label, is 'maybe' in the first of 600 rows\nknown from training: false, true"),
    ("late", "", "late, the label, is missing in the first of 600 rows"),
    ("hour", "noon", "hour contains text that is not a number\nleave unknown values empty"),
    ("hour", "inf", "hour is infinite in 600 rows"),
    ("hour", "1e300", "hour is infinite in 600 rows"),
]


def test_a_file_that_cannot_be_judged_is_refused_by_its_name(
    spec: Spec, version: RegisteredVersion, brought: pa.Table
) -> None:
    for column, value, said in REFUSED:
        if value is None:
            write(brought.rename_columns([name[:3] if name == column else name for name in COLUMNS]))
        else:
            changed(brought, column, pa.array([value] * brought.num_rows))
        with pytest.raises(ProjectError, match=f"rows.csv: {said}"):
            evaluate.evaluate_version(spec, version, ("rows.csv",))
        with pytest.raises(ProjectError, match=f"rows.csv: {said}"):
            history.rescore_versions(spec, "rows.csv")
    with pytest.raises(ProjectError, match=r"no\.csv: there is no such file"):
        version_rows.load_version_rows(spec, version, "no.csv")
    lists = brought.set_column(2, "hour", pa.array([["a"]] * brought.num_rows))
    pyarrow.parquet.write_table(lists, "rows.parquet")
    with pytest.raises(ProjectError, match=r"hour has type list<.*>, not numbers"):
        version_rows.load_version_rows(spec, version, "rows.parquet")


def test_labels_are_read_as_other_programs_write_them(
    spec: Spec, version: RegisteredVersion, brought: pa.Table
) -> None:
    changed(brought, "late", pc.if_else(brought["late"], " TRUE", "False"))
    label = version_rows.load_version_rows(spec, version, "rows.csv").label
    assert label.tolist() == [int(late) for late in brought["late"].to_pylist()]


def test_a_number_to_predict_is_read_from_text_and_must_be_there(spec: Spec, version: RegisteredVersion) -> None:
    spec = become(spec, "regression", "hour * 2", '["r2"]')
    version = train.train_version(spec, snapshot.take(spec))
    rows = version_rows.load_version_rows(spec, version, "test").table.select(["carrier", "hour", "wind", "target"])
    write(rows)
    evaluated = found(evaluate.evaluate_version(spec, version, ("rows.csv", "test")))
    assert evaluated["rows.csv"]["metrics"] == evaluated["test"]["metrics"]
    for empty in ("", "nan"):
        changed(rows, "target", pa.array([empty] * rows.num_rows))
        with pytest.raises(ProjectError, match="600 rows have no target, the label"):
            version_rows.load_version_rows(spec, version, "rows.csv")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('file = "../rows.csv"', "must be a path inside the repository"),
        ('file = "/rows.csv"', "must be a path inside the repository"),
        ('file = "rows.txt"', "must end in .csv, .parquet, .pq"),
        ('file = "rows.csv"\nwhere = "hour > 1"', "say either where"),
        ('file = "rows.csv"\nsplit = "train"', "no model learns from the rows of a file"),
        ('split = "train"', "say either where"),
    ],
)
def test_a_dataset_that_says_too_much_or_too_little_is_refused(spec: Spec, table: str, said: str) -> None:
    spec.path.write_text(f"{spec.path.read_text()}\n[datasets.winter]\n{table}\n")
    with pytest.raises(ProjectError, match=said):
        pipelines.load_spec(None)


@pytest.mark.parametrize("name", ["winter", "rows.csv"])
def test_a_file_for_evaluation_is_never_trained_on(
    spec: Spec, version: RegisteredVersion, brought: pa.Table, name: str
) -> None:
    with pytest.raises(ProjectError, match=r"the rows of rows.csv are for evaluation, not for training"):
        train.fine_tune(declared(spec, "rows.csv"), version, name)


def test_a_file_is_described_by_its_path(spec: Spec) -> None:
    spec = declared(spec, "rows.csv")
    assert splits.describe_dataset(spec, "winter") == "winter: rows of the file rows.csv"
    assert splits.describe_dataset(spec, "other.csv") == "rows of the file other.csv"
