"""The linear model beside each version is what scikit-learn learns, and says where a model is not worth its trouble."""

from pathlib import Path

import numpy as np
import pydantic
import pytest
from conftest import run_sql
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from mlteam.commands import evaluate, train
from mlteam.config.spec import ModelSpec, Spec, Task
from mlteam.data import snapshot
from mlteam.data.features import Examples, Feature, Schema
from mlteam.modeling.linear import Linear, LinearParams
from mlteam.modeling.sklearn_estimators import build_preprocessing
from mlteam.registry import versions
from mlteam.registry.versions import RegisteredVersion

SETTINGS = ModelSpec(factory="mlteam.modeling:Linear", params={"penalty": 2.0})
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


def make(task: Task, rows: int = 400) -> tuple[Schema, Examples]:
    """Two numbers, one of them missing in places, and a category that is missing in others."""
    random = np.random.default_rng(3)
    matrix = random.normal([0, 50, 0], [1, 20, 1], (rows, 3)).astype(np.float32)
    matrix[:, 2] = random.integers(0, 4, rows)
    score = matrix[:, 0] + matrix[:, 1] / 20 + (matrix[:, 2] == 1) + random.normal(size=rows)
    matrix[::7, 1], matrix[::11, 2] = np.nan, np.nan
    label = score if task == "regression" else np.digitize(score, [2.5] if task == "binary" else [2, 3.5])
    kinds = ("numeric", "numeric", "categorical")
    features = tuple(
        Feature.model_validate({"name": f"f{i}", "kind": kind, "categories": ["p", "q", "r", "s"] if i == 2 else []})
        for i, kind in enumerate(kinds)
    )
    return Schema(task=task, classes=CLASSES[task], features=features), Examples("rows", matrix, label)


def fit_sklearn(schema: Schema, examples: Examples) -> NDArray[np.float64]:
    design = build_preprocessing(schema).fit_transform(examples.matrix)
    if schema.task == "regression":
        return np.asarray(Ridge(alpha=2.0).fit(design, examples.label).predict(design))
    found = LogisticRegression(C=0.5, solver="newton-cholesky").fit(design, examples.label)
    chances = found.predict_proba(design)
    return np.asarray(chances if schema.task == "multiclass" else chances[:, 1])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_predictions_are_those_of_scikit_learn(task: Task, tmp_path: Path) -> None:
    schema, examples = make(task)
    model = Linear.fit(examples, examples, schema, SETTINGS)
    ours, theirs = model.predict(examples.matrix), fit_sklearn(schema, examples)
    assert ours.shape == theirs.shape
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999
    model.save(tmp_path / "model")
    assert (Linear.load(tmp_path / "model").predict(examples.matrix) == ours).all()


def test_a_class_that_is_not_in_the_sample_has_almost_no_chance() -> None:
    schema, examples = make("multiclass")
    for kept in ((0, 2), (0, 1)):
        rows = np.isin(examples.label, kept)
        part = Examples("rows", examples.matrix[rows], examples.label[rows])
        chances = Linear.fit(part, part, schema, SETTINGS).predict(examples.matrix)
        absent = next(iter({0, 1, 2} - set(kept)))
        assert chances.shape == (400, 3)
        assert chances[:, absent].max() < 1e-4
        right = chances[rows].argmax(axis=1) == examples.label[rows]
        assert right.mean() > 0.7


@pytest.mark.parametrize("penalty", [0, -1])
def test_a_penalty_is_above_zero(penalty: float) -> None:
    with pytest.raises(pydantic.ValidationError):
        LinearParams.model_validate({"penalty": penalty})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_rows_have_no_predictions(task: Task) -> None:
    schema, examples = make(task)
    model = Linear.fit(examples, examples, schema, SETTINGS)
    assert len(model.predict(examples.matrix[:0])) == 0


def test_columns_without_values_or_spread_do_no_harm() -> None:
    schema, examples = make("regression")
    examples.matrix[:, 0], examples.matrix[:, 1] = np.nan, 7
    assert np.isfinite(Linear.fit(examples, examples, schema, SETTINGS).predict(examples.matrix)).all()


def test_a_version_keeps_its_linear_model(spec: Spec, version: RegisteredVersion) -> None:
    opened = versions.open_version(spec, "1")
    assert isinstance(opened.linear, Linear)
    assert isinstance(version.linear, Linear)
    assert opened.linear.weights == version.linear.weights


def test_a_model_that_a_line_beats_is_said_at_the_top(spec: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    """A label that follows one number on a line, and a model of one split."""
    run_sql("update features.flights set wind = coalesce(wind, 15)")
    run_sql("update features.flights set late = wind + random() * 8 > 20")
    weak = spec.model.model_copy(update={"params": {"max_depth": 1, "rounds": 1}})
    made = train.train_version(spec.model_copy(update={"model": weak}), snapshot.take(spec))
    page = evaluate.evaluate_version(spec, made)
    said = "The model is worse than a linear model of the same rows: -0."
    assert said in " ".join(capsys.readouterr().out.split())
    assert said in page.read_text(encoding="utf-8")
