"""Pictures of predicted numbers."""

from typing import Any

import altair as alt
import numpy as np

from mlteam.data.features import Floats, Labels
from mlteam.reports.charts.common import (
    BLUE,
    CURVE_COLORS,
    ChartRows,
    NamedPredictions,
    Picture,
    draw_dashed_line,
    list_steps,
    render_picture,
)

CALIBRATION_BINS = 20
MAX_SCATTER_POINTS = 600


def draw_evaluation(label: Labels, curves: NamedPredictions, classes: tuple[str, ...]) -> list[Picture]:  # noqa: ARG001
    """Truth against prediction, means along the prediction, and the spread of errors.

    Args:
        label: The true numbers, shape (rows,).
        curves: Predictions of "model" and "baseline", shape (rows,).
        classes: Empty.
    """
    return [
        render_picture(
            "Truth and prediction, a sample of rows",
            _draw_scatter(label, curves["model"]),
            "How far is each prediction from the truth?",
        ),
        render_picture(
            "Mean truth along the prediction",
            _draw_calibration(label, curves),
            "Are high or low predictions biased?",
        ),
        render_picture("Errors", _draw_errors(label, curves), "How large are the errors, and how many are large?"),
    ]


def _draw_scatter(label: Labels, numbers: Floats) -> Any:
    sample = np.random.default_rng(0).choice(len(label), size=min(MAX_SCATTER_POINTS, len(label)), replace=False)
    rows = [{"x": float(numbers[row]), "y": float(label[row])} for row in sample]
    ends = [
        float(min(label[sample].min(), numbers[sample].min())),
        float(max(label[sample].max(), numbers[sample].max())),
    ]
    dots = alt.Chart(alt.InlineData(values=rows)).mark_point(color=BLUE, size=12, opacity=0.5)
    scale = alt.Scale(zero=False)
    x, y = alt.X("x:Q", title="Prediction", scale=scale), alt.Y("y:Q", title="Truth", scale=scale)
    return draw_dashed_line([(ends[0], ends[0]), (ends[1], ends[1])]) + dots.encode(x=x, y=y)


def _draw_calibration(label: Labels, curves: NamedPredictions) -> Any:
    rows: ChartRows = []
    for name, numbers in curves.items():
        for members in np.array_split(np.argsort(numbers, kind="stable"), min(CALIBRATION_BINS, len(label))):
            rows.append({"curve": name, "x": float(numbers[members].mean()), "y": float(label[members].mean())})
    ends = [min(row["x"] for row in rows), max(row["x"] for row in rows)]
    dots = alt.Chart(alt.InlineData(values=rows)).mark_point(filled=True, size=40)
    scale = alt.Scale(zero=False)
    x, y = alt.X("x:Q", title="Mean prediction", scale=scale), alt.Y("y:Q", title="Mean truth", scale=scale)
    color = alt.Color("curve:N", scale=CURVE_COLORS, title=None)
    return draw_dashed_line([(ends[0], ends[0]), (ends[1], ends[1])]) + dots.encode(x=x, y=y, color=color)


def _draw_errors(label: Labels, curves: NamedPredictions) -> Any:
    errors = {name: numbers - label for name, numbers in curves.items()}
    low, high = np.quantile(np.concatenate(list(errors.values())), [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, 41)
    rows: ChartRows = []
    for name, values in errors.items():
        rows += list_steps(np.histogram(values, edges)[0] / len(values), edges, curve=name)
    chart = alt.Chart(alt.InlineData(values=rows)).mark_area(opacity=0.5, interpolate="step-after", line=True)
    return chart.encode(
        x=alt.X("from:Q", title="Prediction minus truth"),
        y=alt.Y("share:Q", title="Share of rows", stack=None, axis=alt.Axis(format="%")),
        color=alt.Color("curve:N", scale=CURVE_COLORS, title=None),
    )
