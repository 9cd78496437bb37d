"""Charts beside those of an evaluation are tested by the data and axes of their specification as well."""

import datetime as dt
import json
from typing import Any

import altair as alt
import numpy as np
import pytest
from drawn import get_axes, get_axis, read_chart, spans

from mlteam.config.tuning import SearchSpace
from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.evaluator import EvaluationResult, MetricComparison, SliceGain, SliceMetrics
from mlteam.evaluation.metrics import BUILTIN_METRICS
from mlteam.reports.charts import common, compare, explain, history, mistakes, predictions, profile, tune

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


def test_predictions_are_spread_over_bins_of_one_width() -> None:
    values = RANDOM.normal(size=500)
    (bars,), (rows,) = read_chart(predictions.draw_prediction_distribution("delay", values).svg)
    assert get_axes(bars) == (("low", "delay"), ("share", "Share of rows"))
    assert bars["encoding"]["x"]["scale"] == {"zero": False}
    assert spans(bars, "x") == ("low", "high")
    assert len(rows) == 40
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    for row in rows[:-1]:
        inside = (values >= row["low"]) & (values < row["high"])
        assert row["share"] == pytest.approx(inside.mean())
    assert (rows[0]["low"], rows[-1]["high"]) == (values.min(), values.max())


@pytest.mark.parametrize(("time", "kind"), [(False, "quantitative"), (True, "temporal")])
def test_a_column_is_spread_for_each_label(time: bool, kind: str) -> None:
    shown = [{"from": at, "label": label, "share": 0.5} for label in ("no", "yes") for at in (0, 1)]
    (area,), (rows,) = read_chart(profile.draw_histogram("wind", shown, time=time).svg)
    assert rows == shown
    assert get_axes(area) == (("from", None), ("share", "Share of rows"))
    assert area["encoding"]["x"]["type"] == kind
    assert area["encoding"]["y"]["stack"] is None
    assert area["encoding"]["x"]["scale"] == {"zero": False, "nice": False}
    assert (area["mark"]["line"], area["mark"]["interpolate"]) == (True, "step-after")
    assert 0 < area["mark"]["opacity"] < 1
    assert area["encoding"]["color"]["scale"] == {"domain": ["no", "yes"], "range": [common.GREY, common.RED]}


def test_one_label_is_blue_and_many_have_their_own_colors() -> None:
    def color(labels: str) -> dict[str, Any]:
        shown = [{"from": 0, "label": label, "share": 1} for label in labels]
        (area,), _ = read_chart(profile.draw_histogram("wind", shown, time=False).svg)
        found: dict[str, Any] = area["encoding"]["color"]
        return found

    assert color("a") == {"value": common.BLUE}
    assert color("cab")["scale"]["domain"] == ["a", "b", "c"]
    assert len(set(color("cab")["scale"]["range"])) == 6


def test_values_of_a_column_are_bars_that_have_room() -> None:
    shown = [{"value": v, "order": o, "label": lab, "share": 0.1} for o, v in enumerate("zxa") for lab in ("no", "yes")]
    picture = profile.draw_bars("carrier", shown)
    (bars,), (rows,) = read_chart(picture.svg)
    assert rows == shown
    assert get_axes(bars) == (("share", "Share of rows"), ("value", None))
    assert bars["encoding"]["y"]["sort"] == {"field": "order"}
    assert bars["encoding"]["yOffset"]["field"] == "label"
    assert json.loads(picture.svg)["height"] == 3 * (2 * profile.BAR_HEIGHT + 5)
    assert json.loads(profile.draw_bars("carrier", shown[:1]).svg)["height"] == 40


def test_rows_and_the_mean_are_drawn_along_the_time() -> None:
    shown = [{"when": dt.date(2013, month, 1).isoformat(), "rows": month * 10, "mean": month / 10} for month in (1, 2)]
    counted, mean = profile.draw_time_series(shown, "month", "late")
    assert (counted.title, mean.title) == ("Rows by month", "late by month")
    (line,), (rows,) = read_chart(counted.svg)
    assert rows == shown
    assert get_axes(line) == (("when", None), ("rows", "Rows"))
    assert line["encoding"]["y"]["scale"] == {"domainMin": 0}
    assert line["mark"]["point"]
    assert line["encoding"]["x"]["axis"]["format"] == "%b %Y"
    (line,), _ = read_chart(mean.svg)
    assert get_axes(line) == (("when", None), ("mean", "Mean"))
    assert line["encoding"]["y"]["scale"] == {"zero": False}
    assert len(profile.draw_time_series(shown, "day", "")) == 1


METRICS = [
    ("roc_auc", [0.5, 0.7, 0.6, 0.8], [0.5, 0.7, 0.7, 0.8]),
    ("log_loss", [0.5, 0.7, 0.3, 0.4], [0.5, 0.5, 0.3, 0.3]),
]


@pytest.mark.parametrize(("name", "values", "best"), METRICS)
def test_trials_are_drawn_with_the_best_until_then(name: str, values: list[float], best: list[float]) -> None:
    rows = [{"trial": n, name: value, "depth": n + 1, "rate": 0.1, "kind": "k" * 50} for n, value in enumerate(values)]
    spaces = {
        "depth": SearchSpace(low=1, high=9),
        "rate": SearchSpace(low=0.01, high=1.0, log=True),
        "kind": SearchSpace(among=("a", "b")),
    }
    pictures = tune.draw_trials(rows, spaces, BUILTIN_METRICS[name])
    (dots, line, present), (trials, _, rule) = read_chart(pictures[0].svg)
    assert get_axes(dots) == (("x", "Trial"), ("y", name))
    assert get_axes(line) == (("x", None), ("best", None))
    assert [(row["x"], row["y"], row["best"]) for row in trials] == list(zip(range(4), values, best, strict=True))
    assert (get_axis(present, "y")[0], rule) == ("y", [{"y": values[0]}])
    depth, rate, kind = (read_chart(picture.svg) for picture in pictures[1:])
    assert [(row["x"], row["y"]) for row in depth[1][0]] == list(zip([1, 2, 3, 4], values, strict=True))
    assert get_axes(depth[0][0]) == (("x", "depth"), ("y", name))
    assert dots["mark"]["filled"]
    assert all(chart[0][0]["encoding"]["y"]["scale"] == {"zero": False} for chart in (depth, rate, kind))
    assert not depth[0][0]["encoding"]["x"]["scale"]["zero"]
    assert depth[0][0]["encoding"]["x"]["scale"]["type"] == "linear"
    assert depth[0][0]["encoding"]["x"]["axis"] == {"tickMinStep": 1}
    assert rate[0][0]["encoding"]["x"]["scale"]["type"] == "log"
    assert rate[0][0]["encoding"]["x"]["axis"] == {}
    assert {row["x"] for row in kind[1][0]} == {"k" * 40}
    assert kind[0][0]["encoding"]["x"]["type"] == "nominal"
    assert depth[1][1] == [{"y": values[0]}]


def test_a_picture_has_the_usual_size() -> None:
    picture = common.render_picture("t", alt.Chart(alt.InlineData(values=[])).mark_point(), "why?")
    content = json.loads(picture.svg)
    assert (content["width"], content["height"], picture.question) == (common.WIDTH, common.HEIGHT, "why?")
