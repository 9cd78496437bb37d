"""Every run of monitoring over time, on one page."""

import dataclasses
import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt

from mlteam.config.spec import Spec
from mlteam.core.files import write_atomically
from mlteam.core.paths import MONITORING
from mlteam.monitoring.findings import Finding
from mlteam.reports import page
from mlteam.reports.charts.common import BLUE, DASH, GREY, RED, Picture, render_picture

MAX_RUNS = 400
MAX_SUBJECTS = 6
COLORS = [BLUE, RED, GREY, "#4d7c0f", "#7e22ce", "#eab308"]
DATE = alt.X("at:T", title=None, axis=alt.Axis(format="%-d %b %H:%M", labelAngle=-30))
OWN = alt.Scale(zero=False)
WHO = alt.Color("who:N", title=None, scale=alt.Scale(domain=["served", "at training"], range=[BLUE, GREY]))


def write_monitoring_page(spec: Spec, version: int, findings: Sequence[Finding], now: dt.datetime) -> Path:
    """Add a run to the history and draw it; the page."""
    history = MONITORING / spec.name / "history.jsonl"
    run = {"at": now.isoformat(), "version": version, "findings": [dataclasses.asdict(found) for found in findings]}
    runs = [*_read_history(history), run][-MAX_RUNS:]
    with write_atomically(history) as part:
        part.write_text("".join(json.dumps(one) + "\n" for one in runs), encoding="utf-8")
    target = page.choose_page_path(spec.name, "monitoring")
    shown = sorted(findings, key=lambda found: ("wrong", "unknown", "ok").index(found.state))
    return page.write_page(
        target,
        "monitoring",
        spec=spec,
        version=version,
        findings=shown,
        runs=runs,
        pictures=[*_draw_quality(runs), *_draw_checks(runs)],
        now=now,
    )


def _read_history(history: Path) -> list[dict[str, Any]]:
    if not history.exists():
        return []
    runs = []
    for line in history.read_text(encoding="utf-8").splitlines():
        try:
            runs.append(json.loads(line))
        except ValueError:
            continue
    return runs


def _draw_quality(runs: list[dict[str, Any]]) -> list[Picture]:
    """Return the quality of what was served at each run, with its interval, beside that at training."""
    points = [
        {"at": run["at"], "who": who, "subject": found["subject"], **estimate}
        for run in runs
        for found in run["findings"]
        for who, estimate in zip(("served", "at training"), found.get("estimates") or (), strict=False)
    ]
    if not points:
        return []
    base = alt.Chart(alt.InlineData(values=points)).encode(x=DATE, color=WHO)
    band = base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q", title=points[0]["subject"], scale=OWN), y2="high:Q")
    line = base.mark_line(point=True).encode(y=alt.Y("value:Q", scale=OWN))
    return [render_picture("quality of what was served", band + line)]


def _draw_checks(runs: list[dict[str, Any]]) -> list[Picture]:
    """Return each check over time, its largest subjects as shares of their limit."""
    points: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        for found in run["findings"]:
            if found["value"] is not None and found["limit"]:
                share = found["value"] / found["limit"]
                points.setdefault(found["check"], []).append(
                    {"at": run["at"], "subject": found["subject"], "share": share}
                )
    return [render_picture(check.replace("_", " "), _draw_over_time(rows)) for check, rows in points.items()]


def _draw_over_time(rows: list[dict[str, Any]]) -> Any:
    largest: dict[str, float] = {}
    for row in rows:
        largest[row["subject"]] = max(row["share"], largest.get(row["subject"], 0))
    named = sorted(largest, key=lambda subject: -largest[subject])[:MAX_SUBJECTS]
    values = [row for row in rows if row["subject"] in named]
    y = alt.Y("share:Q", title="share of the limit", scale=alt.Scale(domainMin=0))
    color = alt.Color("subject:N", title=None, sort=named, scale=alt.Scale(domain=named, range=COLORS[: len(named)]))
    base = alt.Chart(alt.InlineData(values=values)).mark_line(point=True)
    lines = base.encode(x=DATE, y=y, color=color)
    limit = alt.Chart(alt.InlineData(values=[{"share": 1}])).mark_rule(color=RED, strokeDash=DASH).encode(y="share:Q")
    return limit + lines
