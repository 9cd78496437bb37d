from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from conftest import edit, run_sql

from mlteam.commands import train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, features, snapshot
from mlteam.data.features import Examples, Schema
from mlteam.modeling import model
from mlteam.modeling.baseline import GroupMean
from mlteam.modeling.boosted_trees import XGBoost
from mlteam.modeling.model import Model

Split = tuple[Examples, Examples, Schema]


@pytest.fixture
def rows(spec: Spec) -> Split:
    taken = snapshot.take(spec)
    train = datasets.read_snapshot_rows(taken, spec, "train")
    schema = features.learn_schema(spec, train)
    watch = datasets.read_snapshot_rows(taken, spec, "validation")
    return (
        features.build_examples(spec, schema, "train", train),
        features.build_examples(spec, schema, "validation", watch),
        schema,
    )


def test_splits_take_their_days_and_no_other(spec: Spec) -> None:
    taken = snapshot.take(spec)
    days = {
        name: set(datasets.read_snapshot_rows(taken, spec, name)["day"].to_pylist())
        for name in ("train", "validation", "test")
    }
    assert max(days["train"]) < min(days["validation"]) <= max(days["validation"]) < min(days["test"])
    assert sum(map(len, days.values())) == 150


def test_rows_that_are_read_by_column_are_those_of_the_whole_table(spec: Spec) -> None:
    odd = 'hour / 3 as "odd.name", hour as file_row_number, late as chosen'
    run_sql(f"create or replace table features.flights as select *, {odd} from features.flights")
    taken = snapshot.take(spec)
    for name in ("train", "validation"):
        columns, table = datasets.LazySnapshotTable(taken, spec, name), datasets.read_snapshot_rows(taken, spec, name)
        assert (columns.num_rows, columns.column_names) == (table.num_rows, table.column_names)
        assert {column: columns[column].to_pylist() for column in table.column_names} == table.to_pydict()


def test_categories_and_missing_values_are_encoded_as_training_saw_them(rows: Split) -> None:
    table = pa.table({"carrier": ["YY", "ZZ", None, "XX"], "hour": [1, 2, 3, 4], "wind": [0.5, None, 1.5, 2.5]})
    expected = [[1, 1, 0.5], [np.nan, 2, np.nan], [np.nan, 3, 1.5], [0, 4, 2.5]]
    np.testing.assert_array_equal(rows[2].encode(table), np.array(expected, np.float32))


def test_a_missing_column_is_named(rows: Split) -> None:
    with pytest.raises(ProjectError, match="no column wind"):
        rows[2].encode(pa.table({"carrier": ["XX"], "hour": [1]}))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('numeric = ["hour", "wind"]', 'numeric = ["hour", "id"]', "is the key"),
        ('categorical = ["carrier"]', 'categorical = ["carrier", "hour"]', "twice"),
        ('categorical = ["carrier"]\nnumeric = ["hour", "wind"]', 'numeric = ["carrier"]', "is string, not numeric"),
    ],
)
def test_a_feature_of_the_wrong_kind_is_refused(spec: Spec, old: str, new: str, said: str) -> None:
    edit(spec.path, old, new)
    with pytest.raises(ProjectError, match=said):
        features.learn_schema(
            pipelines.load_spec(None), datasets.read_snapshot_rows(snapshot.take(spec), spec, "train")
        )


@pytest.mark.parametrize("part", ["model", "baseline"])
def test_a_saved_model_predicts_the_same_numbers(spec: Spec, rows: Split, part: str, tmp_path: Path) -> None:
    fitted = model.fit_model(spec, part, *rows)
    fitted.save(tmp_path / "saved")
    loaded: Model = type(fitted).load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.predict(rows[1].matrix), fitted.predict(rows[1].matrix))


