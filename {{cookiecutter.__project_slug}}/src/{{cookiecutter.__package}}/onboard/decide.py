"""What a table's columns are for: key, time, group, label, features, and what is left out, each with its reason."""

import datetime as dt
import itertools
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .. import privacy
from ..errors import ProjectError
from ..privacy import Privacy, quoted
from ..settings import suggest
from ..spec import Task
from . import leaks
from .columns import Column

FEWEST_ROWS = 60
FEWEST_OF_A_CLASS = 6
MOST_CLASSES = 50
MOST_INTEGER_CLASSES = 12
MOST_CATEGORIES = 1_000
LONG_TEXT = 40
SAMPLE = 100_000
KEY = re.compile(r"(^|_)(id|key|uuid|number|nr|no|code|index)$")


@dataclass(frozen=True)
class Wish:
    """What the user asked for, in the words of the command line; None where nothing was said."""

    name: str
    label: str
    time: str | None = None
    group: str | None = None
    key: str | None = None
    task: str = "auto"
    drop: tuple[str, ...] = ()
    allow_leak: tuple[str, ...] = ()


@dataclass
class Plan:
    """The decisions; `left_out` gives the reason for each column that is no feature."""

    wish: Wish
    columns: list[Column]
    label: Column
    task: Task
    rows: int
    key: Column | None = None
    time: Column | None = None
    group: Column | None = None
    positive: str | None = None
    windows: list[dt.date] = field(default_factory=list)
    repeated_rows: int = 0
    categorical: list[Column] = field(default_factory=list)
    numeric: list[Column] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    strengths: dict[str, float] = field(default_factory=dict)
    personal: list[str] = field(default_factory=list)

    @property
    def features(self) -> list[Column]:
        """Categorical features first, as in the pipeline file."""
        return self.categorical + self.numeric


def decide(connection: duckdb.DuckDBPyConnection, typed: str, columns: list[Column], wish: Wish) -> Plan:
    """Decide what each column is for.

    Args:
        connection: Where the typed rows can be read.
        typed: A relation that has every column under its clean name and with its type.
        columns: What is known about them.
        wish: What the user asked for.

    Raises:
        ProjectError: A column is not there, the rows are too few or of one class, or a feature gives the label away.
    """
    label = _role(columns, wish.label, "--label")
    rows, labelled = _one(connection, f"select count(*), count({label.name}) from {typed}")
    if labelled < FEWEST_ROWS:
        raise ProjectError(
            f"{labelled} rows have a label, which is too few to learn from", fix=f"bring {FEWEST_ROWS} or more"
        )
    plan = Plan(wish, columns, label, _task(wish, label), rows)
    _check_classes(connection, typed, plan)
    _choose_roles(connection, typed, plan)
    _choose_features(connection, typed, plan)
    _refuse_leaks(connection, typed, plan)
    return plan


def find(columns: list[Column], name: str, option: str) -> Column:
    """The column called so, by its original or its clean name."""
    for column in columns:
        if name in (column.raw, column.name):
            return column
    same = [column for column in columns if column.raw.lower() == name.lower()]
    if len(same) == 1:
        return same[0]
    raise ProjectError(f"{option}: the table has no column {name!r}", fix=suggest(name, [c.raw for c in columns]))


def _role(columns: list[Column], name: str, option: str) -> Column:
    column = find(columns, name, option)
    if column.kind == "other":
        raise ProjectError(
            f"{option}: {column.raw!r} is neither number, text, boolean nor date", fix="name another column"
        )
    return column


def _task(wish: Wish, label: Column) -> Task:
    if wish.task in ("binary", "multiclass", "regression"):
        return wish.task  # type: ignore[return-value]
    if label.distinct == 2:  # noqa: PLR2004
        return "binary"
    if label.kind == "number" or (label.kind == "integer" and label.distinct > MOST_INTEGER_CLASSES):
        return "regression"
    return "multiclass"


