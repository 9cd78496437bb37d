"""Charts are tested by the data and axes of their specification, against scikit-learn."""

from typing import Any

import numpy as np
import pytest
from drawn import Layer, Rows, get_axes, read_chart
from sklearn import metrics as reference

from mlteam.reports.charts import binary, common, multiclass, regression

RANDOM = np.random.default_rng(4)
CLASSES = ("a", "b", "c")
pytestmark = pytest.mark.usefixtures("undrawn")


def read(pictures: list[common.Picture], title: str) -> tuple[Layer, list[Rows]]:
    """The layer that shows something, and the rows of all layers."""
    layers, rows = read_layers(pictures, title)
    return layers[-1], rows


def read_layers(pictures: list[common.Picture], title: str) -> tuple[list[Layer], list[Rows]]:
    return read_chart(next(picture.svg for picture in pictures if picture.title == title))


@pytest.fixture
def two_classes() -> tuple[Any, dict[str, Any]]:
    label = RANDOM.integers(0, 2, 150)
    return label, {"model": np.round((label + RANDOM.random(150) * 2) / 3, 2), "baseline": RANDOM.random(150).round(1)}


def test_the_roc_curve_is_that_of_scikit_learn(two_classes: tuple[Any, dict[str, Any]]) -> None:
    label, curves = two_classes
    layer, (diagonal, rows) = read(binary.draw_evaluation(label, curves, ("no", "yes")), "ROC")
    assert get_axes(layer) == (("x", "False positive rate"), ("y", "True positive rate"))
    assert [(p["x"], p["y"]) for p in diagonal] == [(0, 0), (1, 1)]
    for name, scores in curves.items():
        points = [(0.0, 0.0), *((row["x"], row["y"]) for row in rows if row["curve"] == name)]
        false, true, _ = reference.roc_curve(label, scores, drop_intermediate=False)
        assert np.allclose(points, np.column_stack([false, true]))
    assert [row["order"] for row in rows if row["curve"] == "model"] == sorted(
        row["order"] for row in rows if row["curve"] == "model"
    )


def test_precision_and_recall_are_those_of_scikit_learn(two_classes: tuple[Any, dict[str, Any]]) -> None:
    label, curves = two_classes
    layer, (line, rows) = read(binary.draw_evaluation(label, curves, ("no", "yes")), "Precision and recall")
    assert get_axes(layer) == (("x", "Recall"), ("y", "Precision"))
    assert np.allclose([(p["x"], p["y"]) for p in line], [(0, label.mean()), (1, label.mean())])
    precision, recall, _ = reference.precision_recall_curve(label, curves["model"])
    expected = np.column_stack([recall, precision])[:-1][::-1]
    assert np.allclose([(row["x"], row["y"]) for row in rows if row["curve"] == "model"], expected)


def test_many_thresholds_are_thinned_and_both_ends_stay() -> None:
    label, scores = RANDOM.integers(0, 2, 5_000), RANDOM.random(5_000)
    curves = {"model": scores, "baseline": scores}
    _, (_, rows) = read(binary.draw_evaluation(label, curves, ("no", "yes")), "ROC")
    points = [(row["x"], row["y"]) for row in rows if row["curve"] == "model"]
    assert len(points) == 200
    assert points[-1] == (1, 1)
    assert sum(points[0]) < 0.001


def test_calibration_shows_what_happened_against_what_was_predicted(two_classes: tuple[Any, dict[str, Any]]) -> None:
    label, curves = two_classes
    (_, bars, dots), (line, _, shown) = read_layers(binary.draw_evaluation(label, curves, ("no", "yes")), "Calibration")
    assert bars["encoding"]["x"] == dots["encoding"]["x"]
    assert (dots["encoding"]["x"]["field"], dots["encoding"]["x"]["title"]) == ("predicted", "Mean prediction")
    assert dots["encoding"]["y"]["field"] == "happened"
    assert (bars["encoding"]["y"]["field"], bars["encoding"]["y2"]["field"]) == ("low", "high")
    rows = [row for row in shown if row["curve"] == "model"]
    order = np.argsort(curves["model"], kind="stable")
    groups = np.array_split(order, 10)
    assert [row["predicted"] for row in rows] == pytest.approx([curves["model"][g].mean() for g in groups])
    assert [row["happened"] for row in rows] == pytest.approx([label[g].mean() for g in groups])
    assert all(row["low"] <= row["happened"] <= row["high"] for row in rows)
    assert [line[0]["x"], line[0]["y"]] == [0, 0]
    assert line[1]["x"] == line[1]["y"] == max(max(row["predicted"], row["high"]) for row in shown)
    assert dots["mark"]["filled"]


