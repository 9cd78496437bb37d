"""Pictures of predictions whose outcome nobody knows yet."""

import altair as alt
import numpy as np

from ..metrics import Floats
from .common import BLUE, Picture, Rows, picture

BINS = 40


def spread(name: str, values: Floats) -> Picture:
    """How the predictions are spread.

    Args:
        name: What is predicted.
        values: Shape (rows,).
    """
    counts, edges = np.histogram(values, BINS)
    rows: Rows = [
        {"low": low, "high": high, "share": count / len(values)}
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]
    y = alt.Y("share:Q", title="Share of rows", axis=alt.Axis(format="%"))
    x = alt.X("low:Q", bin="binned", title=name, scale=alt.Scale(zero=False))
    return picture(name, alt.Chart(alt.InlineData(values=rows)).mark_bar(color=BLUE).encode(x=x, x2="high:Q", y=y))
