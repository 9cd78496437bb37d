"""Which columns a model may learn from, and why it may not learn from the others."""

import re

import duckdb

from mlteam.config.privacy import Privacy
from mlteam.core import personal
from mlteam.core.errors import ProjectError
from mlteam.data import anonymity
from mlteam.onboarding.columns import SourceColumn, find_column
from mlteam.onboarding.plan import KEY_PATTERN, Plan

MAX_FEATURE_CATEGORIES = 10_000
# Of several classes, categories have no mean that could stand for them.
MAX_CLASS_CATEGORIES = 1_000
# Of fewer things each has enough rows to be a category.
MAX_KNOWN_THINGS = 50
FREE_TEXT_LENGTH = 40
ID_PATTERN = re.compile(r"(^|_)(id|uuid|guid|key)$")
COUNTER_PATTERN = re.compile(r"(column_?\d+|unnamed\w*|index\w*|rownames|obs)$")


def choose_features(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Sort the columns into features and others, each of these with its reason.

    Args:
        connection: Where the typed rows can be read.
        plan: What was decided before; features and reasons are added to it.

    Raises:
        ProjectError: No feature is left, or an option names a column that is not there.
    """
    dropped = {find_column(plan.columns, name, "--drop").name for name in plan.request.drop}
    hidden = {find_column(plan.columns, name, "--hide").name for name in plan.request.hide}
    kept = {find_column(plan.columns, name, "--keep").name for name in plan.request.keep}
    roles = {plan.label.name: "the label", **{c.name: "the key" for c in (plan.key,) if c}}
    roles |= {c.name: "splits the rows by time" for c in (plan.time,) if c}
    roles |= {c.name: "keeps rows together in one split" for c in (plan.group,) if c}
    suspicions = _find_personal_columns(connection, plan)
    merged = _find_merged_numbers(connection, plan)
    for column in plan.columns:
        if column.name in roles:
            plan.exclusion_reasons[column.name] = roles[column.name]
        elif column.name in dropped:
            plan.exclusion_reasons[column.name] = "left out by --drop"
        elif column.name in hidden:
            compared = column.kind not in ("date", "other")
            also = "; the report compares its groups" if compared else ""
            plan.exclusion_reasons[column.name] = f"hidden from the model by --hide{also}"
            plan.hidden += [column] if compared else []
            plan.protected += [column] if compared else []
        elif column.name in suspicions and column.name not in kept:
            plan.exclusion_reasons[column.name] = f"looks like {suspicions[column.name]}"
            plan.personal.append(column.name)
        elif reason := _explain_useless(column, plan) or (
            "" if column.name in kept else _explain_exclusion(column, plan, merged)
        ):
            plan.exclusion_reasons[column.name] = reason
        else:
            plan.not_personal += [column.name] if column.name in suspicions else []
            plan.protected += [column] if personal.is_protected(column.raw) else []
            (plan.numeric if column.kind in ("integer", "number") else plan.categorical).append(column)
    # What must not be shown is not shown in parts either.
    secret = {*plan.personal, *hidden}
    plan.derived = [derived for derived in plan.derived if derived.raw not in secret]
    plan.not_personal += [d.name for d in plan.derived if d.raw in suspicions]
    plan.numeric += plan.derived
    if not plan.features:
        raise ProjectError("no usable feature columns", fix="add columns that are related to the label")


def _find_personal_columns(connection: duckdb.DuckDBPyConnection, plan: Plan) -> dict[str, str]:
    """Return what each column looks like that looks personal, by its name."""
    looking = anonymity.find_personal_columns(connection, plan.typed, Privacy())
    found = {suspicion.column: suspicion.looks_like for suspicion in looking}
    for column in plan.columns:
        kind = personal.detect_personal_kind(column.raw)
        if kind and column.name not in found and not personal.detect_personal_kind(column.name):
            found[column.name] = kind  # the clean name no longer says it
    return found


def _find_merged_numbers(connection: duckdb.DuckDBPyConnection, plan: Plan) -> set[str]:
    """Return the integers of which some are different and become one in single precision, as models read them."""
    names = [column.name for column in plan.columns if column.kind == "integer" and column.distinct > 1]
    if not names:
        return set()
    tests = ", ".join(f"count(distinct {name}) > count(distinct cast({name} as real))" for name in names)
    (merged,) = connection.execute(f"select {tests} from {plan.typed}").fetchall()
    return {name for name, lost in zip(names, merged, strict=True) if lost}


def _explain_useless(column: SourceColumn, plan: Plan) -> str:
    """Return why no model could learn from a column, or nothing."""
    present = plan.rows - column.missing
    if column.kind == "other":
        return "is neither number, text, boolean nor date"
    if column.distinct < 2:  # noqa: PLR2004
        if not column.distinct:
            return "is empty"
        return "has the same value in all rows" + (" that have one" if column.missing else "")
    if column.kind == "date":
        if made := [derived.name for derived in plan.derived if derived.raw == column.name]:
            return f"is a date: {', '.join(made)} made of it"
        late = f"it lies after {plan.time.raw} in some rows, or " if plan.time else ""
        return f"is a date: nothing made of it, since {late}hardly any part of it varies"
    most = MAX_CLASS_CATEGORIES if plan.task == "multiclass" else MAX_FEATURE_CATEGORIES
    if column.kind == "text" and column.distinct > most and column.distinct <= present / 2:
        return f"has {column.distinct:,} categories, more than {most:,}"
    return ""


def _explain_exclusion(column: SourceColumn, plan: Plan, merged: set[str]) -> str:
    """Return why a column should not be a feature unless the user says so, or nothing."""
    present = plan.rows - column.missing
    if joined := [one.source.table for one in plan.joined for left, _ in one.keys if left.name == column.name]:
        return f"finds the row of {joined[0]}"
    if column.kind == "integer" and column.distinct == plan.rows and KEY_PATTERN.search(column.name):
        return "unique key"
    if column.kind == "integer" and column.distinct == plan.rows and COUNTER_PATTERN.match(column.name):
        return "numbers the rows"
    if ID_PATTERN.search(column.name) and column.distinct > MAX_KNOWN_THINGS and column.kind != "boolean":
        together = "" if plan.group else f"; --group {column.raw} keeps the rows of each together"
        return f"identifies {column.distinct:,} things{together}"
    if column.name in merged:
        return "has integers so long that models take some for the same number"
    if column.kind == "text" and column.length > FREE_TEXT_LENGTH:
        return f"is free text, {column.length:.0f} characters on average"
    if column.kind == "text" and column.distinct > present / 2:
        numbers = "; numbers in a notation that is not read? cast them in the staging model" if column.notation else ""
        return f"has {column.distinct:,} different texts in {present:,} rows{numbers}"
    return ""
