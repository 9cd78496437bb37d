"""Mistakes and their reasons, with a model whose contributions are known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlteam.analysis.mistakes import Mistakes, find_mistakes
from mlteam.config.spec import Evaluation
from mlteam.data.features import EvaluationRows, Floats, Labels
from mlteam.modeling import attribution

ROWS = 600
RANDOM = np.random.default_rng(3)
SHOP = RANDOM.integers(0, 30, ROWS).astype(np.float32)
WIND = RANDOM.normal(size=ROWS).astype(np.float32)
NAMES = ("shop", "wind", "tide", "moon", "note")
MATRIX = np.column_stack([SHOP, WIND, WIND * 2, np.ones(ROWS), np.zeros(ROWS)]).astype(np.float32)


class _Linear:
    """Adds up the features with a weight each; of many classes, for each class with the weights of its own."""

    def __init__(self, weights: list[Any], *, explains: bool = True) -> None:
        self.weights, self.explains = np.array(weights, dtype=np.float32), explains

    def predict(self, matrix: Floats) -> Any:
        return matrix @ self.weights.T

    def predict_contributions(self, matrix: Floats) -> Any:
        if not self.explains:
            raise NotImplementedError
        return matrix * self.weights if self.weights.ndim == 1 else matrix[:, None, :] * self.weights


def make_model(weights: list[Any], *, explains: bool = True) -> Any:
    return _Linear(weights, explains=explains)


def find(task: str, label: Labels, predictions: Floats, model: Any, classes: tuple[str, ...] = ()) -> Mistakes:
    primary = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}[task]
    spec: Any = SimpleNamespace(
        task=task,
        evaluation=Evaluation(primary=primary, metrics=(primary,), cluster="row"),
        data=SimpleNamespace(key="id", time=None),
        splits=SimpleNamespace(by="key", column="id"),
    )
    schema = SimpleNamespace(names=NAMES, classes=classes, task=task)
    version: Any = SimpleNamespace(model=model, schema=schema)
    columns = {name: pa.array(MATRIX[:, place].astype(float)) for place, name in enumerate(NAMES)}
    table = pa.table(columns | {"id": pa.array([f"{row}-{'x' * 60}" for row in range(ROWS)])})
    table = table.set_column(table.column_names.index("note"), "note", pa.nulls(ROWS, pa.string()))
    return find_mistakes(spec, version, EvaluationRows("test", MATRIX, label, table), predictions)


def test_the_worst_rows_come_first_with_what_moved_them_most() -> None:
    label = RANDOM.normal(size=ROWS)
    predictions = label + RANDOM.normal(0, 1, ROWS)
    found = find("regression", label, predictions, make_model([0.1, -3, 2, 0.5, 0]))
    order = np.argsort(-np.abs(predictions - label))[:20]
    assert [worst.loss for worst in found.worst] == pytest.approx(np.abs(predictions - label)[order].tolist())
    assert [worst.key for worst in found.worst] == [f"{row}-{'x' * 60}"[:40] for row in order]
    assert [worst.label for worst in found.worst] == [f"{label[row]:.5g}" for row in order]
    assert [worst.prediction for worst in found.worst] == [f"{predictions[row]:.5g}" for row in order]
    for worst, row in zip(found.worst, order, strict=True):
        adds = MATRIX[row] * np.array([0.1, -3, 2, 0.5, 0])
        strongest = np.argsort(-np.abs(adds))[:3]
        expected = [f"{NAMES[place]} = {float(MATRIX[row, place]):.6g} ({adds[place]:+.3f})" for place in strongest]
        assert worst.reasons == expected
    assert (found.rows, found.unit, found.exact) == (ROWS, "absolute error", True)


def test_a_feature_that_moves_nothing_is_no_reason_and_a_missing_value_says_so() -> None:
    label = RANDOM.normal(size=ROWS)
    one = find("regression", label, label + 1, make_model([0, 0, 0, 0.5, 0]))
    assert {reason for worst in one.worst for reason in worst.reasons} == {"moon = 1 (+0.500)"}
    assert [len(worst.reasons) for worst in one.worst] == [1] * 20


def test_the_worst_rows_hold_their_share_of_the_loss() -> None:
    loss = np.append(np.full(10, 9.0), np.full(90, 1.0))
    found = Mistakes(100, "log loss", loss, [], 0, [], exact=True)
    assert found.compute_loss_share(0.1) == pytest.approx(90 / 180)
    assert found.compute_loss_share(0.15) == pytest.approx(95 / 180)
    assert found.compute_loss_share(0.001) == pytest.approx(9 / 180)
    assert found.compute_loss_share(1) == 1
    assert Mistakes(3, "log loss", np.zeros(3), [], 0, [], exact=True).compute_loss_share(0.5) == 0


def test_it_is_said_who_named_the_reasons() -> None:
    label = RANDOM.normal(size=ROWS)
    own = find("regression", label, label, make_model([0.1, -3, 2, 0.5, 0]))
    replaced = find("regression", label, label, make_model([0.1, -3, 2, 0.5, 0], explains=False))
    assert own.attribution_note == "as the model itself takes its predictions apart"
    assert replaced.attribution_note == attribution.REPLACEMENT_NOTE


def test_a_weak_slice_says_what_was_true_and_what_was_predicted() -> None:
    label = (RANDOM.random(ROWS) < 0.5).astype(np.int64)
    bad = SHOP < 5
    predictions = np.where(bad, 1 - label, label) * 0.8 + 0.1
    found = find("binary", label, predictions, make_model([1, 0, 0, 0, 0]), ("no", "yes"))
    worst = found.slices[0]
    members = worst.weak_slice.members
    assert set(members) <= set(np.flatnonzero(SHOP < 6))
    assert worst.rows == len(members)
    assert worst.truth == pytest.approx(label[members].mean())
    assert worst.prediction == pytest.approx(predictions[members].mean())
    assert found.unit == "log loss"
    at = int(found.worst[0].key.split("-")[0])
    assert (found.worst[0].label, found.worst[0].prediction) == (
        ("no", "yes")[label[at]],
        f"yes at {predictions[at]:.1%}",
    )


def test_a_weak_slice_of_numbers_has_means_as_well() -> None:
    label = RANDOM.normal(size=ROWS)
    predictions = label + 3 * (SHOP < 5) + RANDOM.normal(0, 0.1, ROWS)
    worst = find("regression", label, predictions, make_model([1, 0, 0, 0, 0])).slices[0]
    members = worst.weak_slice.members
    assert worst.truth == pytest.approx(label[members].mean())
    assert worst.prediction == pytest.approx(predictions[members].mean())


def test_of_many_classes_reasons_are_those_of_the_predicted_one() -> None:
    weights = [[0.1, 0, 0, 0, 0], [0, 5, 0, 0, 0], [0, 0, 0, 2, 0]]
    label = RANDOM.integers(0, 3, ROWS)
    model = make_model(weights)
    scores = RANDOM.dirichlet([1, 1, 1], ROWS)
    found = find("multiclass", label, scores, model, ("a", "b", "c"))
    assert all(part.truth is None and part.prediction is None for part in found.slices)
    for worst in found.worst:
        at = int(worst.key.split("-")[0])
        best = int(scores[at].argmax())
        assert (worst.label, worst.prediction) == ("abc"[label[at]], f"{'abc'[best]} at {scores[at, best]:.1%}")
        assert worst.reasons[0].startswith(("shop", "wind", "moon")[int(model.predict(MATRIX[at]).argmax())])


def test_contributions_of_a_model_that_does_not_say_are_estimated_by_replacing() -> None:
    """Of a linear model it is the weight times the distance from the mean."""
    weights = np.array([0.1, -3, 2, 0.5, 0])
    moved, exact = attribution.attribute_predictions(
        make_model(list(weights), explains=False), MATRIX[:9], lambda: MATRIX
    )
    assert not exact
    drawn = attribution.sample_rows(MATRIX)
    assert len(drawn) == 500
    expected = weights * (MATRIX[:9] - drawn.mean(axis=0))
    # Two hundred draws for each row and feature.
    assert np.allclose(moved, expected, atol=4 * (np.abs(weights) * drawn.std(axis=0)).max() / np.sqrt(200))
    classes = make_model([list(weights), list(-weights)], explains=False)
    both = attribution.estimate_contributions(classes, MATRIX, MATRIX)
    assert both.shape == (ROWS, 2, 5)
    assert np.allclose(both[:, 0], -both[:, 1], atol=1e-4)
    best = classes.predict(MATRIX[:9]).argmax(axis=1)
    moved, _ = attribution.attribute_predictions(classes, MATRIX[:9], lambda: MATRIX)
    assert np.allclose(moved, np.where(best[:, None] == 0, expected, -expected), atol=1.5)


def test_a_model_whose_contributions_are_all_zero_does_not_say() -> None:
    assert attribution.get_contributions(make_model([0, 0, 0, 0, 0]), MATRIX) is None
    assert attribution.get_contributions(make_model([0, 0, 0, 0, 0], explains=False), MATRIX) is None
    assert attribution.get_contributions(make_model([0, 0, 0, 1, 0]), MATRIX) is not None


def test_few_rows_are_all_drawn_and_replaced_in_one_column() -> None:
    assert sorted(attribution.sample_rows(MATRIX[:7])[:, 1]) == sorted(WIND[:7])
    changed = attribution.replace_column(MATRIX, 1, np.zeros(ROWS, np.float32))
    assert (changed[:, 1] == 0).all()
    assert np.array_equal(np.delete(changed, 1, axis=1), np.delete(MATRIX, 1, axis=1))
    assert np.array_equal(MATRIX[:, 1], WIND)
