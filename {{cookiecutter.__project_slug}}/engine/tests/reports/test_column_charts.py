"""Charts of columns, predictions and searches are tested by the data and axes of their specification."""

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest
from drawn import get_axes, get_axis, read_chart, spans

from mlteam.config.tuning import SearchSpace
from mlteam.evaluation.metrics import BUILTIN_METRICS
from mlteam.reports.charts import common, predictions, profile, tune

RANDOM = np.random.default_rng(6)
pytestmark = pytest.mark.usefixtures("undrawn")


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
    assert [chart[0][0]["encoding"]["x"]["scale"]["nice"] for chart in (depth, rate)] == [True, False]
    assert rate[0][0]["encoding"]["x"]["axis"] == {}
    assert {row["x"] for row in kind[1][0]} == {"k" * 40}
    assert kind[0][0]["encoding"]["x"]["type"] == "nominal"
    assert depth[1][1] == [{"y": values[0]}]
