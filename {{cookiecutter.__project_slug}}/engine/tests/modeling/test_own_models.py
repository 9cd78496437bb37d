"""Models of scikit-learn and LightGBM: the Model protocol for every task, safe files, the way to a server."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import edit
from launched import GOOD, predict, put_as_it_is, served
from numpy.typing import NDArray

from mlteam.commands import explain, train
from mlteam.config import pipelines
from mlteam.config.spec import ModelSpec, Spec, Task
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot
from mlteam.data.features import Examples, Feature, Schema
from mlteam.modeling import attribution, tuning
from mlteam.modeling.model import Model, load_model_class
from mlteam.modeling.sklearn_model import SklearnModel
from mlteam.registry import versions
from mlteam.registry.version_rows import load_version_rows

LINE = "params = { max_depth = 3, rounds = 30, early_stopping_rounds = 5 }"
LOGISTIC = '{ estimator = "sklearn.linear_model:LogisticRegression", C = 0.5 }'
MODELS = {"SklearnModel": LOGISTIC, "LightGBM": "{ rounds = 40, min_data_in_leaf = 5, num_leaves = 4 }"}
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
ESTIMATORS = {
    "binary": "sklearn.ensemble:HistGradientBoostingClassifier",
    "multiclass": "sklearn.linear_model:LogisticRegression",
    "regression": "sklearn.ensemble:RandomForestRegressor",
}
FEATURES = (
    Feature(name="carrier", kind="categorical", categories=("XX", "YY", "ZZ")),
    Feature(name="hour [h]", kind="numeric", minimum=0, maximum=23),
    Feature(name="wind", kind="numeric", minimum=0, maximum=30),
)


def make_schema(task: Task) -> Schema:
    classes = {"binary": ("no", "yes"), "multiclass": ("early", "late", "punctual"), "regression": ()}
    return Schema(task=task, classes=classes[task], features=FEATURES)


def make_examples(task: Task, rows: int = 400, seed: int = 0) -> Examples:
    """Rows whose label follows from carrier and hour; every 7th has no wind, every 11th no carrier."""
    random = np.random.default_rng(seed)
    matrix = np.stack([random.integers(3, size=rows), random.integers(24, size=rows), random.random(rows)], axis=1)
    matrix = matrix.astype(np.float32)
    score = matrix[:, 0] + matrix[:, 1] / 8
    matrix[::7, 2], matrix[::11, 0] = np.nan, np.nan
    label: NDArray[Any] = score.astype(np.float64)
    if task != "regression":
        cuts = [2.5] if task == "binary" else [1.7, 3.3]
        label = np.digitize(score, cuts).astype(np.int64)
    return Examples("made up", matrix, label)


def make_settings(name: str, task: Task, **params: Any) -> ModelSpec:
    own = {"rounds": 40, "min_data_in_leaf": 5} if name == "LightGBM" else {"estimator": ESTIMATORS[task]}
    return ModelSpec(factory=f"mlteam.modeling:{name}", seed=7, params=own | params)


def fit(name: str, task: Task, seed: int = 7, **params: Any) -> Model:
    settings = make_settings(name, task, **params).model_copy(update={"seed": seed})
    model_class = load_model_class(settings.factory, "test")
    return model_class.fit(make_examples(task), make_examples(task, seed=1), make_schema(task), settings)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_each_task_and_is_the_same_after_a_reload(name: str, task: Task, tmp_path: Path) -> None:
    fitted, fresh = fit(name, task), make_examples(task, 200, seed=2)
    predicted = fitted.predict(fresh.matrix)
    assert predicted.dtype == np.float32
    assert predicted.shape == ((200, 3) if task == "multiclass" else (200,))
    if task == "regression":
        assert np.corrcoef(predicted, fresh.label)[0, 1] > 0.9
    elif task == "binary":
        assert ((predicted > 0.5) == fresh.label).mean() > 0.85
    else:
        assert predicted.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert (predicted.argmax(axis=1) == fresh.label).mean() > 0.75
    fitted.save(tmp_path / "saved")
    np.testing.assert_array_equal(type(fitted).load(tmp_path / "saved").predict(fresh.matrix), predicted)
    assert all(isinstance(value, int) and value > 0 for value in fitted.metadata().values())


@pytest.mark.parametrize("name", MODELS)
def test_unknown_categories_and_missing_numbers_are_predicted(name: str) -> None:
    nothing = np.full((1, 3), np.nan, dtype=np.float32)
    for task in TASKS:
        assert np.isfinite(fit(name, task).predict(nothing)).all()


def test_one_row_is_predicted_as_it_is_among_many() -> None:
    matrix = np.random.default_rng(0).normal(size=(300, 20)).astype(np.float32)
    numbers = tuple(Feature(name=f"n{column}", kind="numeric", minimum=-9, maximum=9) for column in range(20))
    schema = Schema(task="binary", classes=("no", "yes"), features=numbers)
    rows = Examples("numbers", matrix, (matrix.sum(axis=1) > 0).astype(np.int64))
    settings = make_settings("SklearnModel", "binary", estimator=ESTIMATORS["multiclass"])
    fitted = SklearnModel.fit(rows, rows, schema, settings)
    alone = np.concatenate([fitted.predict(row[None]) for row in matrix])
    np.testing.assert_array_equal(alone, fitted.predict(matrix))


def test_a_linear_model_sees_that_a_number_is_missing() -> None:
    rows = make_examples("binary")
    missing = Examples("missing", rows.matrix, np.isnan(rows.matrix[:, 2]).astype(np.int64))
    settings = make_settings("SklearnModel", "binary", estimator=ESTIMATORS["multiclass"])
    predicted = SklearnModel.fit(missing, missing, make_schema("binary"), settings).predict(rows.matrix)
    assert ((predicted > 0.5) == missing.label).all()


def test_features_of_one_kind_are_enough() -> None:
    train, schema = make_examples("binary"), make_schema("binary")
    for columns in ([0], [1, 2]):
        part = schema.model_copy(update={"features": tuple(FEATURES[column] for column in columns)})
        rows = Examples("part", train.matrix[:, columns], train.label)
        fitted = SklearnModel.fit(rows, rows, part, make_settings("SklearnModel", "binary"))
        assert fitted.predict(rows.matrix).std() > 0.1


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_alone_decides(name: str) -> None:
    random = {"bagging_fraction": 0.5} if name == "LightGBM" else {"estimator": "sklearn.tree:ExtraTreeClassifier"}
    rows = make_examples("binary", seed=2).matrix
    first, again, other = (fit(name, "binary", seed, **random).predict(rows) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("task", TASKS)
def test_the_contributions_of_lightgbm_add_up_to_its_prediction(task: Task) -> None:
    fitted, matrix = fit("LightGBM", task), make_examples(task).matrix
    added, predicted = fitted.predict_contributions(matrix), fitted.predict(matrix).astype(np.float64)
    assert added.shape == (*predicted.shape, 3)
    if task == "multiclass":
        raw = np.log(predicted)
        difference = (raw - raw.mean(axis=1, keepdims=True)) - (added.sum(-1) - added.sum(-1).mean(1, keepdims=True))
    else:
        difference = (np.log(predicted / (1 - predicted)) if task == "binary" else predicted) - added.sum(-1)
    assert np.ptp(difference, axis=0).max() < 1e-3


def test_lightgbm_continues_on_other_rows_and_stays_as_it_was() -> None:
    fitted, other = fit("LightGBM", "binary", rounds=10), make_examples("binary", seed=5)
    before = fitted.predict(other.matrix)
    more = fitted.fit_more(other, other, make_schema("binary"), make_settings("LightGBM", "binary", rounds=5))
    assert (fitted.metadata()["trees"], more.metadata()["trees"]) == (10, 15)
    np.testing.assert_array_equal(fitted.predict(other.matrix), before)
    assert ((more.predict(other.matrix) - other.label) ** 2).mean() < ((before - other.label) ** 2).mean()


def test_lightgbm_keeps_the_trees_up_to_the_best_round() -> None:
    fitted = [
        fit("LightGBM", "binary", rounds=500, learning_rate=1, early_stopping_rounds=patience) for patience in (30, 60)
    ]
    first, second = (model.metadata()["trees"] for model in fitted)
    assert first == second < 100


def test_scikit_learn_does_not_continue_training() -> None:
    fitted, rows = fit("SklearnModel", "binary"), make_examples("binary")
    with pytest.raises(ProjectError, match="a SklearnModel cannot continue training"):
        fitted.fit_more(rows, rows, make_schema("binary"), make_settings("SklearnModel", "binary"))


@pytest.mark.parametrize("task", TASKS)
def test_a_model_without_contributions_has_its_values_replaced(task: Task) -> None:
    fitted, rows = fit("SklearnModel", task), make_examples(task)
    moved, exact = attribution.attribute_predictions(fitted, rows.matrix[:20], lambda: rows.matrix)
    assert (moved.shape, exact) == ((20, 3), False)
    assert np.abs(moved).mean(axis=0).argmin() == 2


def use(spec: Spec, name: str, params: str) -> Spec:
    """The pipeline with another model."""
    edit(spec.path, "mlteam.modeling:XGBoost", f"mlteam.modeling:{name}")
    edit(spec.path, LINE, f"params = {params}")
    return pipelines.load_spec(None)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("LightGBM", "{ num_leafs = 3 }", "unknown key model.params.num_leafs\ndid you mean 'num_leaves'?"),
        ("SklearnModel", "{ C = 1 }", "model.params.estimator is missing\nadd estimator = …"),
        (
            "SklearnModel",
            LOGISTIC.replace("C =", "max_itr ="),
            "model.params.max_itr: LogisticRegression has no such parameter; did you mean 'max_iter'?\n",
        ),
        (
            "SklearnModel",
            LOGISTIC.replace("0.5", "-1.0"),
            "model.params.C: The 'C' parameter of LogisticRegression must be a float in the range (0.0, inf].",
        ),
        (
            "SklearnModel",
            LOGISTIC.replace("LogisticRegression", "LogisticRegresion"),
            "model.params.estimator: cannot import LogisticRegresion from sklearn.linear_model: no such attribute; "
            "did you mean 'LogisticRegression'?",
        ),
        (
            "SklearnModel",
            '{ estimator = "subprocess:Popen", args = "ls" }',
            "model.params.estimator: subprocess:Popen is not in scikit-learn",
        ),
        (
            "SklearnModel",
            '{ estimator = "sklearn.preprocessing:StandardScaler" }',
            "model.params.estimator: sklearn.preprocessing:StandardScaler is not a classifier or regressor",
        ),
        (
            "SklearnModel",
            '{ estimator = "sklearn.linear_model:Ridge" }',
            "model.params.estimator: Ridge is not a classifier, and the task is binary",
        ),
        (
            "SklearnModel",
            '{ estimator = "sklearn.svm:LinearSVC" }',
            "model.params.estimator: LinearSVC gives no probabilities",
        ),
        (
            "SklearnModel",
            '{ estimator = "sklearn.naive_bayes:MultinomialNB" }',
            "model.params.estimator: MultinomialNB cannot be trained: Negative values in data",
        ),
    ],
)
def test_a_wrong_parameter_names_its_line(spec: Spec, name: str, params: str, message: str) -> None:
    spec = use(spec, name, params)
    number = spec.path.read_text().splitlines().index(f"params = {params}") + 1
    with pytest.raises(ProjectError) as caught:
        train.train_version(spec, snapshot.take(spec))
    assert str(caught.value).startswith(f"{spec.path}:{number}: {message}")
    assert "\n" in str(caught.value)


def test_tune_refuses_a_wrong_value_of_an_estimator_at_once(spec: Spec) -> None:
    spec = use(spec, "SklearnModel", LOGISTIC + "\n\n[tune.params]\nC = [-1.0, 2.0]")
    with pytest.raises(ProjectError, match=r"tune\.params\.C: The 'C' parameter of LogisticRegression must be"):
        tuning.validate_search_space(spec)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_trained_registered_reloaded_launched_and_served(spec: Spec, name: str) -> None:
    spec = use(spec, name, MODELS[name])
    opened = put_as_it_is(spec)
    version = versions.open_version(spec, "1")
    golden = opened.golden_examples
    with served() as client:
        answers = [predict(client, example.features).json() for example in golden]
        many = predict(client, [example.features for example in golden]).json()["predictions"]
        explained = client.post("/explain", json=GOOD)
        assert predict(client, {**GOOD, "carrier": "ZZ"}).status_code == 422
    assert [a["prediction"] for a in answers] == pytest.approx([example.prediction[0] for example in golden], abs=1e-7)
    assert [a["prediction"] for a in many] == pytest.approx([a["prediction"] for a in answers], abs=1e-7)
    assert len({round(a["prediction"], 3) for a in answers}) > 5
    assert type(version.model) is load_model_class(spec.model.factory, "test")
    if name == "LightGBM":
        assert set(explained.json()["contributions"]) == set(GOOD)
    else:
        assert explained.status_code == 422
        assert "does not say what moved a prediction" in explained.json()["detail"][0]["msg"]


@pytest.mark.parametrize("name", MODELS)
def test_the_report_on_importance_is_written(spec: Spec, name: str) -> None:
    spec = use(spec, name, MODELS[name])
    version = train.train_version(spec, snapshot.take(spec))
    rows = load_version_rows(spec, version, "validation")
    page = explain.report_importance(spec, version, rows, "validation")
    assert "hour" in page.read_text()


def test_the_saved_file_contains_numbers_and_names_only(tmp_path: Path) -> None:
    fit("SklearnModel", "binary").save(tmp_path / "saved")
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["model.skops"]
    with zipfile.ZipFile(tmp_path / "saved" / "model.skops") as file:
        assert {Path(name).suffix for name in file.namelist()} == {".json", ".npy"}


def tamper(folder: Path, old: tuple[str, str], new: tuple[str, str]) -> None:
    """Put another type, as class and module, in the place of one in a skops file."""
    path = folder / SklearnModel.FILE
    with zipfile.ZipFile(path) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    text = contents["schema.json"].decode()
    for name, other in zip(old, new, strict=True):
        assert f'"{name}"' in text
        text = text.replace(f'"{name}"', f'"{other}"')
    contents["schema.json"] = text.encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in contents.items():
            file.writestr(name, content)


@pytest.mark.parametrize(
    ("module", "class_name"),
    [("subprocess", "Popen"), ("sklearn.utils._testing", "Path"), ("sklearn.base", "clone"), ("own", "Estimator")],
)
def test_a_file_with_a_type_that_is_not_trusted_is_refused(tmp_path: Path, module: str, class_name: str) -> None:
    folder = tmp_path / "saved"
    fit("SklearnModel", "multiclass").save(folder)
    tamper(folder, ("LogisticRegression", "sklearn.linear_model._logistic"), (class_name, module))
    with pytest.raises(ProjectError) as caught:
        SklearnModel.load(folder)
    first, _ = str(caught.value).splitlines()
    name = f"{module}.{class_name}"
    assert first == f"{folder / 'model.skops'}: contains the type {name}, which is not a class of scikit-learn"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    fit("SklearnModel", "binary").save(folder)
    content = (folder / SklearnModel.FILE).read_bytes()
    for damaged in (content[:500], b"", b"not a zip file"):
        (folder / SklearnModel.FILE).write_bytes(damaged)
        with pytest.raises(ProjectError, match=r"model.skops: cannot be read: .*\nrestore the file"):
            SklearnModel.load(folder)


def test_a_file_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    import skops.io

    skops.io.dump({"a": 1}, tmp_path / SklearnModel.FILE)
    with pytest.raises(ProjectError, match="contains a dict, not a Pipeline"):
        SklearnModel.load(tmp_path)


HEAVY = """
import sys
{code}
print([name for name in ("sklearn", "skops", "lightgbm") if name in sys.modules])
"""


@pytest.mark.parametrize(
    "code",
    [
        "from mlteam.cli.main import app",
        "from mlteam.serving import app",
        "from mlteam.modeling import XGBoost, tuning, training, attribution",
        "from mlteam.modeling import SklearnModel",
    ],
)
def test_no_command_waits_for_a_library_that_it_does_not_use(code: str) -> None:
    command = [sys.executable, "-c", HEAVY.format(code=code)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    assert json.loads(done.stdout.replace("'", '"')) == []