def _check_classes(connection: duckdb.DuckDBPyConnection, typed: str, plan: Plan) -> None:
    label = plan.label
    if label.distinct < 2:  # noqa: PLR2004
        raise ProjectError(
            f"label {label.raw!r} has only one value", fix="name another label, or bring rows of other classes"
        )
    if plan.task == "regression":
        if label.kind not in ("integer", "number"):
            raise ProjectError(f"label {label.raw!r} is no number", fix="leave --task out, or name another label")
        return
    if plan.task == "binary" and label.distinct != 2:  # noqa: PLR2004
        raise ProjectError(
            f"label {label.raw!r} has {label.distinct} values, binary needs 2", fix="say --task multiclass"
        )
    if label.distinct > MOST_CLASSES:
        what = f"label {label.raw!r} has {label.distinct} classes, more than {MOST_CLASSES}"
        raise ProjectError(what, fix="merge rare classes first, or say --task regression if it is a number")
    counts = connection.execute(
        f"select cast({label.name} as varchar), count(*) from {typed} where {label.name} is not null "
        "group by 1 order by 2, 1"
    ).fetchall()
    rarest, count = counts[0]
    if count < FEWEST_OF_A_CLASS:
        what = f"class {rarest!r} of {label.raw!r} has {count} row(s), too few for three splits"
        raise ProjectError(what, fix="merge rare classes first, or leave their rows out")
    if plan.task == "binary" and label.kind != "boolean":
        yes = [value for value, _ in counts if value.lower() in ("1", "1.0", "yes", "y", "true", "t")]
        plan.positive = yes[0] if len(yes) == 1 else rarest


def _choose_roles(connection: duckdb.DuckDBPyConnection, typed: str, plan: Plan) -> None:
    wish, columns = plan.wish, plan.columns
    plan.group = _role(columns, wish.group, "--group") if wish.group else None
    plan.time = find(columns, wish.time, "--time") if wish.time else None
    if plan.time and plan.time.kind != "date":
        what = f"--time: column {plan.time.raw!r} holds {plan.time.kind}, no dates in a form that is known"
        raise ProjectError(what, fix="write dates as 2013-01-31")
    if plan.time and plan.time.missing:
        raise ProjectError(
            f"--time: {plan.time.raw!r} is missing in {plan.time.missing:,} rows", fix="fill the dates in"
        )
    if plan.time and not plan.group:
        plan.windows = _windows(connection, typed, plan.time, plan.label)
    if wish.key:
        plan.key = _role(columns, wish.key, "--key")
        if plan.key.missing or plan.key.distinct < plan.rows:
            what = f"--key: {plan.key.raw!r} is missing or repeated in {plan.rows - plan.key.distinct:,} rows"
            raise ProjectError(what, fix="name a column that tells rows apart, or leave --key out")
        return
    taken = {plan.label.name, *(column.name for column in (plan.time, plan.group) if column)}
    named = [
        c for c in columns if KEY.search(c.name) and not c.missing and c.distinct == plan.rows and c.name not in taken
    ]
    plan.key = next((column for column in named if column.kind in ("integer", "text")), None)
    if plan.key is None:
        (distinct,) = _one(connection, f"select count(*) from (select distinct * from {typed})")
        plan.repeated_rows = plan.rows - distinct


def _windows(connection: duckdb.DuckDBPyConnection, typed: str, time: Column, label: Column) -> list[dt.date]:
    """The first days of train, validation and test (70, 15, 15 % of the labelled rows), and the day after the last."""
    day = f"cast({time.name} as date)"
    ends = _one(
        connection,
        f"select min({day}), quantile_disc({day}, 0.7), quantile_disc({day}, 0.85), max({day}) + 1 from {typed} "
        f"where {label.name} is not null",
    )
    days = [value.date() if isinstance(value, dt.datetime) else value for value in ends]
    if any(later <= earlier for earlier, later in itertools.pairwise(days)):
        raise ProjectError(f"--time: {time.raw!r} has too few different days for three splits", fix="leave --time out")
    return days


def _choose_features(connection: duckdb.DuckDBPyConnection, typed: str, plan: Plan) -> None:
    dropped = {find(plan.columns, name, "--drop").name for name in plan.wish.drop}
    roles = {plan.label.name: "the label", **{c.name: "the key" for c in (plan.key,) if c}}
    roles |= {c.name: "splits the rows by time" for c in (plan.time,) if c}
    roles |= {c.name: "keeps rows together in one split" for c in (plan.group,) if c}
    suspicions = {found.column: found.looks_like for found in privacy.scan(connection, typed, Privacy())}
    raw = {column.raw: column.name for column in plan.columns}
    suspicions |= {raw[c]: kind for c in raw if (kind := privacy.looks_personal(c)) and raw[c] not in suspicions}
    for column in plan.columns:
        if column.name in roles:
            plan.left_out[column.name] = roles[column.name]
        elif column.name in dropped:
            plan.left_out[column.name] = "left out by --drop"
        elif column.name in suspicions:
            plan.left_out[column.name] = f"looks like {suspicions[column.name]}"
            plan.personal.append(column.name)
        elif reason := _useless(column, plan):
            plan.left_out[column.name] = reason
        elif column.kind in ("integer", "number"):
            plan.numeric.append(column)
        else:
            plan.categorical.append(column)
    if not plan.features:
        raise ProjectError("no column is left to learn from", fix="bring columns that say something about the label")


