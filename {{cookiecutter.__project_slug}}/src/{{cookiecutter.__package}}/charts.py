"""The pictures of a report, each drawn once as SVG text."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np

from .evaluation import Judgement
from .metrics import Floats, Labels

POINTS = 200
BINS = 10
WIDTH, HEIGHT = 330, 260
COLORS = alt.Scale(domain=["model", "baseline"], range=["#2563a8", "#a3a3a3"])
Z95 = 1.96


def roc(label: Labels, curves: Mapping[str, Floats]) -> str:
    """Receiver operating characteristic, with the diagonal of guessing."""
    rows = [row for name, prediction in curves.items() for row in _roc(name, label, prediction)]
    diagonal = _line([{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    return _svg(diagonal + _curve(rows, "False positive rate", "True positive rate"))


def precision_recall(label: Labels, curves: Mapping[str, Floats]) -> str:
    """Precision at each recall, with the share of positives as the line of guessing."""
    rows = [row for name, prediction in curves.items() for row in _precision_recall(name, label, prediction)]
    guess = float(label.mean())
    return _svg(_line([{"x": 0, "y": guess}, {"x": 1, "y": guess}]) + _curve(rows, "Recall", "Precision"))


def calibration(label: Labels, curves: Mapping[str, Floats]) -> str:
    """What happened against what was predicted, in ten groups of equal size with 95 % Wilson intervals."""
    rows = [row for name, prediction in curves.items() for row in _calibration(name, label, prediction)]
    top = max(max(row["predicted"], row["high"]) for row in rows)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("predicted:Q", title="Mean prediction"), color=alt.Color("curve:N", scale=COLORS, title=None)
    )
    bars = base.mark_rule().encode(y=alt.Y("low:Q", title="Share that happened"), y2="high:Q")
    dots = base.mark_point(filled=True, size=40).encode(y="happened:Q")
    return _svg(_line([{"x": 0, "y": 0}, {"x": top, "y": top}]) + bars + dots)


def scores(label: Labels, prediction: Floats) -> str:
    """How predictions are spread, for rows of either outcome."""
    edges = np.linspace(0, max(float(prediction.max()), 1e-9), 41)
    rows = []
    for outcome in (0, 1):
        counts, _ = np.histogram(prediction[label == outcome], edges)
        share = counts / max(counts.sum(), 1)
        for low, part in zip(edges[:-1], share, strict=True):
            rows.append({"from": float(low), "share": float(part), "outcome": "yes" if outcome else "no"})
    shades = alt.Scale(domain=["no", "yes"], range=["#a3a3a3", "#c2410c"])
    chart = alt.Chart(alt.InlineData(values=rows)).mark_area(opacity=0.5, interpolate="step-after", line=True)
    return _svg(
        chart.encode(
            x=alt.X("from:Q", title="Prediction"),
            y=alt.Y("share:Q", title="Share of rows", stack=None, axis=alt.Axis(format="%")),
            color=alt.Color("outcome:N", scale=shades, title="Happened"),
        )
    )


def slices(judgement: Judgement) -> str:
    """The first metric on each slice with its interval and row count; the rule is the whole dataset."""
    metric = judgement.metrics[0]
    rows = [
        {
            "column": part.column,
            "slice": f"{part.value}  ({part.rows:,})",
            "order": order,
            **_bounds(part.metrics[metric.metric]),
        }
        for order, part in enumerate(judgement.slices)
        if part.metrics[metric.metric].value is not None
    ]
    if not rows:
        return ""
    data = alt.InlineData(values=rows)
    base = alt.Chart(data).encode(
        y=alt.Y("slice:N", sort=alt.SortField("order"), title=None, axis=alt.Axis(labelLimit=260))
    )
    bars = base.mark_rule(color="#2563a8").encode(
        x=alt.X("low:Q", title=metric.metric, scale=alt.Scale(zero=False)), x2="high:Q"
    )
    dots = base.mark_point(filled=True, color="#2563a8", size=40).encode(x="value:Q")
    whole = alt.Chart(data).mark_rule(color="#a3a3a3", strokeDash=[4, 3]).encode(x=alt.datum(metric.model.value))
    chart = (whole + bars + dots).properties(width=WIDTH, height=alt.Step(16))
    facets = alt.Row("column:N", title=None, sort=list(dict.fromkeys(part.column for part in judgement.slices)))
    return _render(chart.facet(row=facets).resolve_scale(y="independent"))


def importance(features: list[tuple[str, float]]) -> str:
    """How much each feature moves predictions, on average."""
    rows = [{"feature": name, "value": value} for name, value in features]
    chart = alt.Chart(alt.InlineData(values=rows)).mark_bar(color="#2563a8")
    title = "Mean absolute contribution (log-odds)"
    encoded = chart.encode(
        y=alt.Y("feature:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)), x=alt.X("value:Q", title=title)
    )
    return _render(encoded.properties(width=2 * WIDTH, height=alt.Step(16)))


def _roc(name: str, label: Labels, prediction: Floats) -> list[dict[str, Any]]:
    positives, negatives = _counts(label, prediction)
    return _rows(name, negatives / max(negatives[-1], 1), positives / max(positives[-1], 1))


def _precision_recall(name: str, label: Labels, prediction: Floats) -> list[dict[str, Any]]:
    positives, negatives = _counts(label, prediction)
    return _rows(name, positives / max(positives[-1], 1), positives / (positives + negatives))


def _calibration(name: str, label: Labels, prediction: Floats) -> list[dict[str, Any]]:
    rows = []
    for members in np.array_split(np.argsort(prediction, kind="stable"), min(BINS, len(label))):
        share, count = float(label[members].mean()), len(members)
        middle = (share + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
        reach = Z95 / (1 + Z95**2 / count) * np.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
        predicted = float(prediction[members].mean())
        rows.append(
            {"curve": name, "predicted": predicted, "happened": share, "low": middle - reach, "high": middle + reach}
        )
    return rows


def _counts(label: Labels, prediction: Floats) -> tuple[Floats, Floats]:
    """Positives and negatives at or above each distinct prediction, thinned to about 200 points."""
    order = np.argsort(-prediction, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(prediction[order])), len(label) - 1)
    thin = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).astype(int))]
    positives = np.cumsum(label[order], dtype=np.float64)[thin]
    return positives, thin + 1 - positives


def _rows(name: str, x: Floats, y: Floats) -> list[dict[str, Any]]:
    return [
        {"curve": name, "order": order, "x": float(a), "y": float(b)}
        for order, (a, b) in enumerate(zip(x, y, strict=True))
    ]


def _bounds(estimate: Any) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _line(points: list[dict[str, float]]) -> alt.Chart:
    chart = alt.Chart(alt.InlineData(values=points)).mark_line(color="#d4d4d4", strokeDash=[4, 3])
    return chart.encode(x="x:Q", y="y:Q")  # type: ignore[no-any-return]


def _curve(rows: list[dict[str, Any]], x: str, y: str) -> alt.Chart:
    shown = alt.Color("curve:N", scale=COLORS, title=None)
    chart = alt.Chart(alt.InlineData(values=rows)).mark_line()
    return chart.encode(  # type: ignore[no-any-return]
        x=alt.X("x:Q", title=x), y=alt.Y("y:Q", title=y), color=shown, order="order:Q"
    )


def _svg(chart: Any) -> str:
    return _render(chart.properties(width=WIDTH, height=HEIGHT))


def _render(chart: Any) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.to_json()))
