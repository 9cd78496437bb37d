"""Charts of slices, comparisons, reasons and mistakes are tested by the data and axes of their specification."""

import json

import altair as alt
import numpy as np
import pytest
from drawn import get_axes, get_axis, read_chart, spans

from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.evaluator import EvaluationResult, MetricComparison, SliceGain, SliceMetrics
from mlteam.reports.charts import common, compare, explain, history, mistakes

RANDOM = np.random.default_rng(6)
UNKNOWN = Estimate(None, None, None, "too few rows")
pytestmark = pytest.mark.usefixtures("undrawn")


def estimate(value: float, reach: float = 0.1) -> Estimate:
    return Estimate(value, value - reach, value + reach)


def compare_metric(name: str, ours: Estimate, theirs: Estimate) -> MetricComparison:
    return MetricComparison(name, ours, theirs, estimate(0.1))


def test_slices_are_drawn_beside_the_whole_dataset() -> None:
    parts = [
        SliceMetrics("origin", "JFK", 1_200, 0.2, {"roc_auc": estimate(0.7)}),
        SliceMetrics("origin", "EWR", 80, 0.2, {"roc_auc": UNKNOWN}),
        SliceMetrics("carrier", "AA", 300, 0.2, {"roc_auc": estimate(0.6, 0.2)}),
    ]
    metrics = [compare_metric("roc_auc", estimate(0.68), estimate(0.5)), compare_metric("brier", UNKNOWN, UNKNOWN)]
    text = common.draw_slice_metrics(EvaluationResult("test", 1_580, 0.2, metrics, parts))
    (whole, bars, dots), (_, _, rows) = read_chart(text)
    assert get_axis(whole, "x") == (0.68, None)
    assert get_axis(bars, "x")[1] == "roc_auc"
    assert (spans(bars, "x"), get_axis(dots, "x")[0]) == (("low", "high"), "value")
    assert [get_axis(layer, "y")[0] for layer in (bars, dots)] == ["slice", "slice"]
    # A slice without a number is left out; the others stay in their order.
    assert [(row["column"], row["slice"], row["order"]) for row in rows] == [
        ("origin", "JFK  (1,200)", 0),
        ("carrier", "AA  (300)", 2),
    ]
    assert np.allclose([(row["low"], row["value"], row["high"]) for row in rows], [(0.6, 0.7, 0.8), (0.4, 0.6, 0.8)])
    assert json.loads(text)["facet"]["row"]["sort"] == ["origin", "carrier"]
    assert dots["mark"]["filled"]
    assert json.loads(text)["resolve"] == {"scale": {"y": "independent"}}
    assert bars["encoding"]["x"]["scale"] == {"zero": False}
    assert common.draw_slice_metrics(EvaluationResult("test", 80, 0.2, metrics, parts[1:2])) == ""


def test_contributions_are_bars_in_their_order() -> None:
    (bars,), (rows,) = read_chart(common.draw_mean_contributions([("wind", 0.3), ("hour", 0.2)]))
    assert rows == [{"feature": "wind", "value": 0.3}, {"feature": "hour", "value": 0.2}]
    assert get_axes(bars) == (("value", "Mean absolute contribution to the prediction"), ("feature", None))
    assert bars["encoding"]["y"]["sort"] is None


def test_both_versions_are_drawn_with_their_intervals() -> None:
    found = [compare_metric("roc_auc", estimate(0.7), estimate(0.6)), compare_metric("brier", UNKNOWN, UNKNOWN)]
    (picture,) = compare.draw_metrics(found, ("version 3", "version 4"))
    (bars, dots), (rows, _) = read_chart(picture.svg)
    assert picture.title == "roc_auc"
    # The first version is the baseline of a comparison.
    assert [(row["version"], row["value"]) for row in rows] == [("version 3", 0.6), ("version 4", 0.7)]
    assert np.allclose([(row["low"], row["high"]) for row in rows], [(0.5, 0.7), (0.6, 0.8)])
    assert get_axis(bars, "x")[0] == get_axis(dots, "x")[0] == "version"
    assert (spans(bars, "y"), get_axis(dots, "y")[0], get_axis(bars, "y")[1]) == (("low", "high"), "value", "roc_auc")
    assert bars["encoding"]["y"]["scale"] == {"zero": False}
    assert dots["mark"]["filled"]


