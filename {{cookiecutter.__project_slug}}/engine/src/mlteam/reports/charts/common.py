"""Pictures that fit every task, and how a picture is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from mlteam.data.features import Floats
from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.evaluator import EvaluationResult

WIDTH, HEIGHT = 330, 260
BLUE, GREY, RED = "#2563a8", "#a3a3a3", "#c2410c"
CURVE_COLORS = alt.Scale(domain=["model", "baseline"], range=[BLUE, GREY])
DASH = [4, 3]
# Pixels between the numbers of an axis: without any, 3,500 and 4,000 read as one.
LABEL_SEPARATION = 8
ChartRows = list[dict[str, Any]]
NamedPredictions = Mapping[str, Floats]


@dataclass(frozen=True)
class Picture:
    """A picture with its title and the question that it answers."""

    title: str
    svg: str
    question: str = ""


def draw_slice_metrics(result: EvaluationResult) -> str:
    """Return the first metric on each slice with its interval and row count; the rule is the whole dataset."""
    metric = result.metrics[0]
    rows = [
        {"column": part.column, "slice": f"{part.value}  ({part.rows:,})", "order": order, **_unpack_estimate(estimate)}
        for order, part in enumerate(result.slices)
        if (estimate := part.metrics[metric.metric]).value is not None
    ]
    if not rows:
        return ""
    data = alt.InlineData(values=rows)
    axis = alt.Axis(labelLimit=260)
    base = alt.Chart(data).encode(y=alt.Y("slice:N", sort=alt.SortField("order"), title=None, axis=axis))
    scale = alt.Scale(zero=False)
    bars = base.mark_rule(color=BLUE).encode(x=alt.X("low:Q", title=metric.metric, scale=scale), x2="high:Q")
    dots = base.mark_point(filled=True, color=BLUE, size=40).encode(x="value:Q")
    whole = alt.Chart(data).mark_rule(color=GREY, strokeDash=DASH).encode(x=alt.datum(metric.model.value))
    chart = (whole + bars + dots).properties(width=WIDTH, height=alt.Step(16))
    facets = alt.Row("column:N", title=None, sort=list(dict.fromkeys(part.column for part in result.slices)))
    return render_svg(chart.facet(row=facets).resolve_scale(y="independent"))


def draw_mean_contributions(features: list[tuple[str, float]]) -> str:
    """Return how much each feature moves predictions, on average."""
    rows = [{"feature": name, "value": value} for name, value in features]
    y = alt.Y("feature:N", sort=None, title=None, axis=alt.Axis(labelLimit=260))
    x = alt.X("value:Q", title="Mean absolute contribution to the prediction")
    bars = alt.Chart(alt.InlineData(values=rows)).mark_bar(color=BLUE).encode(y=y, x=x)
    return render_svg(bars.properties(width=2 * WIDTH, height=alt.Step(16)))


def list_steps(shares: Floats, edges: Floats, **named: str) -> ChartRows:
    """Return the shares of ranges as the points of a line in steps, the last of which closes the last range.

    Args:
        shares: Shape (ranges,).
        edges: Shape (ranges + 1,).
        named: What each point is of.
    """
    heights = [*shares.tolist(), float(shares[-1])]
    return [{"from": at, "share": share, **named} for at, share in zip(edges.tolist(), heights, strict=True)]


def draw_dashed_line(points: list[tuple[float, float]]) -> Any:
    """Return a dashed line through points, as something to compare with."""
    rows = [{"x": x, "y": y} for x, y in points]
    return alt.Chart(alt.InlineData(values=rows)).mark_line(color="#d4d4d4", strokeDash=DASH).encode(x="x:Q", y="y:Q")


def render_picture(title: str, chart: Any, question: str = "") -> Picture:
    """Return a chart of the usual size, drawn."""
    return Picture(title, render_svg(chart.properties(width=WIDTH, height=HEIGHT)), question)


def render_svg(chart: Any) -> str:
    """Return a chart as SVG text."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.configure_axis(labelSeparation=LABEL_SEPARATION).to_json()))


def _unpack_estimate(estimate: Estimate) -> dict[str, float | None]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
