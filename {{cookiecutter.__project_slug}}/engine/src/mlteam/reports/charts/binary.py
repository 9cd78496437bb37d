"""Pictures of predicted probabilities of one class."""

from dataclasses import asdict
from typing import Any

import altair as alt
import numpy as np

from mlteam.data.features import Floats, Labels
from mlteam.evaluation.calibration import compute_calibration
from mlteam.reports.charts.common import (
    CURVE_COLORS,
    GREY,
    RED,
    ChartRows,
    NamedPredictions,
    Picture,
    draw_dashed_line,
    list_steps,
    render_picture,
)

MAX_CURVE_POINTS = 200


def draw_evaluation(label: Labels, curves: NamedPredictions, classes: tuple[str, ...]) -> list[Picture]:
    """ROC, precision and recall, calibration, and the spread of predictions.

    Args:
        label: 0 or 1, shape (rows,).
        curves: Predictions of "model" and "baseline", shape (rows,).
        classes: What 0 and 1 are called.
    """
    share = float(label.mean())
    roc = [row for name, scores in curves.items() for row in _compute_roc(name, label, scores)]
    recall = [row for name, scores in curves.items() for row in _compute_precision_recall(name, label, scores)]
    return [
        render_picture(
            "ROC",
            draw_dashed_line([(0, 0), (1, 1)]) + _draw_curve(roc, "False positive rate", "True positive rate"),
            "How many false alarms does each share of the positives cost?",
        ),
        render_picture(
            "Precision and recall",
            draw_dashed_line([(0, share), (1, share)]) + _draw_curve(recall, "Recall", "Precision"),
            "Of the rows with the highest predictions, how many are positive?",
        ),
        render_picture("Calibration", _draw_calibration(label, curves), "Does a predicted probability come true?"),
        render_picture(
            "Score distribution",
            _draw_score_distribution(label, curves["model"], classes),
            "How well do the predictions separate the two classes?",
        ),
    ]


def _compute_roc(name: str, label: Labels, scores: Floats) -> ChartRows:
    positives, negatives = _count_above_thresholds(label, scores)
    return _build_curve_rows(name, negatives / max(negatives[-1], 1), positives / max(positives[-1], 1))


def _compute_precision_recall(name: str, label: Labels, scores: Floats) -> ChartRows:
    positives, negatives = _count_above_thresholds(label, scores)
    return _build_curve_rows(name, positives / max(positives[-1], 1), positives / (positives + negatives))


def _count_above_thresholds(label: Labels, scores: Floats) -> tuple[Floats, Floats]:
    """Positives and negatives at or above each distinct prediction, thinned to about 200 points."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(label) - 1)
    thin = ends[np.unique(np.linspace(0, len(ends) - 1, MAX_CURVE_POINTS).astype(int))]
    positives = np.cumsum(label[order], dtype=np.float64)[thin]
    return positives, thin + 1 - positives


def _build_curve_rows(name: str, x: Floats, y: Floats) -> ChartRows:
    points = enumerate(zip(x, y, strict=True))
    return [{"curve": name, "order": order, "x": float(a), "y": float(b)} for order, (a, b) in points]


def _draw_curve(rows: ChartRows, x: str, y: str) -> Any:
    shown = alt.Color("curve:N", scale=CURVE_COLORS, title=None)
    chart = alt.Chart(alt.InlineData(values=rows)).mark_line()
    return chart.encode(x=alt.X("x:Q", title=x), y=alt.Y("y:Q", title=y), color=shown, order="order:Q")


def _draw_calibration(label: Labels, curves: NamedPredictions) -> Any:
    """Return what happened against what was predicted, in ten groups of equal size with 95 % Wilson intervals."""
    rows: ChartRows = [
        {"curve": name, **asdict(found)}
        for name, scores in curves.items()
        for found in compute_calibration(label, scores)
    ]
    top = max(max(row["predicted"], row["high"]) for row in rows)
    x, color = alt.X("predicted:Q", title="Mean prediction"), alt.Color("curve:N", scale=CURVE_COLORS, title=None)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, color=color)
    bars = base.mark_rule().encode(y=alt.Y("low:Q", title="Share that happened"), y2="high:Q")
    return draw_dashed_line([(0, 0), (top, top)]) + bars + base.mark_point(filled=True, size=40).encode(y="happened:Q")


def _draw_score_distribution(label: Labels, scores: Floats, classes: tuple[str, ...]) -> Any:
    """Return how predictions are spread, for rows of either class."""
    edges = np.linspace(0, max(float(scores.max()), 1e-9), 41)
    rows: ChartRows = []
    for position, name in enumerate(classes):
        counts, _ = np.histogram(scores[label == position], edges)
        rows += list_steps(counts / max(counts.sum(), 1), edges, **{"class": name})
    shades = alt.Scale(domain=list(classes), range=[GREY, RED])
    chart = alt.Chart(alt.InlineData(values=rows)).mark_area(opacity=0.5, interpolate="step-after", line=True)
    return chart.encode(
        x=alt.X("from:Q", title="Prediction"),
        y=alt.Y("share:Q", title="Share of rows", stack=None, axis=alt.Axis(format="%")),
        color=alt.Color("class:N", scale=shades, title="Label"),
    )