def test_gains_of_slices_are_blue_where_they_are_beyond_chance() -> None:
    gains = [
        SliceGain("origin", "JFK", 1_200, estimate(0.3)),
        SliceGain("origin", "EWR", 80, UNKNOWN),
        SliceGain("hour", "5 to 9", 90, estimate(-0.05)),
        SliceGain("hour", "9 to 12", 90, estimate(-0.3)),
    ]
    text = compare.draw_slice_gains(gains, "roc_auc")
    (nothing, bars, dots), (_, _, rows) = read_chart(text)
    assert get_axis(nothing, "x") == (0, None)
    assert (spans(bars, "x"), get_axis(dots, "x")[0], get_axis(bars, "x")[1]) == (
        ("low", "high"),
        "value",
        "Gain of roc_auc",
    )
    assert [(row["slice"], row["order"], row["colour"]) for row in rows] == [
        ("JFK  (1,200)", 0, common.BLUE),
        ("5 to 9  (90)", 2, common.GREY),
        ("9 to 12  (90)", 3, common.BLUE),
    ]
    assert np.allclose([(row["low"], row["high"]) for row in rows], [(0.2, 0.4), (-0.15, 0.05), (-0.4, -0.2)])
    assert json.loads(text)["facet"]["row"]["sort"] == ["origin", "hour"]
    assert dots["mark"]["filled"]
    assert compare.draw_slice_gains(gains[1:2], "roc_auc") == ""


def test_importance_is_drawn_with_its_interval() -> None:
    shown = [{"feature": "wind", "value": 0.3, "low": 0.2, "high": 0.4}]
    (bars, reach), (rows, _) = read_chart(explain.draw_importance(shown, "loss"))
    assert rows == shown
    assert get_axes(bars) == (("value", "loss"), ("feature", None))
    assert spans(reach, "x") == ("low", "high")


def test_what_a_value_adds_is_red_upward_and_blue_downward() -> None:
    moved = [("wind", "3.5", 0.4), ("carrier", "x" * 60, -0.2), ("hour", "7", 0.0)]
    (bars,), (rows,) = read_chart(explain.draw_contributions(moved, "log-odds"))
    assert [(row["feature"], row["value"], row["colour"]) for row in rows] == [
        ("wind = 3.5", 0.4, common.RED),
        (f"carrier = {'x' * 40}", -0.2, common.BLUE),
        ("hour = 7", 0.0, common.BLUE),
    ]
    assert get_axes(bars) == (("value", "log-odds"), ("feature", None))


def test_a_number_is_drawn_against_what_it_adds() -> None:
    values = np.append(RANDOM.permutation(800).astype(float), [np.nan] * 50)
    moved = np.append(values[:800] / 10, np.ones(50))
    (zero, dots, line), (at, points, means) = read_chart(
        explain.draw_numeric_effect("wind", values, moved, "minutes").svg
    )
    assert (get_axis(zero, "y")[0], at) == ("zero", [{"zero": 0}])
    assert dots["mark"]["filled"]
    assert dots["encoding"]["x"]["scale"] == {"zero": False}
    assert get_axes(dots) == (("x", "Value"), ("y", "minutes"))
    assert len({point["x"] for point in points}) == 500
    assert all(point["y"] == pytest.approx(point["x"] / 10) for point in points)
    # Twenty groups of forty neighbours.
    assert [mean["x"] for mean in means] == pytest.approx([19.5 + 40 * group for group in range(20)])
    assert [mean["y"] for mean in means] == pytest.approx([mean["x"] / 10 for mean in means])
    assert get_axes(line)[0][0] == "x"


def test_few_values_have_fewer_means() -> None:
    values = np.arange(40.0)
    *_, means = read_chart(explain.draw_numeric_effect("wind", values, values, "minutes").svg)[1]
    assert [mean["x"] for mean in means] == [9.5, 29.5]
    for few in (3, 38):
        *_, means = read_chart(explain.draw_numeric_effect("wind", values[:few], values[:few], "minutes").svg)[1]
        assert [mean["x"] for mean in means] == [(few - 1) / 2]


