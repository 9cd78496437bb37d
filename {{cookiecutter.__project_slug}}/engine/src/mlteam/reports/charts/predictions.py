"""Pictures of predictions whose outcome nobody knows yet."""

import altair as alt
import numpy as np

from mlteam.data.features import Floats
from mlteam.reports.charts.common import BLUE, ChartRows, Picture, render_picture

PREDICTION_BINS = 40


def draw_prediction_distribution(name: str, values: Floats) -> Picture:
    """Return how the predictions are spread.

    Args:
        name: What is predicted.
        values: Shape (rows,).
    """
    counts, edges = np.histogram(values, PREDICTION_BINS)
    rows: ChartRows = [
        {"low": low, "high": high, "share": count / len(values)}
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]
    y = alt.Y("share:Q", title="Share of rows", axis=alt.Axis(format="%"))
    x = alt.X("low:Q", bin="binned", title=name, scale=alt.Scale(zero=False))
    return render_picture(
        name, alt.Chart(alt.InlineData(values=rows)).mark_bar(color=BLUE).encode(x=x, x2="high:Q", y=y)
    )
