"""Pictures of where a model is wrong."""

import altair as alt
import numpy as np

from mlteam.data.features import Floats
from mlteam.reports.charts.common import (
    BLUE,
    DASH,
    GREY,
    WIDTH,
    ChartRows,
    Picture,
    draw_dashed_line,
    render_picture,
    render_svg,
)

MAX_CURVE_POINTS = 100


def draw_slice_losses(rows: ChartRows, overall: float, unit: str) -> str:
    """Mean loss of each slice with its interval; the dashed rule is the mean of all rows.

    Args:
        rows: Each with a name, mean, low and high.
        overall: The mean of all rows.
        unit: What is lost.
    """
    data = alt.InlineData(values=rows)
    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=420))
    base = alt.Chart(data).encode(y=y)
    scale = alt.Scale(zero=False)
    bars = base.mark_rule(color=BLUE).encode(x=alt.X("low:Q", title=f"Mean {unit}", scale=scale), x2="high:Q")
    dots = base.mark_point(filled=True, color=BLUE, size=40).encode(x="mean:Q")
    whole = alt.Chart(data).mark_rule(color=GREY, strokeDash=DASH).encode(x=alt.datum(overall))
    return render_svg((whole + bars + dots).properties(width=1.5 * WIDTH, height=alt.Step(18)).configure(aria=False))


def draw_loss_concentration(loss: Floats, unit: str) -> Picture:
    """Return how much of all loss the worst rows hold; on the dashed line all rows would lose the same.

    Args:
        loss: Of each row, shape (rows,).
        unit: What is lost.
    """
    summed = np.cumsum(np.sort(loss)[::-1])
    at = np.unique(np.linspace(0, len(loss) - 1, MAX_CURVE_POINTS).astype(int))
    shares = summed[at] / max(float(summed[-1]), 1e-12)
    rows = [{"x": 0.0, "y": 0.0}, *({"x": (i + 1) / len(loss), "y": float(s)} for i, s in zip(at, shares, strict=True))]
    x = alt.X("x:Q", title="Share of rows, the worst first", axis=alt.Axis(format="%"))
    y = alt.Y("y:Q", title=f"Share of all {unit}", axis=alt.Axis(format="%"))
    line = alt.Chart(alt.InlineData(values=rows)).mark_line(color=BLUE).encode(x=x, y=y)
    return render_picture(
        "How few rows hold the loss", (draw_dashed_line([(0, 0), (1, 1)]) + line).configure(aria=False)
    )