def test_scores_are_spread_by_class(two_classes: tuple[Any, dict[str, Any]]) -> None:
    label, curves = two_classes
    layer, (rows,) = read(binary.draw_evaluation(label, curves, ("no", "yes")), "Score distribution")
    assert get_axes(layer) == (("from", "Prediction"), ("share", "Share of rows"))
    for position, name in enumerate(("no", "yes")):
        *mine, last = [row for row in rows if row["class"] == name]
        # The last range is closed by a point of its own height.
        assert (last["from"], last["share"]) == (pytest.approx(curves["model"].max()), mine[-1]["share"])
        assert sum(row["share"] for row in mine) == pytest.approx(1)
        centre = sum(row["share"] * row["from"] for row in mine)
        assert centre == pytest.approx(curves["model"][label == position].mean(), abs=0.03)
    # Both classes are seen where they overlap.
    assert 0 < layer["mark"]["opacity"] < 1
    assert layer["encoding"]["y"]["stack"] is None
    assert layer["mark"]["line"]


def test_low_scores_fill_their_axis(two_classes: tuple[Any, dict[str, Any]]) -> None:
    label, curves = two_classes
    low = {name: scores / 5 for name, scores in curves.items()}
    _, (rows,) = read(binary.draw_evaluation(label, low, ("no", "yes")), "Score distribution")
    assert max(row["from"] for row in rows) == pytest.approx(low["model"].max())


def test_curves_of_one_class_are_drawn_too() -> None:
    curves = {"model": np.array([0.1, 0.4, 0.9]), "baseline": np.array([0.2, 0.2, 0.3])}
    _, (_, rows) = read(binary.draw_evaluation(np.ones(3, dtype=int), curves, ("no", "yes")), "ROC")
    mine = [row for row in rows if row["curve"] == "model"]
    assert [row["x"] for row in mine] == [0, 0, 0]
    assert [row["y"] for row in mine] == pytest.approx([1 / 3, 2 / 3, 1])


@pytest.fixture
def many_classes() -> tuple[Any, dict[str, Any]]:
    label = RANDOM.choice(3, 200, p=[0.2, 0.5, 0.3])
    scores = RANDOM.dirichlet([1, 1, 1], 200) + np.eye(3)[label] * 0.3 + np.array([0, 0, 0.2])
    return label, {"model": scores / scores.sum(axis=1, keepdims=True), "baseline": RANDOM.dirichlet([1, 1, 1], 200)}


def test_a_row_of_the_confusion_matrix_is_a_true_class(many_classes: tuple[Any, dict[str, Any]]) -> None:
    label, curves = many_classes
    layer, (rows,) = read(multiclass.draw_evaluation(label, curves, CLASSES), "Confusion, share of each true class")
    assert get_axes(layer) == (("predicted", "Predicted"), ("true", "True"))
    expected = reference.confusion_matrix(label, curves["model"].argmax(axis=1), normalize="true")
    found = {(row["true"], row["predicted"]): row["share"] for row in rows}
    for truth, guess in np.ndindex(3, 3):
        assert found[CLASSES[truth], CLASSES[guess]] == pytest.approx(expected[truth, guess])
    assert rows[0]["true"] == "b", "the most frequent class comes first"
    assert layer["encoding"]["color"]["scale"]["domain"] == [0, 1]


def test_a_class_without_rows_is_confused_with_none() -> None:
    scores = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0]])
    pictures = multiclass.draw_evaluation(np.array([0, 1]), {"model": scores, "baseline": scores}, CLASSES)
    _, (rows,) = read(pictures, "Confusion, share of each true class")
    assert [row["share"] for row in rows if row["true"] == "c"] == [0, 0, 0]


