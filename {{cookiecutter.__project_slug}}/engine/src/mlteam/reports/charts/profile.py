"""Pictures of how columns are spread."""

from typing import Any

import altair as alt

from mlteam.reports.charts.common import BLUE, GREY, RED, WIDTH, ChartRows, Picture, render_svg

MAX_LABEL_LENGTH = 40
PANEL_HEIGHT = 130
BAR_HEIGHT = 9
LABEL_COLORS = [BLUE, RED, "#4d7c0f", "#7e22ce", GREY, "#0f766e"]
AXIS_DATE_FORMATS = {"day": "%d %b", "month": "%b %Y", "year": "%Y"}
SHARE_TITLE = "Share of rows"


def draw_histogram(title: str, rows: ChartRows, *, time: bool) -> Picture:
    """Shares of the rows along a number or a time, for each label by itself.

    Args:
        title: Goes above the picture.
        rows: Each with from, label and share, in order; the last of a label closes its last range.
        time: Whether `from` is in milliseconds since 1970.
    """
    kind = "T" if time else "Q"
    chart = alt.Chart(alt.InlineData(values=rows)).mark_area(opacity=0.45, interpolate="step-after", line=True)
    x = alt.X(f"from:{kind}", title=None, scale=alt.Scale(zero=False, nice=False))
    y = alt.Y("share:Q", title=SHARE_TITLE, stack=None, axis=alt.Axis(format="%", tickCount=4))
    return _render_panel(title, chart.encode(x=x, y=y, color=_choose_color(rows)), PANEL_HEIGHT)


def draw_bars(title: str, rows: ChartRows) -> Picture:
    """Shares of the rows that have each value, for each label by itself.

    Args:
        title: Goes above the picture.
        rows: Each with value, order, label and share.
    """
    color = _choose_color(rows)
    base = alt.Chart(alt.InlineData(values=rows)).mark_bar(opacity=0.8)
    y = alt.Y("value:N", sort=alt.SortField("order"), title=None, axis=alt.Axis(labelLimit=160))
    x = alt.X("share:Q", title=SHARE_TITLE, axis=alt.Axis(format="%", tickCount=4))
    chart = base.encode(y=y, x=x, color=color, yOffset="label:N")
    values, labels = len({row["value"] for row in rows}), len({row["label"] for row in rows})
    return _render_panel(title, chart, max(values * (BAR_HEIGHT * labels + 5), 40))


def draw_time_series(rows: ChartRows, unit: str, mean: str) -> list[Picture]:
    """Rows along the time, and the mean of the label where there is one.

    Args:
        rows: Each with when, rows and mean, in order.
        unit: How far apart they are: day, month or year.
        mean: What the mean is called; empty where there is none.
    """
    axis = alt.Axis(format=AXIS_DATE_FORMATS[unit], tickCount=5, labelOverlap=True)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=alt.X("when:T", title=None, axis=axis))
    scale = alt.Scale(domainMin=0)
    counted = base.mark_line(color=BLUE, point=True).encode(y=alt.Y("rows:Q", title="Rows", scale=scale))
    pictures = [_render_panel(f"Rows by {unit}", counted, PANEL_HEIGHT)]
    if mean:
        line = base.mark_line(color=RED, point=alt.OverlayMarkDef(color=RED))
        y = alt.Y("mean:Q", title="Mean", scale=alt.Scale(zero=False))
        pictures.append(_render_panel(f"{mean} by {unit}", line.encode(y=y), PANEL_HEIGHT))
    return pictures


def _choose_color(rows: ChartRows) -> Any:
    labels = sorted({row["label"] for row in rows})
    if len(labels) == 1:
        return alt.value(BLUE)
    shades = [GREY, RED] if len(labels) == 2 else LABEL_COLORS  # noqa: PLR2004
    legend = alt.Legend(orient="bottom", columns=2, labelLimit=150)
    return alt.Color("label:N", scale=alt.Scale(domain=labels, range=shades), title=None, legend=legend)


def _render_panel(title: str, chart: Any, height: int) -> Picture:
    return Picture(title, render_svg(chart.properties(width=0.8 * WIDTH, height=height).configure(aria=False)))
