"""What `new_pipeline` says: what each column became, what was left out, what was decided, and how to change it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from mlteam.config.settings import find_line
from mlteam.core import console
from mlteam.core.paths import PIPELINES
from mlteam.onboarding import leaks
from mlteam.onboarding.columns import SourceColumn
from mlteam.onboarding.plan import Plan

TIME_PATTERN = re.compile(r"(^|_)(year|date|timestamp)$")
# Longer lists are in the pipeline file; the summary has to fit a screen.
MAX_NAMED = 12


def print_summary(plan: Plan, written: list[Path]) -> None:
    """Print the decisions, each with the option or the line that changes it, and the files."""
    name, text = plan.request.name, (PIPELINES / f"{plan.request.name}.toml").read_text(encoding="utf-8")

    def line(*keys: str) -> str:
        return f"{PIPELINES.as_posix()}/{name}.toml:{find_line(text, list(keys))}"

    used = [["label", _name_column(plan.label)], ["numeric", _list_names(plan.numeric)]]
    used += [["categorical", _list_names(plan.categorical)]]
    title = f"{name}: {plan.rows:,} rows, {len(plan.columns)} columns, {len(plan.features)} features"
    console.print_text_table(title, ["use", "columns"], [row for row in used if row[1]])
    roles = {column.name for column in (plan.label, plan.key, plan.time, plan.group) if column}
    left_out = [column for column in plan.columns if column.name in plan.exclusion_reasons.keys() - roles]
    rows = [[c.raw, plan.exclusion_reasons[c.name], _name_option(c, plan)] for c in left_out]
    if rows:
        console.print_text_table("left out", ["column", "why", "use it"], rows)
    rows = [[*row[:2], line(*row[2])] for row in _list_decisions(plan)]
    console.print_text_table("decided", ["what", "why", "change it in"], rows)
    console.print_line(f"wrote {', '.join(path.as_posix() for path in written)}")
    console.print_line(f"next: nox -s pipeline -- --pipeline {name}")


def _name_column(column: SourceColumn) -> str:
    return column.name if column.raw == column.name else f"{column.name} ({column.raw})"


def _list_names(columns: list[SourceColumn]) -> str:
    shown = ", ".join(_name_column(column) for column in columns[:MAX_NAMED])
    return f"{shown} and {len(columns) - MAX_NAMED:,} more" if len(columns) > MAX_NAMED else shown


def _name_option(column: SourceColumn, plan: Plan) -> str:
    """Return the option that makes a column a feature after all, or nothing where nothing can be learned from it."""
    reason, raw = plan.exclusion_reasons[column.name], shlex.quote(column.raw)
    if reason == "left out by --drop":
        return f"without --drop {raw}"
    if column.kind in ("date", "other") or column.distinct < 2 or "categories, more than" in reason:  # noqa: PLR2004
        return ""
    return f"--keep {raw}"


def _list_decisions(plan: Plan) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what was decided, why, and the key of the pipeline file that says so."""
    label = plan.label
    asked = (
        "asked for"
        if plan.request.task != "auto"
        else f"{label.raw} has {label.distinct:,} values of kind {label.kind}"
    )
    yield f"task {plan.task}", asked, ("task",)
    if label.missing:
        yield "rows left out", f"{label.missing:,} of {plan.rows:,} have no {label.raw}", ("data", "label")
    if plan.positive is not None:
        yield f"positive class {plan.positive}", "the probability of it is predicted", ("data", "positive")
    yield *_explain_key(plan), ("data", "key")
    for one in plan.joined:
        keys = " and ".join(left.name for left, _ in one.keys)
        yield f"{one.source.table} by {keys}", f"{one.matched:,} of {plan.rows:,} rows have one", ("data", "relation")
    yield "splits by " + _describe_split(plan), _hint_at_time(plan), ("splits", "by")
    if plan.time and plan.time.missing:
        yield "rows left out", f"{plan.time.missing:,} of {plan.rows:,} have no {plan.time.raw}", ("data", "time")
    yield from _list_warnings(plan)
    for column in plan.columns:
        if column.read_as_number:
            yield f"{column.name} is a number", column.read_as_number, ("features",)
        for token, count in column.read_as_missing:
            yield f"{column.name}: {token!r} is missing", f"in {count:,} rows", ("features",)
        if column.other_date_formats:
            yield (
                f"{column.name}: days may be months",
                f"{column.sql}; {column.other_date_formats} fits as well",
                ("features",),
            )
    for name in plan.personal:
        yield f"{name} is personal", plan.exclusion_reasons[name], ("privacy",)
    for name in plan.request.allow_leak:
        yield f"{name} gives the label away", "allowed by --allow-leak", ("data", "allowed_leaks")


def _explain_key(plan: Plan) -> tuple[str, str]:
    """Return the key, and why it is one."""
    if plan.key:
        return f"key {plan.key.name}", "asked for" if plan.request.key else "unique in all rows"
    if plan.key_parts:
        return "key row_key", f"{' and '.join(column.name for column in plan.key_parts)} are unique together"
    alike = f", {plan.repeated_rows:,} rows are like another" if plan.repeated_rows else ""
    return "key row_key", f"no column is unique in all rows{alike}"


def _list_warnings(plan: Plan) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what somebody should think about, as `_list_decisions` does."""
    if seen := [column.raw for column in plan.protected if column not in plan.hidden]:
        options = " ".join(f"--hide {shlex.quote(raw)}" for raw in seen)
        yield f"{', '.join(seen)} may be protected", f"read by the model unless {options}", ("evaluation", "protected")
    if plan.joint_strength >= leaks.JOINT_THRESHOLD:
        yield (
            f"the features say {plan.joint_strength:.1%} of the label",
            "are all of them known before it? --drop what is not",
            ("features",),
        )


def _hint_at_time(plan: Plan) -> str:
    """Return what to do if rows are in an order that the splits do not respect."""
    dates = [c for c in plan.columns if c.kind == "date" or (c.kind == "integer" and TIME_PATTERN.search(c.name))]
    if plan.time or plan.group or not dates:
        return ""
    return (
        f"if later rows are to be predicted from earlier ones, bring it again with --time {shlex.quote(dates[0].raw)}"
    )


def _describe_split(plan: Plan) -> str:
    if plan.group:
        return f"group {plan.group.name}: its rows stay in one split"
    if plan.windows:
        return f"time {plan.windows[0]} | {plan.windows[1]} | {plan.windows[2]} | {plan.windows[3]}"
    if plan.key_parts:
        return "the hash of row_key"
    if plan.key or plan.splits_by_digest:
        return f"the hash of {plan.key.name if plan.key else 'the row, so that equal rows stay together'}"
    return "the hash of row_key: most rows are like another one, so equal rows are different things"
