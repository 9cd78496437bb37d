"""Pictures of predicted probabilities of one class."""

from typing import Any

import altair as alt
import numpy as np

from ..features import Labels
from ..metrics import Floats
from .common import CURVES, GREY, RED, Curves, Picture, Rows, dashed, picture

POINTS = 200
GROUPS = 10
Z95 = 1.96


def pictures(label: Labels, curves: Curves, classes: tuple[str, ...]) -> list[Picture]:
    """ROC, precision and recall, calibration, and the spread of predictions.

    Args:
        label: 0 or 1, shape (rows,).
        curves: Predictions of "model" and "baseline", shape (rows,).
        classes: What 0 and 1 are called.
    """
    share = float(label.mean())
    roc = [row for name, scores in curves.items() for row in _roc(name, label, scores)]
    recall = [row for name, scores in curves.items() for row in _precision_recall(name, label, scores)]
    return [
        picture("ROC", dashed([(0, 0), (1, 1)]) + _curve(roc, "False positive rate", "True positive rate")),
        picture("Precision and recall", dashed([(0, share), (1, share)]) + _curve(recall, "Recall", "Precision")),
        picture("Calibration", _calibration(label, curves)),
        picture("Score distribution", _spread(label, curves["model"], classes)),
    ]


def _roc(name: str, label: Labels, scores: Floats) -> Rows:
    positives, negatives = _counts(label, scores)
    return _rows(name, negatives / max(negatives[-1], 1), positives / max(positives[-1], 1))


def _precision_recall(name: str, label: Labels, scores: Floats) -> Rows:
    positives, negatives = _counts(label, scores)
    return _rows(name, positives / max(positives[-1], 1), positives / (positives + negatives))


def _counts(label: Labels, scores: Floats) -> tuple[Floats, Floats]:
    """Positives and negatives at or above each distinct prediction, thinned to about 200 points."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(label) - 1)
    thin = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).astype(int))]
    positives = np.cumsum(label[order], dtype=np.float64)[thin]
    return positives, thin + 1 - positives


def _rows(name: str, x: Floats, y: Floats) -> Rows:
    points = enumerate(zip(x, y, strict=True))
    return [{"curve": name, "order": order, "x": float(a), "y": float(b)} for order, (a, b) in points]


def _curve(rows: Rows, x: str, y: str) -> Any:
    shown = alt.Color("curve:N", scale=CURVES, title=None)
    chart = alt.Chart(alt.InlineData(values=rows)).mark_line()
    return chart.encode(x=alt.X("x:Q", title=x), y=alt.Y("y:Q", title=y), color=shown, order="order:Q")


def _calibration(label: Labels, curves: Curves) -> Any:
    """What happened against what was predicted, in ten groups of equal size with 95 % Wilson intervals."""
    rows = [row for name, scores in curves.items() for row in _groups(name, label, scores)]
    top = max(max(row["predicted"], row["high"]) for row in rows)
    x, color = alt.X("predicted:Q", title="Mean prediction"), alt.Color("curve:N", scale=CURVES, title=None)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, color=color)
    bars = base.mark_rule().encode(y=alt.Y("low:Q", title="Share that happened"), y2="high:Q")
    return dashed([(0, 0), (top, top)]) + bars + base.mark_point(filled=True, size=40).encode(y="happened:Q")


def _groups(name: str, label: Labels, scores: Floats) -> Rows:
    rows = []
    for members in np.array_split(np.argsort(scores, kind="stable"), min(GROUPS, len(label))):
        share, count = float(label[members].mean()), len(members)
        middle = (share + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
        reach = Z95 / (1 + Z95**2 / count) * np.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
        bounds = {"low": middle - reach, "high": middle + reach}
        rows.append({"curve": name, "predicted": float(scores[members].mean()), "happened": share, **bounds})
    return rows


def _spread(label: Labels, scores: Floats, classes: tuple[str, ...]) -> Any:
    """How predictions are spread, for rows of either class."""
    edges = np.linspace(0, max(float(scores.max()), 1e-9), 41)
    rows = []
    for position, name in enumerate(classes):
        counts, _ = np.histogram(scores[label == position], edges)
        shares = counts / max(counts.sum(), 1)
        rows += [{"from": float(a), "share": float(b), "class": name} for a, b in zip(edges[:-1], shares, strict=True)]
    shades = alt.Scale(domain=list(classes), range=[GREY, RED])
    chart = alt.Chart(alt.InlineData(values=rows)).mark_area(opacity=0.5, interpolate="step-after", line=True)
    return chart.encode(
        x=alt.X("from:Q", title="Prediction"),
        y=alt.Y("share:Q", title="Share of rows", stack=None, axis=alt.Axis(format="%")),
        color=alt.Color("class:N", scale=shades, title="Label"),
    )
