"""Importance is compared with numbers worked out apart, on a model whose contributions are known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlteam.analysis.importance import compute_importance
from mlteam.data.features import EvaluationRows, Feature, Schema
from mlteam.evaluation.metrics import BUILTIN_METRICS

WEIGHTS = np.array([2.0, -0.5, 0.0])
NAMES = ("first", "second", "unused")
SPEC: Any = SimpleNamespace(evaluation=SimpleNamespace(primary="mean_absolute_error"), task="regression")


class Sum:
    """A weighted sum; it may not say what each feature adds."""

    def __init__(self, *, says: bool = True, classes: int = 0) -> None:
        self.says, self.classes = says, classes

    def predict(self, matrix: Any) -> Any:
        return matrix @ WEIGHTS

    def predict_contributions(self, matrix: Any) -> Any:
        if not self.says:
            raise NotImplementedError
        moved = (matrix * WEIGHTS).astype(np.float32)
        return np.stack([moved * factor for factor in (1, -3)], axis=1) if self.classes else moved


def make_rows(count: int) -> EvaluationRows:
    random = np.random.default_rng(4)
    matrix = random.normal(size=(count, 3)).astype(np.float32)
    # One value of the second feature is rare, and one is not seen often enough to be named.
    matrix[:, 1] = np.where(np.arange(count) < 5, 9, random.integers(0, 3, count))
    matrix[5:9, 1] = -9
    table = pa.table(dict(zip(NAMES, matrix.T, strict=True)))
    return EvaluationRows("test", matrix, matrix @ WEIGHTS + random.normal(size=count), table)


def open_version(model: Sum, task: str = "regression") -> Any:
    features = tuple(Feature(name=name, kind="numeric") for name in NAMES)
    schema: Any = Schema(task=task, classes=("a", "b") if model.classes else (), features=features)  # type: ignore[arg-type]
    return SimpleNamespace(model=model, schema=schema)


def test_importance_is_the_mean_absolute_contribution_with_its_interval() -> None:
    rows = make_rows(600)
    found = compute_importance(SPEC, open_version(Sum()), rows)
    assert (found.rows, found.sampled_rows, found.exact) == (600, 600, True)
    assert found.output == "the prediction"
    moved = np.abs(found.sample.matrix * WEIGHTS)
    for column, feature in enumerate(found.features):
        assert feature.feature == NAMES[column]
        mean, reach = moved[:, column].mean(), 1.96 * moved[:, column].std() / np.sqrt(600)
        assert [feature.value, feature.low, feature.high] == pytest.approx([mean, mean - reach, mean + reach], rel=1e-4)
        assert feature.share == pytest.approx(moved[:, column].mean() / moved.mean(axis=0).sum(), rel=1e-4)
    assert found.varying == [0, 1], "what adds nothing does not vary"


def test_the_groups_that_move_most_have_at_least_five_rows() -> None:
    feature = compute_importance(SPEC, open_version(Sum()), make_rows(600)).features[1]
    # 9 is on five rows and lowers by half of it; -9 is on four.
    assert feature.lowers == "9.0 (-4.500)"
    assert feature.raises.startswith("0.0 (")
    nothing = compute_importance(SPEC, open_version(Sum()), make_rows(600)).features[2]
    assert (nothing.raises, nothing.lowers, nothing.low) == ("", "", 0)


def test_two_thousand_rows_are_looked_at() -> None:
    found = compute_importance(SPEC, open_version(Sum()), make_rows(2_100))
    assert (found.rows, found.sampled_rows, len(found.contributions)) == (2_100, 2_000, 2_000)
    assert len({tuple(row) for row in found.sample.matrix.tolist()}) == 2_000
    assert np.allclose(found.sample.matrix[:, 0], found.sample.table["first"].to_numpy())


def test_of_many_classes_the_one_that_moves_most_names_the_groups() -> None:
    version = open_version(Sum(classes=2), "multiclass")
    found = compute_importance(SPEC, version, make_rows(600))
    assert found.output == "the log-odds"
    moved = np.abs(found.sample.matrix * WEIGHTS)
    # Over both classes, which get 1 and -3 times as much.
    assert found.features[0].value == pytest.approx(2 * moved[:, 0].mean(), rel=1e-4)
    assert found.features[1].raises == "9.0 (+13.500)"


def test_without_contributions_a_shuffled_feature_costs_what_the_metric_loses() -> None:
    rows = make_rows(600)
    found = compute_importance(SPEC, open_version(Sum(says=False)), rows)
    assert not found.exact
    assert found.unit == "Loss of mean_absolute_error when shuffled"
    metric, random = BUILTIN_METRICS["mean_absolute_error"], np.random.default_rng(0)
    matrix, label, weight = found.sample.matrix, found.sample.label, np.ones(600)
    whole = metric.function(label, matrix @ WEIGHTS, weight)
    lost = np.empty((5, 3))
    for repeat in range(5):
        for column in range(3):
            changed = matrix.copy()
            changed[:, column] = random.permutation(matrix[:, column])
            lost[repeat, column] = metric.function(label, changed @ WEIGHTS, weight) - whole
    for column, feature in enumerate(found.features):
        assert feature.feature == NAMES[column]
        mean, reach = lost[:, column].mean(), stats.t.ppf(0.975, 4) * stats.sem(lost[:, column])
        assert [feature.value, feature.low, feature.high] == pytest.approx([mean, mean - reach, mean + reach], rel=1e-3)
