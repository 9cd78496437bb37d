"""What a table's columns are for: key, time, group, label, features, and what is left out, each with its reason."""

import datetime as dt
import itertools
import shlex
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlteam.config.spec import Task
from mlteam.core.errors import ProjectError
from mlteam.core.sql import quote_identifier
from mlteam.onboarding import leaks
from mlteam.onboarding.columns import SourceColumn, find_column
from mlteam.onboarding.date_features import add_derived_columns, derive_date_features
from mlteam.onboarding.feature_choice import choose_features
from mlteam.onboarding.joins import JoinedTable, reject_joined
from mlteam.onboarding.plan import KEY_PATTERN, OnboardingRequest, Plan

MIN_ROWS = 60
MIN_CLASS_ROWS = 6
MAX_CLASSES = 50
MAX_INTEGER_CLASSES = 12
MAX_KEY_PARTS = 6


def plan_pipeline(
    connection: duckdb.DuckDBPyConnection,
    typed: str,
    columns: list[SourceColumn],
    wish: OnboardingRequest,
    joined: Sequence[JoinedTable] = (),
) -> Plan:
    """Decide what each column is for.

    Args:
        connection: Where the typed rows can be read.
        typed: A relation that has every column under its clean name and with its type.
        columns: What is known about them.
        wish: What the user asked for.
        joined: The tables that are joined; `columns` and `typed` have what they add.

    Raises:
        ProjectError: A column is not there, the rows are too few or of one class, or a feature gives the label away.
    """
    label = _find_role_column(columns, wish.label, "--label")
    reject_joined(label, "--label")
    rows, labelled = _fetch_row(connection, f"select count(*), count({label.name}) from {typed}")
    if labelled < MIN_ROWS:
        raise ProjectError(
            f"{labelled} rows have a label, which is too few for training", fix=f"bring {MIN_ROWS} or more"
        )
    task = _infer_task(connection, typed, wish, label)
    plan = Plan(wish, typed, columns, label, task, rows, joined=list(joined))
    _check_classes(connection, typed, plan)
    _choose_roles(connection, typed, plan)
    plan.derived = derive_date_features(connection, plan)
    plan.typed = add_derived_columns(connection, plan)
    choose_features(connection, plan)
    _reject_leaks(connection, plan)
    return plan


def _find_role_column(columns: list[SourceColumn], name: str, option: str) -> SourceColumn:
    column = find_column(columns, name, option)
    if column.kind == "other":
        raise ProjectError(
            f"{option}: {column.raw!r} is neither number, text, boolean nor date", fix="name another column"
        )
    return column


def _infer_task(
    connection: duckdb.DuckDBPyConnection, typed: str, wish: OnboardingRequest, label: SourceColumn
) -> Task:
    if wish.task in ("binary", "multiclass", "regression"):
        return wish.task  # type: ignore[return-value]
    if label.distinct == 2:  # noqa: PLR2004
        return "binary"
    if label.kind == "number" or (label.kind == "integer" and label.distinct > MAX_INTEGER_CLASSES):
        return "regression"
    if label.kind == "integer":
        # A count has few values of which the large ones are rare: these are not classes with too few rows.
        sizes = f"select count(*) as size from {typed} where {label.name} is not null group by {label.name}"
        (rarest,) = _fetch_row(connection, f"select coalesce(min(size), 0) from ({sizes})")
        return "regression" if rarest < MIN_CLASS_ROWS else "multiclass"
    return "multiclass"


def _check_classes(connection: duckdb.DuckDBPyConnection, typed: str, plan: Plan) -> None:
    label = plan.label
    if label.distinct < 2:  # noqa: PLR2004
        raise ProjectError(
            f"label {label.raw!r} has only one value", fix="name another label, or bring rows of other classes"
        )
    if plan.task == "regression":
        if label.kind not in ("integer", "number"):
            raise ProjectError(f"label {label.raw!r} is not a number", fix="leave --task out, or name another label")
        return
    if plan.task == "binary" and label.distinct != 2:  # noqa: PLR2004
        raise ProjectError(
            f"label {label.raw!r} has {label.distinct} values, binary needs 2", fix="pass --task multiclass"
        )
    if label.distinct > MAX_CLASSES:
        what = f"label {label.raw!r} has {label.distinct} classes, more than {MAX_CLASSES}"
        raise ProjectError(what, fix="merge rare classes first, or pass --task regression if it is a number")
    counts = connection.execute(
        f"select cast({label.name} as varchar), count(*) from {typed} where {label.name} is not null "
        "group by 1 order by 2, 1"
    ).fetchall()
    rarest, count = counts[0]
    if count < MIN_CLASS_ROWS:
        what = f"class {rarest!r} of {label.raw!r} has {count} row(s), too few for three splits"
        raise ProjectError(what, fix="merge rare classes first, or leave their rows out")
    if plan.task == "binary" and label.kind != "boolean":
        yes = [value for value, _ in counts if value.lower() in ("1", "1.0", "yes", "y", "true", "t")]
        plan.positive = yes[0] if len(yes) == 1 else rarest


