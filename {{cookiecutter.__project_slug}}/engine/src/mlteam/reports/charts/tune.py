"""Pictures of a search for parameters."""

from typing import Any

import altair as alt

from mlteam.config.tuning import SearchSpace
from mlteam.evaluation.metrics import Metric
from mlteam.reports.charts.common import BLUE, DASH, GREY, RED, ChartRows, Picture, render_picture

MAX_LABEL_LENGTH = 40


def draw_trials(rows: ChartRows, spaces: dict[str, SearchSpace], metric: Metric) -> list[Picture]:
    """Return the trials in their order, and the metric against each parameter; the dashed line is the present model.

    Args:
        rows: Each with the trial's number, the metric and the parameters; the present ones first.
        spaces: The parameters with the values that they may take.
        metric: What is searched for.
    """
    present = rows[0][metric.name]
    drawn = [render_picture("The trials in their order; red: the best until then", _draw_progress(rows, metric))]
    for name, space in spaces.items():
        values = [
            {"x": str(row[name])[:MAX_LABEL_LENGTH] if space.among else float(row[name]), "y": row[metric.name]}
            for row in rows
        ]
        # Rounded to powers of ten, an axis would be mostly empty.
        scale = alt.Scale(type="log" if space.log else "linear", zero=False, nice=not space.log, padding=10)
        axis = alt.Axis(tickMinStep=1) if space.is_integer else alt.Axis()
        x = alt.X("x:N", title=name) if space.among else alt.X("x:Q", title=name, scale=scale, axis=axis)
        drawn.append(render_picture(name, _draw_dots(values, x, metric.name) + _draw_reference_line(present)))
    return drawn


def _draw_progress(rows: ChartRows, metric: Metric) -> Any:
    best = rows[0][metric.name]
    values = []
    for row in rows:
        best = max(best, row[metric.name]) if metric.higher_is_better else min(best, row[metric.name])
        values.append({"x": row["trial"], "y": row[metric.name], "best": best})
    line = alt.Chart(alt.InlineData(values=values)).mark_line(color=RED, interpolate="step-after")
    dots = _draw_dots(values, alt.X("x:Q", title="Trial", axis=alt.Axis(tickMinStep=1)), metric.name)
    return dots + line.encode(x="x:Q", y="best:Q") + _draw_reference_line(rows[0][metric.name])


def _draw_dots(values: ChartRows, x: Any, title: str) -> Any:
    base = alt.Chart(alt.InlineData(values=values)).mark_point(filled=True, color=BLUE, size=30)
    return base.encode(x=x, y=alt.Y("y:Q", title=title, scale=alt.Scale(zero=False)))


def _draw_reference_line(present: float) -> Any:
    return alt.Chart(alt.InlineData(values=[{"y": present}])).mark_rule(color=GREY, strokeDash=DASH).encode(y="y:Q")
