"""What rows must be before a model may learn from them: one query each, in the warehouse."""

from typing import get_args

import duckdb

from mlteam.config.spec import Spec
from mlteam.config.splits import HashSplits, MovingSplits, Split
from mlteam.core import sql
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.sql import quote_identifier
from mlteam.data.splits import build_split_condition, describe_dataset, fix_windows

BINARY_CLASSES = 2


def check_relation(connection: duckdb.DuckDBPyConnection, spec: Spec) -> None:
    """Check the relation that the spec names.

    Raises:
        ProjectError: It, or one of its columns, is not there; it holds what is known only after the event; keys
            repeat; a number is not finite; or a split has no rows, or no labels that something can be learned from.
    """
    types = _read_relation_columns(connection, spec)
    _check_columns_exist(types, spec)
    _check_no_post_event_columns(types, spec)
    _check_keys_unique(connection, spec)
    _check_numbers_finite(connection, spec, types)
    _check_labels(connection, _fix_windows(connection, spec), types)


def _fix_windows(connection: duckdb.DuckDBPyConnection, spec: Spec) -> Spec:
    if not isinstance(spec.splits, MovingSplits):
        return spec
    day = f"cast({quote_identifier(spec.data.time or '')} as date)"
    return fix_windows(spec, *sql.fetch_one(connection, f"select min({day}), max({day}) from {spec.data.relation}"))


def _read_relation_columns(connection: duckdb.DuckDBPyConnection, spec: Spec) -> dict[str, str]:
    schema, table = spec.data.relation.split(".")
    query = "select column_name, data_type from information_schema.columns where table_schema = ? and table_name = ?"
    found = dict(connection.execute(query, [schema, table]).fetchall())
    if not found:
        query = "select table_schema || '.' || table_name from information_schema.tables"
        known = [name for (name,) in connection.execute(query).fetchall()]
        raise _make_spec_error(
            spec, f"the warehouse has no relation {spec.data.relation}", suggest(spec.data.relation, known)
        )
    return found


def _make_spec_error(spec: Spec, what: str, fix: str) -> ProjectError:
    return ProjectError(what, where=str(spec.path), fix=fix)


def _check_columns_exist(types: dict[str, str], spec: Spec) -> None:
    data = spec.data
    split = (spec.splits.column,) if isinstance(spec.splits, HashSplits) else ()
    for column in (
        data.key,
        data.time,
        data.label,
        *split,
        *spec.features.names,
        *spec.evaluation.slices,
        *spec.evaluation.protected,
    ):
        if column is not None and column not in types:
            raise _make_spec_error(spec, f"{data.relation} has no column {column!r}", suggest(column, list(types)))


def _check_no_post_event_columns(types: dict[str, str], spec: Spec) -> None:
    leaked = [column for column in spec.data.known_after_event if column in types]
    if leaked:
        what = f"{spec.data.relation} contains {', '.join(leaked)}, known only after the event"
        raise _make_spec_error(spec, what, "leave the columns out of the features model in sql/models/features")


def _check_keys_unique(connection: duckdb.DuckDBPyConnection, spec: Spec) -> None:
    key, name = quote_identifier(spec.data.key), spec.data.key
    query = f"select count(*), count({key}), count(distinct {key}) from {spec.data.relation}"
    rows, present, distinct = sql.fetch_one(connection, query)
    if rows == 0:
        raise _make_spec_error(spec, f"{spec.data.relation} has no rows", "run `nox -s data`, and look at its sources")
    if present < rows:
        raise _make_spec_error(
            spec, f"key {name} is missing in {rows - present:,} of {rows:,} rows", "fix the features model"
        )
    if distinct < rows:
        raise _make_spec_error(
            spec, f"key {name} repeats in {rows - distinct:,} of {rows:,} rows", "fix the features model"
        )


def _check_numbers_finite(connection: duckdb.DuckDBPyConnection, spec: Spec, types: dict[str, str]) -> None:
    floats = [column for column in spec.features.numeric if types[column] in ("FLOAT", "DOUBLE")]
    if not floats:
        return
    counts = ", ".join(f"count(*) filter (where not isfinite({quote_identifier(column)}))" for column in floats)
    found = sql.fetch_one(connection, f"select {counts} from {spec.data.relation}")
    for column, count in zip(floats, found, strict=True):
        if count:
            raise _make_spec_error(
                spec, f"{column} is NaN or infinite in {count:,} rows", "make it null where it is unknown"
            )


def _check_labels(connection: duckdb.DuckDBPyConnection, spec: Spec, types: dict[str, str]) -> None:
    if spec.task == "regression" and types[spec.data.label] in ("VARCHAR", "BOOLEAN", "DATE"):
        what = f"label {spec.data.label} is {types[spec.data.label]}, regression needs a number"
        raise _make_spec_error(spec, what, "cast it in SQL, or change task")
    learned: set[str] = set()
    for split in get_args(Split):
        labels = _collect_labels(connection, spec, split)
        where = f"split {describe_dataset(spec, split)}"
        learned = learned or labels
        if spec.task == "binary" and len(labels) != BINARY_CLASSES:
            raise _make_spec_error(
                spec,
                f"{where} has {len(labels)} class(es) of {spec.data.label}, binary needs 2",
                "look at the label's SQL",
            )
        if len(learned) < BINARY_CLASSES:
            raise _make_spec_error(spec, f"{where} has only one value of {spec.data.label}", "look at the label's SQL")
        if spec.task != "regression" and labels - learned:
            few = ", ".join(sorted(labels - learned)[:3])
            raise _make_spec_error(
                spec, f"{where} has {spec.data.label} {few}, which no training row has", "merge rare classes in SQL"
            )


def _collect_labels(connection: duckdb.DuckDBPyConnection, spec: Spec, split: Split) -> set[str]:
    """Return the labels of a split as text; of a number, the least and the greatest are enough."""
    label, where = (
        quote_identifier(spec.data.label),
        f"from {spec.data.relation} where {build_split_condition(spec, split)}",
    )
    rows, labelled = sql.fetch_one(connection, f"select count(*), count({label}) {where}")
    if rows == 0:
        raise _make_spec_error(
            spec, f"split {describe_dataset(spec, split)} has no rows", "change splits in the pipeline file"
        )
    if labelled < rows:
        what = f"split {describe_dataset(spec, split)} has {rows - labelled:,} rows without a label"
        raise _make_spec_error(spec, what, "leave them out in the features model")
    if spec.task == "regression":
        query = (
            f"select count(*) filter (where not isfinite(cast({label} as double))), min({label}), max({label}) {where}"
        )
        broken, *ends = sql.fetch_one(connection, query)
        if broken:
            raise _make_spec_error(
                spec, f"{spec.data.label} is NaN or infinite in {broken:,} rows", "leave them out in the features model"
            )
        return set(map(str, ends))
    found = connection.execute(f"select distinct cast({label} as varchar) {where}").fetchall()
    return {str(value) for (value,) in found}
