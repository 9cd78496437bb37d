"""Pictures of a search for parameters."""

from typing import Any

import altair as alt

from ..metrics import Metric
from ..search import Space
from .common import BLUE, DASH, GREY, RED, Picture, Rows, picture

SHORT = 40


def pictures(rows: Rows, spaces: dict[str, Space], metric: Metric) -> list[Picture]:
    """The trials in their order, and the metric against each parameter; the dashed line is the present model.

    Args:
        rows: Each with the trial's number, the metric and the parameters; the present ones first.
        spaces: The parameters with the values that they may take.
        metric: What is searched for.
    """
    present = rows[0][metric.name]
    drawn = [picture("The trials in their order; red: the best until then", _over_time(rows, metric))]
    for name, space in spaces.items():
        values = [
            {"x": str(row[name])[:SHORT] if space.among else float(row[name]), "y": row[metric.name]} for row in rows
        ]
        scale = alt.Scale(type="log" if space.log else "linear", zero=False, padding=10)
        axis = alt.Axis(tickMinStep=1) if space.whole else alt.Axis()
        x = alt.X("x:N", title=name) if space.among else alt.X("x:Q", title=name, scale=scale, axis=axis)
        drawn.append(picture(name, _dots(values, x, metric.name) + _rule(present)))
    return drawn


def _over_time(rows: Rows, metric: Metric) -> Any:
    best = rows[0][metric.name]
    values = []
    for row in rows:
        best = max(best, row[metric.name]) if metric.higher_is_better else min(best, row[metric.name])
        values.append({"x": row["trial"], "y": row[metric.name], "best": best})
    line = alt.Chart(alt.InlineData(values=values)).mark_line(color=RED, interpolate="step-after")
    dots = _dots(values, alt.X("x:Q", title="Trial", axis=alt.Axis(tickMinStep=1)), metric.name)
    return dots + line.encode(x="x:Q", y="best:Q") + _rule(rows[0][metric.name])


def _dots(values: Rows, x: Any, title: str) -> Any:
    base = alt.Chart(alt.InlineData(values=values)).mark_point(filled=True, color=BLUE, size=30)
    return base.encode(x=x, y=alt.Y("y:Q", title=title, scale=alt.Scale(zero=False)))


def _rule(present: float) -> Any:
    return alt.Chart(alt.InlineData(values=[{"y": present}])).mark_rule(color=GREY, strokeDash=DASH).encode(y="y:Q")