def test_categories_are_drawn_with_the_middle_half_of_their_rows() -> None:
    groups = [("AA", np.arange(101.0)), ("b" * 60, np.arange(5.0) + 500)]
    (zero, bars, dots), (_, _, rows) = read_chart(explain.draw_categorical_effect("carrier", groups, "minutes").svg)
    assert get_axis(zero, "x")[0] == 0
    assert spans(bars, "x") == ("low", "high")
    assert get_axes(dots)[0][0] == "value"
    assert dots["mark"]["filled"]
    assert [(row["group"], row["value"], row["low"], row["high"]) for row in rows] == [
        (f"{'b' * 40}  (5)", 502, 501, 503),
        ("AA  (101)", 50, 25, 75),
    ]


def test_versions_are_drawn_in_their_order() -> None:
    shown = [{"version": n, "value": n / 10, "low": n / 20, "high": n / 5, "metric": "roc_auc"} for n in (1, 2, 10)]
    (bars, dots), (rows, _) = read_chart(history.draw_metric_by_version(shown).to_json())
    assert [(row["version"], row["value"], row["low"], row["high"]) for row in rows] == [
        (1, 0.1, 0.05, 0.2),
        (2, 0.2, 0.1, 0.4),
        (10, 1.0, 0.5, 2.0),
    ]
    assert (spans(bars, "y"), get_axis(bars, "y")[1], get_axis(dots, "y")[0]) == (("low", "high"), "roc_auc", "value")
    assert get_axis(bars, "x") == ("version", "Version")
    assert dots["mark"]["filled"]
    assert bars["encoding"]["y"]["scale"] == {"zero": False}


def test_losses_of_slices_are_drawn_beside_the_mean_of_all_rows() -> None:
    shown = [{"name": "hour above 17", "mean": 0.9, "low": 0.7, "high": 1.1}]
    (whole, bars, dots), (_, _, rows) = read_chart(mistakes.draw_slice_losses(shown, 0.5, "log loss"))
    assert rows == shown
    assert dots["mark"]["filled"]
    assert get_axis(whole, "x")[0] == 0.5
    assert (spans(bars, "x"), get_axis(bars, "x")[1], get_axis(dots, "x")[0]) == (
        ("low", "high"),
        "Mean log loss",
        "mean",
    )
    assert bars["encoding"]["x"]["scale"] == {"zero": False}


def test_the_worst_rows_hold_most_of_the_loss() -> None:
    loss = RANDOM.permutation(np.append(np.full(100, 9.0), np.full(900, 1.0)))
    (_, line), (even, rows) = read_chart(mistakes.draw_loss_concentration(loss, "log loss").svg)
    assert get_axes(line) == (("x", "Share of rows, the worst first"), ("y", "Share of all log loss"))
    assert [(point["x"], point["y"]) for point in even] == [(0, 0), (1, 1)]
    shares = {round(row["x"], 6): row["y"] for row in rows}
    assert len(rows) == 101, "a hundred points after the first"
    assert (rows[0], rows[-1]) == ({"x": 0, "y": 0}, {"x": 1, "y": pytest.approx(1)})
    summed = np.cumsum(np.sort(loss)[::-1]) / loss.sum()
    assert all(y == pytest.approx(summed[round(x * 1_000) - 1]) for x, y in shares.items() if x)


def test_rows_without_any_loss_are_a_flat_line() -> None:
    _, (_, rows) = read_chart(mistakes.draw_loss_concentration(np.zeros(3), "error").svg)
    assert [row["y"] for row in rows] == [0, 0, 0, 0]
    assert [row["x"] for row in rows] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_picture_has_the_usual_size() -> None:
    picture = common.render_picture("t", alt.Chart(alt.InlineData(values=[])).mark_point(), "why?")
    content = json.loads(picture.svg)
    assert (content["width"], content["height"], picture.question) == (common.WIDTH, common.HEIGHT, "why?")


def test_numbers_of_an_axis_keep_apart_beside_what_a_chart_configures() -> None:
    dots = alt.Chart(alt.InlineData(values=[])).mark_point().configure(aria=False)
    config = json.loads(common.render_svg(dots))["config"]
    assert (config["aria"], config["axis"]["labelSeparation"]) == (False, common.LABEL_SEPARATION)
