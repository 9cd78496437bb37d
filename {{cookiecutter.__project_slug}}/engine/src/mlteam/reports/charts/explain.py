"""Pictures of what moves predictions."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from mlteam.data.features import Floats
from mlteam.reports.charts.common import BLUE, GREY, RED, WIDTH, ChartRows, Picture, render_picture, render_svg

MAX_SCATTER_POINTS = 500
MAX_LABEL_LENGTH = 40


def draw_importance(rows: ChartRows, unit: str) -> str:
    """Bars with their intervals.

    Args:
        rows: Each with a feature, value, low and high; the most important one first.
        unit: What is measured.
    """
    y = alt.Y("feature:N", sort=None, title=None, axis=alt.Axis(labelLimit=260))
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y)
    bars = base.mark_bar(color=BLUE, opacity=0.75).encode(x=alt.X("value:Q", title=unit))
    chart = bars + base.mark_rule(color="#1c1c1c").encode(x="low:Q", x2="high:Q")
    return render_svg(chart.properties(width=2 * WIDTH, height=alt.Step(16)))


def draw_contributions(moved: Sequence[tuple[str, str, float]], unit: str) -> str:
    """Return what each value of one example adds, red upward and blue downward.

    Args:
        moved: Feature, value and what it adds; the strongest first.
        unit: What it adds to.
    """
    rows: ChartRows = [
        {"feature": f"{name} = {value[:MAX_LABEL_LENGTH]}", "value": adds, "colour": RED if adds > 0 else BLUE}
        for name, value, adds in moved
    ]
    y = alt.Y("feature:N", sort=None, title=None, axis=alt.Axis(labelLimit=400))
    bars = alt.Chart(alt.InlineData(values=rows)).mark_bar(opacity=0.75)
    chart = bars.encode(y=y, x=alt.X("value:Q", title=unit), color=alt.Color("colour:N", scale=None))
    return render_svg(chart.properties(width=2 * WIDTH, height=alt.Step(16)))


def draw_numeric_effect(title: str, values: Floats, moved: Floats, unit: str) -> Picture:
    """Return a number's value against what it adds, on a sample of rows, with the mean along it.

    Args:
        title: Goes above the picture.
        values: Shape (rows,); NaN where missing.
        moved: What the feature adds, shape (rows,).
        unit: What it adds to.
    """
    known = np.flatnonzero(np.isfinite(values))
    drawn = np.random.default_rng(0).choice(known, size=min(MAX_SCATTER_POINTS, len(known)), replace=False)
    dots = [{"x": float(values[row]), "y": float(moved[row])} for row in drawn]
    x = alt.X("x:Q", title="Value", scale=alt.Scale(zero=False))
    base = alt.Chart(alt.InlineData(values=dots)).mark_point(color=BLUE, size=12, opacity=0.35, filled=True)
    chart = base.encode(x=x, y=alt.Y("y:Q", title=unit))
    middle = alt.Chart(alt.InlineData(values=_compute_binned_means(values[known], moved[known]))).mark_line(color=RED)
    return render_picture(title, (_draw_zero_line() + chart + middle.encode(x="x:Q", y="y:Q")).configure(aria=False))


def draw_categorical_effect(title: str, groups: Sequence[tuple[str, Floats]], unit: str) -> Picture:
    """Return what each category adds: the mean, and the middle half of its rows.

    Args:
        title: Goes above the picture.
        groups: Each category with what it adds to its rows.
        unit: What it adds to.
    """
    rows: ChartRows = [
        {
            "group": f"{name[:MAX_LABEL_LENGTH]}  ({len(moved):,})",
            "value": float(moved.mean()),
            "low": float(np.quantile(moved, 0.25)),
            "high": float(np.quantile(moved, 0.75)),
        }
        for name, moved in sorted(groups, key=lambda group: -group[1].mean())
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=alt.Y("group:N", sort=None, title=None))
    bars = base.mark_rule(color=BLUE).encode(x=alt.X("low:Q", title=unit), x2="high:Q")
    dots = base.mark_point(filled=True, color=BLUE, size=40).encode(x="value:Q")
    rule = alt.Chart(alt.InlineData(values=rows)).mark_rule(color=GREY).encode(x=alt.datum(0))
    return render_picture(title, (rule + bars + dots).configure(aria=False))


def _draw_zero_line() -> Any:
    return alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=GREY).encode(y="zero:Q")


def _compute_binned_means(values: Floats, moved: Floats) -> ChartRows:
    """Return the mean in up to 20 groups of neighbours."""
    order = np.argsort(values, kind="stable")
    parts = np.array_split(order, min(20, max(len(order) // 20, 1)))
    return [{"x": float(values[part].mean()), "y": float(moved[part].mean())} for part in parts if len(part)]
