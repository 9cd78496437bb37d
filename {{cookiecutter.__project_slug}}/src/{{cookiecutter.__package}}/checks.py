"""What rows must be before a model may learn from them: one query each, in the warehouse."""

import duckdb

from . import warehouse
from .errors import ProjectError
from .spec import Spec, suggest

CLASSES = 2


def relation(connection: duckdb.DuckDBPyConnection, spec: Spec) -> None:
    """Check the relation that the spec names.

    Raises:
        ProjectError: It, or one of its columns, is not there; it holds what is known only after the event; keys
            repeat; a number is not finite; or a split has no rows, or rows of one class.
    """
    types = _columns(connection, spec)
    _columns_are_there(types, spec)
    _nothing_from_after_the_event(types, spec)
    _keys_are_unique(connection, spec)
    _numbers_are_finite(connection, spec, types)
    _splits_have_both_classes(connection, spec)


def _columns(connection: duckdb.DuckDBPyConnection, spec: Spec) -> dict[str, str]:
    schema, table = spec.data.relation.split(".")
    query = "select column_name, data_type from information_schema.columns where table_schema = ? and table_name = ?"
    found = dict(connection.execute(query, [schema, table]).fetchall())
    if not found:
        query = "select table_schema || '.' || table_name from information_schema.tables"
        known = [name for (name,) in connection.execute(query).fetchall()]
        raise _error(spec, f"the warehouse has no relation {spec.data.relation}", suggest(spec.data.relation, known))
    return found


def _error(spec: Spec, what: str, fix: str) -> ProjectError:
    return ProjectError(what, where=str(spec.path), fix=fix)


def _columns_are_there(types: dict[str, str], spec: Spec) -> None:
    data = spec.data
    for column in (data.key, data.time, data.label, *spec.features.names, *spec.evaluation.slices):
        if column not in types:
            raise _error(spec, f"{data.relation} has no column {column!r}", suggest(column, list(types)))


def _nothing_from_after_the_event(types: dict[str, str], spec: Spec) -> None:
    leaked = [column for column in spec.data.known_after_event if column in types]
    if leaked:
        what = f"{spec.data.relation} holds {', '.join(leaked)}, known only after the event"
        raise _error(spec, what, "leave the columns out of the features model in sql/models/features")


def _keys_are_unique(connection: duckdb.DuckDBPyConnection, spec: Spec) -> None:
    key, name = f'"{spec.data.key}"', spec.data.key
    query = f"select count(*), count({key}), count(distinct {key}) from {spec.data.relation}"  # noqa: S608
    rows, present, distinct = warehouse.one(connection, query)
    if rows == 0:
        raise _error(spec, f"{spec.data.relation} has no rows", "run `nox -s data`, and look at its sources")
    if present < rows:
        raise _error(spec, f"key {name} is missing in {rows - present:,} of {rows:,} rows", "mend the features model")
    if distinct < rows:
        raise _error(spec, f"key {name} repeats in {rows - distinct:,} of {rows:,} rows", "mend the features model")


def _numbers_are_finite(connection: duckdb.DuckDBPyConnection, spec: Spec, types: dict[str, str]) -> None:
    floats = [column for column in spec.features.numeric if types[column] in ("FLOAT", "DOUBLE")]
    if not floats:
        return
    counts = ", ".join(f'count(*) filter (where not isfinite("{column}"))' for column in floats)
    found = warehouse.one(connection, f"select {counts} from {spec.data.relation}")  # noqa: S608
    for column, count in zip(floats, found, strict=True):
        if count:
            raise _error(spec, f"{column} is NaN or infinite in {count:,} rows", "make it null where it is unknown")


def _splits_have_both_classes(connection: duckdb.DuckDBPyConnection, spec: Spec) -> None:
    label, time = f'"{spec.data.label}"', f'"{spec.data.time}"'
    for name in ("train", "validation", "test"):
        window = getattr(spec.splits, name)
        query = (
            f"select count(*), count({label}), count(distinct {label}) from {spec.data.relation} "  # noqa: S608
            f"where {time} >= ? and {time} < ?"
        )
        rows, labelled, classes = warehouse.one(connection, query, window.start, window.until)
        stretch = f"split {name} ({window.start} until {window.until})"
        if rows == 0:
            raise _error(spec, f"{stretch} has no rows", "change splits in the pipeline file")
        if labelled < rows:
            raise _error(
                spec, f"{stretch} has {rows - labelled:,} rows without a label", "leave them out in the features model"
            )
        if classes != CLASSES:
            raise _error(
                spec,
                f"{stretch} has {classes} class(es) of {spec.data.label}, {spec.task} needs {CLASSES}",
                "look at the label's SQL",
            )
