"""Rows of files, typed as a model needs them."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.sql import connect_duckdb
from mlteam.data.features import Schema
from mlteam.data.table_files import make_empty_error, open_table_file, read_table_file

MAX_FLOAT32 = float(np.finfo(np.float32).max)


def read_file_rows(schema: Schema, path: Path) -> pa.Table:
    """Return the rows of a CSV or Parquet file, its features typed as the model needs them.

    Raises:
        ProjectError: The file cannot be read, or a feature has no column or holds what the model cannot take.
    """
    return convert_features(schema, read_table_file(path), str(path))


def stream_file_rows(schema: Schema, path: Path, where: str | None) -> Iterator[pa.Table]:
    """Yield the rows of a file in batches, features typed as the model needs them; no more is in memory.

    Args:
        schema: The model's features.
        path: A CSV or Parquet file.
        where: SQL that chooses among the rows.

    Raises:
        ProjectError: The file cannot be read, has no rows or none that `where` selects, or a feature has no column or
            holds what the model cannot take.
    """
    read = selected = 0
    with open_table_file(path) as reader:
        for batch in reader:
            rows = convert_features(schema, pa.Table.from_batches([batch]), str(path))
            read += rows.num_rows
            rows = _select_rows(rows, where, path) if where else rows
            selected += rows.num_rows
            if rows.num_rows:
                yield rows
    if not selected:
        raise make_no_row_error(path) if read else make_empty_error(path)


def convert_features(schema: Schema, rows: pa.Table, where: str) -> pa.Table:
    """Return the rows with features typed as the model needs them; further columns stay as they are.

    Args:
        schema: The model's features.
        rows: Has a column for each feature.
        where: Where the rows come from, for messages.

    Raises:
        ProjectError: A feature has no column, or holds what the model cannot take.
    """
    for feature in schema.features:
        column = _get_column(rows, feature.name, where)
        typed = (_convert_to_numbers if feature.kind == "numeric" else _convert_to_text)(column, feature.name, where)
        rows = rows.set_column(rows.column_names.index(feature.name), feature.name, typed)
    return rows


def filter_rows(rows: pa.Table, where: str, path: Path) -> pa.Table:
    """Return the rows of a file that SQL chooses.

    Raises:
        ProjectError: It is not SQL over the columns, or selects no row.
    """
    left = _select_rows(rows, where, path)
    if left.num_rows == 0:
        raise make_no_row_error(path)
    return left


def make_no_row_error(path: Path) -> ProjectError:
    """Return the error of a selection that is empty."""
    return ProjectError("--where selects no row", where=str(path), fix="change what it selects")


def _select_rows(rows: pa.Table, where: str, path: Path) -> pa.Table:
    try:
        with connect_duckdb() as connection:
            connection.register("brought", rows)
            return connection.sql(f"select * from brought where {where}").to_arrow_table()
    except duckdb.Error as error:
        message = str(error).strip().splitlines()[0]
        raise ProjectError(f"--where: {message}", where=str(path), fix="fix the SQL") from None


def convert_label(spec: Spec, schema: Schema, rows: pa.Table, where: str) -> pa.Table:
    """Return the rows with a label that training knows."""
    name = spec.data.label
    column = _get_column(rows, name, where, ", the label")
    if not schema.classes:
        typed = _convert_to_numbers(column, name, where)
        missing = pc.sum(pc.fill_null(pc.is_nan(typed), True)).as_py()
        if missing:
            raise ProjectError(f"{missing:,} rows have no {name}, the label", where=where, fix="leave them out")
        return rows.set_column(rows.column_names.index(name), name, typed)
    typed = _convert_to_text(column, name, where)
    if schema.classes == ("false", "true"):
        # Spreadsheets and other libraries write True or TRUE.
        typed = pc.utf8_lower(typed)
    strange = pc.invert(pc.is_in(typed, value_set=pa.array(schema.classes)))
    if pc.any(strange).as_py():
        count, first = pc.sum(strange).as_py(), typed.filter(strange)[0].as_py()
        what = f"{name}, the label, is {'missing' if first is None else repr(first)} in the first of {count:,} rows"
        raise ProjectError(what, where=where, fix=f"known from training: {', '.join(schema.classes)}")
    return rows.set_column(rows.column_names.index(name), name, typed)


def _get_column(rows: pa.Table, name: str, where: str, role: str = "") -> pa.ChunkedArray:
    if name not in rows.column_names:
        raise ProjectError(f"has no column {name}{role}", where=where, fix=suggest(name, rows.column_names))
    return rows[name]


def _convert_to_numbers(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    """Return a column as numbers, also from the text of a CSV file."""
    try:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            text = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(text, ""), None, text)
        typed = pc.cast(column, pa.float64(), safe=False)
    except pa.ArrowInvalid:
        raise ProjectError(
            f"{name} contains text that is not a number", where=where, fix="leave unknown values empty"
        ) from None
    except pa.ArrowNotImplementedError:
        raise ProjectError(f"{name} has type {column.type}, not numbers", where=where, fix="write numbers") from None
    # What is missing may also be written as NaN.
    endless = pc.sum(pc.greater(pc.abs(typed), MAX_FLOAT32)).as_py()
    if endless:
        raise ProjectError(f"{name} is infinite in {endless:,} rows", where=where, fix="leave unknown values empty")
    return typed


def _convert_to_text(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    """Return a column as text, without the spaces around it."""
    try:
        return pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise ProjectError(f"{name} has type {column.type}, not text", where=where, fix="write text") from None
