"""Pictures of two versions beside each other."""

from typing import Any

import altair as alt

from mlteam.evaluation.evaluator import MetricComparison, SliceGain
from mlteam.reports.charts.common import BLUE, DASH, GREY, WIDTH, ChartRows, Picture, render_picture, render_svg


def draw_metrics(found: list[MetricComparison], names: tuple[str, str]) -> list[Picture]:
    """Return each metric of both versions with its interval.

    Args:
        found: The second version is `model`, the first one `baseline`.
        names: What the versions are called, in their order.
    """
    return [render_picture(one.metric, _draw_metric(one, names)) for one in found if one.model.value is not None]


def _draw_metric(one: MetricComparison, names: tuple[str, str]) -> Any:
    rows: ChartRows = [
        {"version": name, "value": estimate.value, "low": estimate.low, "high": estimate.high}
        for name, estimate in zip(names, (one.baseline, one.model), strict=True)
    ]
    axis = alt.Axis(labelAngle=0)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=alt.X("version:N", title=None, sort=None, axis=axis))
    scale = alt.Scale(zero=False)
    bars = base.mark_rule(color=BLUE).encode(y=alt.Y("low:Q", title=one.metric, scale=scale), y2="high:Q")
    return bars + base.mark_point(filled=True, color=BLUE, size=40).encode(y="value:Q")


def draw_slice_gains(found: "list[SliceGain]", metric: str) -> str:
    """Draw the gain on each slice with its interval and row count, grey within sampling noise, and a line at zero."""
    rows: ChartRows = [
        {
            "column": part.column,
            "slice": f"{part.value}  ({part.rows:,})",
            "order": order,
            "colour": BLUE if part.gain.excludes_zero else GREY,
            "value": part.gain.value,
            "low": part.gain.low,
            "high": part.gain.high,
        }
        for order, part in enumerate(found)
        if part.gain.value is not None
    ]
    if not rows:
        return ""
    data = alt.InlineData(values=rows)
    y = alt.Y("slice:N", sort=alt.SortField("order"), title=None, axis=alt.Axis(labelLimit=260))
    base = alt.Chart(data).encode(y=y, color=alt.Color("colour:N", scale=None))
    bars = base.mark_rule().encode(x=alt.X("low:Q", title=f"Gain of {metric}"), x2="high:Q")
    dots = base.mark_point(filled=True, size=40).encode(x="value:Q")
    nothing = alt.Chart(data).mark_rule(color=GREY, strokeDash=DASH).encode(x=alt.datum(0))
    chart = (nothing + bars + dots).properties(width=WIDTH, height=alt.Step(16))
    facets = alt.Row("column:N", title=None, sort=list(dict.fromkeys(part.column for part in found)))
    return render_svg(chart.facet(row=facets).resolve_scale(y="independent"))