def test_training_twice_gives_the_same_numbers(spec: Spec, rows: Split) -> None:
    first, second = (model.fit_model(spec, "model", *rows).predict(rows[1].matrix) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_model_can_learn_a_few_rows_by_heart(spec: Spec, rows: Split) -> None:
    train, _, schema = rows
    few = Examples("train", train.matrix[:40], train.label[:40])
    params = {"max_depth": 10, "min_child_weight": 0, "rounds": 200, "early_stopping_rounds": 200, "learning_rate": 0.5}
    deep = spec.model.model_copy(update={"params": params})
    predicted = XGBoost.fit(few, few, schema, deep).predict(few.matrix)
    assert ((predicted > 0.5) == few.label).all()


def test_only_the_trees_up_to_the_best_round_are_kept(spec: Spec, rows: Split) -> None:
    hasty = spec.model.model_copy(update={"params": {"rounds": 300, "learning_rate": 1}})
    patient = spec.model_copy(update={"model": hasty})
    assert model.fit_model(patient, "model", *rows).metadata()["trees"] < 100


def test_contributions_add_up_to_the_prediction(spec: Spec, rows: Split) -> None:
    fitted = model.fit_model(spec, "model", *rows)
    assert isinstance(fitted, XGBoost)
    matrix = rows[1].matrix
    added = fitted.predict_contributions(matrix).sum(axis=1)
    odds = np.log(fitted.predict(matrix) / (1 - fitted.predict(matrix)))
    assert np.ptp(odds - added) < 1e-4


def test_a_group_of_the_baseline_has_its_own_rate(spec: Spec, rows: Split) -> None:
    train = rows[0]
    factory = spec.baseline.model_copy(update={"params": {"by": ("carrier",), "prior_rows": 1e-9}})
    predicted = GroupMean.fit(train, train, rows[2], factory).predict(train.matrix)
    for carrier in (0, 1):
        members = train.matrix[:, 0] == carrier
        assert predicted[members] == pytest.approx(train.label[members].mean(), abs=1e-6)


def test_a_misspelt_parameter_names_its_line(spec: Spec, rows: Split) -> None:
    edit(spec.path, "params = { max_depth = 3, rounds = 30, early_stopping_rounds = 5 }", "params.max_dept = 3")
    number = spec.path.read_text().splitlines().index("params.max_dept = 3") + 1
    with pytest.raises(ProjectError) as caught:
        model.fit_model(pipelines.load_spec(None), "model", *rows)
    assert str(caught.value) == f"{spec.path}:{number}: unknown key model.params.max_dept\ndid you mean 'max_depth'?"


def test_a_misspelt_model_names_its_line_and_the_nearest_name(spec: Spec, rows: Split) -> None:
    edit(spec.path, 'factory = "mlteam.modeling:XGBoost"', 'factory = "mlteam.modeling:XGBost"')
    number = spec.path.read_text().splitlines().index('factory = "mlteam.modeling:XGBost"') + 1
    with pytest.raises(ProjectError) as caught:
        model.fit_model(pipelines.load_spec(None), "model", *rows)
    what = f"{spec.path}:{number}: cannot import XGBost from mlteam.modeling: no such attribute"
    assert str(caught.value) == f"{what}\ndid you mean 'XGBoost'?"


def test_a_class_without_the_methods_of_a_model_is_rejected() -> None:
    with pytest.raises(ProjectError, match=r"^here: pathlib:Path is not a model: no fit, fit_more, predict, .*load\n"):
        model.load_model_class("pathlib:Path", "here")


def test_a_snapshot_that_is_older_than_the_spec_says_what_to_run(spec: Spec) -> None:
    taken = snapshot.take(spec)
    for old, new in (('"wind"]', '"gust"]'), ('label = "late"', 'label = "later"')):
        text = spec.path.read_text()
        edit(spec.path, old, new)
        with pytest.raises(ProjectError, match=r"is not a column of the snapshot.*\nrun `nox -s data`"):
            train.train_version(pipelines.load_spec(None), taken)
        spec.path.write_text(text)