def _choose_roles(connection: duckdb.DuckDBPyConnection, typed: str, plan: Plan) -> None:
    wish, columns = plan.request, plan.columns
    plan.group = _find_role_column(columns, wish.group, "--group") if wish.group else None
    plan.time = find_column(columns, wish.time, "--time") if wish.time else None
    if plan.time:
        reject_joined(plan.time, "--time")
    if plan.time and plan.time.kind != "date":
        what = f"--time: column {plan.time.raw!r} is {plan.time.kind}, not dates in a known format"
        raise ProjectError(what, fix="write dates as 2013-01-31")
    if plan.time and plan.time.missing and not wish.drop_undated:
        what = f"--time: {plan.time.raw!r} is missing in {plan.time.missing:,} of {plan.rows:,} rows"
        raise ProjectError(what, fix="fill in the dates, or leave these rows out with --drop-undated")
    if plan.time and not plan.group:
        plan.windows = _compute_windows(connection, typed, plan.time, plan.label)
    _choose_key(connection, typed, plan)


def _choose_key(connection: duckdb.DuckDBPyConnection, typed: str, plan: Plan) -> None:
    """Choose the unique key: the columns that were asked for, one by its name, two of them, or nothing."""
    wish = plan.request
    if wish.key:
        asked = [_find_role_column(plan.columns, name, "--key") for name in wish.key]
        for column in asked:
            reject_joined(column, "--key")
        repeated = plan.rows - _count_distinct(connection, typed, asked)
        if repeated:
            names = ", ".join(repr(column.raw) for column in asked)
            what = f"--key: {names} is missing or repeated in {repeated:,} rows"
            raise ProjectError(what, fix="name what is unique, such as --key STORE --key DAY, or leave --key out")
        plan.key, plan.key_parts = (asked[0], []) if len(asked) == 1 else (None, asked)
        return
    complete = [c for c in plan.own_columns if not c.missing and c != plan.label]
    named = [c for c in complete if KEY_PATTERN.search(c.name) and c not in (plan.time, plan.group)]
    unique = [c for c in named if c.distinct == plan.rows and c.kind in ("integer", "text")]
    if unique:
        plan.key = unique[0]
        return
    parts = [c for c in complete if c in (*named, plan.time, plan.group) and c.kind in ("integer", "text", "date")]
    for pair in itertools.combinations(parts[:MAX_KEY_PARTS], 2):
        if _count_distinct(connection, typed, pair) == plan.rows:
            plan.key_parts = list(pair)
            return
    (distinct,) = _fetch_row(connection, f"select count(*) from (select distinct * from {typed})")
    plan.repeated_rows = plan.rows - distinct


def _count_distinct(connection: duckdb.DuckDBPyConnection, typed: str, columns: Sequence[SourceColumn]) -> int:
    """Return how many different values some columns have together, in rows where none is missing."""
    names = ", ".join(column.name for column in columns)
    present = " and ".join(f"{column.name} is not null" for column in columns)
    return int(
        _fetch_row(connection, f"select count(*) from (select distinct {names} from {typed} where {present})")[0]
    )


def _compute_windows(
    connection: duckdb.DuckDBPyConnection, typed: str, time: SourceColumn, label: SourceColumn
) -> list[dt.date]:
    """Return the first days of train, validation and test (70, 15, 15 % of the labelled rows), and the end."""
    day = f"cast({time.name} as date)"
    ends = _fetch_row(
        connection,
        f"select min({day}), quantile_disc({day}, 0.7), quantile_disc({day}, 0.85), max({day}) + 1 from {typed} "
        f"where {label.name} is not null and {time.name} is not null",
    )
    days = [value.date() if isinstance(value, dt.datetime) else value for value in ends]
    if any(later <= earlier for earlier, later in itertools.pairwise(days)):
        raise ProjectError(f"--time: {time.raw!r} has too few different days for three splits", fix="leave --time out")
    return days


# Squares of the largest numbers are infinite: of these nothing can be said, and nothing is.
@np.errstate(over="ignore", invalid="ignore")
def _reject_leaks(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    wanted = ", ".join(quote_identifier(column.name) for column in (plan.label, *plan.features))
    rows = connection.sql(
        f"select {wanted} from (select * from {plan.typed} where {plan.label.name} is not null) "
        f"using sample reservoir({leaks.SAMPLE_ROWS} rows) repeatable (1)"
    ).to_arrow_table()
    targets = leaks.encode_targets(rows[plan.label.name], plan.task)
    plan.strengths = {c.name: leaks.measure_leak_strength(rows[c.name], targets) for c in plan.features}
    numbers = {c.name: pc.cast(rows[c.name], pa.float64(), safe=False).to_numpy() for c in plan.numeric}
    allowed = {find_column(plan.columns, name, "--allow-leak").name for name in plan.request.allow_leak}
    found = leaks.find_leaks(plan.strengths, numbers, targets, plan.task)
    refused = [leak for leak in found if not allowed.issuperset(leak.columns)]
    if refused:
        original = {column.name: column.raw for column in (*plan.columns, *plan.derived)}
        message = "; ".join(f"{', '.join(original[c] for c in leak.columns)}: {leak.reason}" for leak in refused)
        columns = [original[c] for leak in refused for c in leak.columns]
        drop, allow = (" ".join(f"{option} {shlex.quote(c)}" for c in columns) for option in ("--drop", "--allow-leak"))
        fix = f"known only after the event: {drop}\nknown before the event: {allow}"
        raise ProjectError(f"suspected leak of the label {plan.label.raw!r}: {message}", fix=fix)
    plan.joint_strength = leaks.measure_joint_strength([rows[c.name] for c in plan.features], targets)


def _fetch_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    (row,) = connection.execute(query).fetchall()
    return tuple(row)