def test_recall_is_that_of_scikit_learn(many_classes: tuple[Any, dict[str, Any]]) -> None:
    label, curves = many_classes
    layer, (rows,) = read(multiclass.draw_evaluation(label, curves, CLASSES), "Recall by class")
    assert get_axes(layer)[0] == ("recall", "Recall")
    assert layer["encoding"]["x"]["scale"]["domain"] == [0, 1]
    assert layer["mark"]["filled"]
    for name, scores in curves.items():
        expected = reference.recall_score(label, scores.argmax(axis=1), average=None)
        found = {row["class"]: row["recall"] for row in rows if row["curve"] == name}
        assert [found[name] for name in CLASSES] == pytest.approx(list(expected))


def test_the_best_class_comes_true_as_often_as_predicted(many_classes: tuple[Any, dict[str, Any]]) -> None:
    label, curves = many_classes
    layer, (line, rows) = read(multiclass.draw_evaluation(label, curves, CLASSES), "Calibration of the best class")
    assert get_axes(layer) == (("x", "Mean probability of the best class"), ("y", "Share that was right"))
    assert layer["mark"]["filled"]
    best = curves["model"].max(axis=1)
    groups = np.array_split(np.argsort(best, kind="stable"), 10)
    mine = [row for row in rows if row["curve"] == "model"]
    assert [row["x"] for row in mine] == pytest.approx([best[g].mean() for g in groups])
    right = curves["model"].argmax(axis=1) == label
    assert [row["y"] for row in mine] == pytest.approx([right[g].mean() for g in groups])
    assert [(p["x"], p["y"]) for p in line] == [(0, 0), (1, 1)]


def test_numbers_are_drawn_as_predicted_and_true() -> None:
    truth = RANDOM.normal(10, 3, 900)
    curves = {"model": truth + RANDOM.normal(2, 1, 900), "baseline": np.full(900, 10.0)}
    pictures = regression.draw_evaluation(truth, curves, ())
    layer, (line, rows) = read(pictures, "Truth and prediction, a sample of rows")
    assert get_axes(layer) == (("x", "Prediction"), ("y", "Truth"))
    assert len({(row["x"], row["y"]) for row in rows}) == 600
    assert layer["encoding"]["x"]["scale"] == layer["encoding"]["y"]["scale"] == {"zero": False}
    pairs = dict(zip(curves["model"], truth, strict=True))
    assert all(pairs[row["x"]] == row["y"] for row in rows)
    assert line[0]["x"] == line[0]["y"] == min(min(row["x"], row["y"]) for row in rows)
    assert line[1]["x"] == line[1]["y"] == max(max(row["x"], row["y"]) for row in rows)

    layer, (line, rows) = read(pictures, "Mean truth along the prediction")
    assert get_axes(layer) == (("x", "Mean prediction"), ("y", "Mean truth"))
    assert layer["encoding"]["x"]["scale"] == layer["encoding"]["y"]["scale"] == {"zero": False}
    ends = [min(row["x"] for row in rows), max(row["x"] for row in rows)]
    assert [(point["x"], point["y"]) for point in line] == [(end, end) for end in ends]
    mine = [row for row in rows if row["curve"] == "model"]
    groups = np.array_split(np.argsort(curves["model"], kind="stable"), 20)
    assert [row["x"] for row in mine] == pytest.approx([curves["model"][g].mean() for g in groups])
    assert [row["y"] for row in mine] == pytest.approx([truth[g].mean() for g in groups])

    layer, (rows,) = read(pictures, "Errors")
    assert get_axes(layer) == (("from", "Prediction minus truth"), ("share", "Share of rows"))
    assert layer["mark"]["line"]
    *mine, last = [row for row in rows if row["curve"] == "model"]
    errors = np.concatenate([numbers - truth for numbers in curves.values()])
    assert (last["from"], last["share"]) == (pytest.approx(np.quantile(errors, 0.995)), mine[-1]["share"])
    width = mine[1]["from"] - mine[0]["from"]
    assert sum(row["share"] * (row["from"] + width / 2) for row in mine) == pytest.approx(2, abs=0.2)
    assert sum(row["share"] for row in mine) == pytest.approx(0.99, abs=0.011)


def test_errors_that_are_all_the_same_are_one_bar() -> None:
    truth = np.arange(50.0)
    curves = {"model": truth - 2, "baseline": truth - 2}
    _, (rows,) = read(regression.draw_evaluation(truth, curves, ()), "Errors")
    mine = [row for row in rows if row["curve"] == "model"]
    assert mine[0] == {"from": -2, "share": 1, "curve": "model"}
    assert mine[1]["from"] == pytest.approx(-2 + 1 / 40)
