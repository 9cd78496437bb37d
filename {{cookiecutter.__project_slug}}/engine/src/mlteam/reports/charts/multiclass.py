"""Pictures of predicted probabilities of many classes."""

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
    render_picture,
)

MAX_CLASSES_DRAWN = 20
CALIBRATION_BINS = 10


def draw_evaluation(label: Labels, curves: NamedPredictions, classes: tuple[str, ...]) -> list[Picture]:
    """Confusion, recall of each class, and whether the probability of the best class can be believed.

    Args:
        label: Position of the class, shape (rows,).
        curves: Predictions of "model" and "baseline", shape (rows, classes).
        classes: Their names; the 20 most frequent ones are drawn.
    """
    shown = np.argsort(-np.bincount(label.astype(int), minlength=len(classes)), kind="stable")[:MAX_CLASSES_DRAWN]
    return [
        render_picture(
            "Confusion, share of each true class",
            _draw_confusion_matrix(label, curves["model"], classes, shown),
            "Which classes does the model confuse?",
        ),
        render_picture(
            "Recall by class", _draw_recall(label, curves, classes, shown), "Which classes does it find, and which not?"
        ),
        render_picture(
            "Calibration of the best class",
            _draw_calibration(label, curves),
            "Does the probability of the predicted class come true?",
        ),
    ]


def _draw_confusion_matrix(label: Labels, scores: Floats, classes: tuple[str, ...], shown: Labels) -> Any:
    best = scores.argmax(axis=1)
    rows: ChartRows = []
    for truth in shown:
        members = best[label == truth]
        for guess in shown:
            share = float((members == guess).mean()) if len(members) else 0.0
            rows.append({"true": classes[int(truth)], "predicted": classes[int(guess)], "share": share})
    shades = alt.Scale(domain=[0, 1], range=["#ffffff", BLUE])
    color = alt.Color("share:Q", scale=shades, title="Share", legend=alt.Legend(format="%"))
    chart = alt.Chart(alt.InlineData(values=rows)).mark_rect()
    return chart.encode(
        x=alt.X("predicted:N", sort=None, title="Predicted"), y=alt.Y("true:N", sort=None, title="True"), color=color
    )


def _draw_recall(label: Labels, curves: NamedPredictions, classes: tuple[str, ...], shown: Labels) -> Any:
    rows: ChartRows = []
    for name, scores in curves.items():
        right = scores.argmax(axis=1) == label
        for truth in shown:
            members = label == truth
            if members.any():
                rows.append({"curve": name, "class": classes[int(truth)], "recall": float(right[members].mean())})
    chart = alt.Chart(alt.InlineData(values=rows)).mark_point(filled=True, size=50)
    return chart.encode(
        x=alt.X("recall:Q", scale=alt.Scale(domain=[0, 1]), title="Recall"),
        y=alt.Y("class:N", sort=None, title=None),
        color=alt.Color("curve:N", scale=CURVE_COLORS, title=None),
    )


def _draw_calibration(label: Labels, curves: NamedPredictions) -> Any:
    rows: ChartRows = []
    for name, scores in curves.items():
        best, right = scores.max(axis=1), scores.argmax(axis=1) == label
        for members in np.array_split(np.argsort(best, kind="stable"), min(CALIBRATION_BINS, len(label))):
            rows.append({"curve": name, "x": float(best[members].mean()), "y": float(right[members].mean())})
    dots = alt.Chart(alt.InlineData(values=rows)).mark_point(filled=True, size=40)
    x, y = alt.X("x:Q", title="Mean probability of the best class"), alt.Y("y:Q", title="Share that was right")
    return draw_dashed_line([(0, 0), (1, 1)]) + dots.encode(
        x=x, y=y, color=alt.Color("curve:N", scale=CURVE_COLORS, title=None)
    )
