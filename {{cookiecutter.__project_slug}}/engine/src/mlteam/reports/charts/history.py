"""Charts of evaluations over versions."""

from typing import Any

import altair as alt

from mlteam.analysis.history import Records
from mlteam.reports.charts.common import BLUE

AXIS = alt.Axis(labelAngle=0)


def draw_metric_by_version(rows: Records) -> Any:
    """Return a metric of each version with its interval; a repeated evaluation is drawn beside the first."""
    values = [{key: row[key] for key in ("version", "value", "low", "high")} for row in rows]
    base = alt.Chart(alt.InlineData(values=values)).encode(x=alt.X("version:O", title="Version", axis=AXIS))
    bars = base.mark_rule(color=BLUE).encode(
        y=alt.Y("low:Q", title=rows[0]["metric"], scale=alt.Scale(zero=False)), y2="high:Q"
    )
    return bars + base.mark_point(filled=True, color=BLUE, size=40).encode(y="value:Q")