def _useless(column: Column, plan: Plan) -> str:
    """Why nothing can be learned from a column, or nothing."""
    present = plan.rows - column.missing
    if column.kind == "other":
        return "is neither number, text, boolean nor date"
    if column.distinct < 2:  # noqa: PLR2004
        return "has the same value in all rows" if column.distinct else "is empty"
    if column.kind == "date":
        return "is a date: say --time if it orders the rows"
    if column.kind == "integer" and column.distinct == plan.rows and KEY.search(column.name):
        return "tells rows apart"
    if (
        column.kind == "integer"
        and column.distinct == plan.rows
        and re.match(r"(column_\d+|unnamed\w*|index\w*)$", column.name)
    ):
        return "numbers the rows"
    if column.kind == "text" and column.length > LONG_TEXT:
        return f"is free text, {column.length:.0f} characters on average"
    if column.kind == "text" and column.distinct > present / 2:
        numbers = "; numbers in a notation that is not read? cast them in the staging model" if column.notation else ""
        return f"has {column.distinct:,} different texts in {present:,} rows{numbers}"
    if column.kind == "text" and column.distinct > MOST_CATEGORIES:
        return f"has {column.distinct:,} categories, more than {MOST_CATEGORIES:,}"
    return ""


# Squares of the largest numbers are infinite: of these nothing can be said, and nothing is.
@np.errstate(over="ignore", invalid="ignore")
def _refuse_leaks(connection: duckdb.DuckDBPyConnection, typed: str, plan: Plan) -> None:
    wanted = ", ".join(quoted(column.name) for column in (plan.label, *plan.features))
    rows = connection.sql(
        f"select {wanted} from (select * from {typed} where {plan.label.name} is not null) "
        f"using sample reservoir({SAMPLE} rows) repeatable (1)"
    ).to_arrow_table()
    targets = _targets(rows[plan.label.name], plan.task)
    plan.strengths = {c.name: leaks.strength(rows[c.name], targets) for c in plan.features}
    whole = [column for column in plan.numeric if not rows[column.name].null_count]
    numbers = {c.name: pc.cast(rows[c.name], pa.float64(), safe=False).to_numpy() for c in whole}
    allowed = {find(plan.columns, name, "--allow-leak").name for name in plan.wish.allow_leak}
    found = leaks.suspect(plan.strengths, numbers, targets, plan.task)
    refused = [leak for leak in found if not allowed.issuperset(leak.columns)]
    if refused:
        original = {column.name: column.raw for column in plan.columns}
        said = "; ".join(f"{', '.join(original[c] for c in leak.columns)}: {leak.why}" for leak in refused)
        columns = [original[c] for leak in refused for c in leak.columns]
        drop, allow = (" ".join(f"{option} {shlex.quote(c)}" for c in columns) for option in ("--drop", "--allow-leak"))
        fix = f"known only after the event: {drop}\nreally known before: {allow}"
        raise ProjectError(f"suspected leak of the label {plan.label.raw!r}: {said}", fix=fix)


def _targets(label: pa.ChunkedArray, task: Task) -> leaks.Array:
    if task == "regression":
        numbers: leaks.Array = pc.cast(label, pa.float64(), safe=False).to_numpy()
        return numbers[:, None]
    codes: NDArray[np.int64] = pc.dictionary_encode(pc.cast(label, pa.string())).combine_chunks().indices.to_numpy()
    return np.eye(int(codes.max()) + 1)[codes]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


def slices(plan: Plan) -> list[str]:
    """Up to three features of few values, by which a model is judged apart."""
    few: Iterable[Column] = (c for c in plan.features if 2 <= c.distinct <= 12)  # noqa: PLR2004
    return [column.name for column in sorted(few, key=lambda c: -plan.strengths.get(c.name, 0))[:3]]
