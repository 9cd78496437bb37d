"""CSV and Parquet files: read as a whole, or in batches."""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from mlteam.core.errors import ProjectError
from mlteam.core.sql import connect_duckdb

DELIMITERS = (",", ";", "\t", "|")
MAX_LINE_BYTES = 20_000_000
NUMERIC_NAME_PATTERN = re.compile(r"[+-]?[\d.]+(_\d+)?")
BATCH_ROWS = 65_536


@contextmanager
def open_table_file(path: Path) -> Iterator[pa.RecordBatchReader]:
    """Open a file of rows: a CSV file with all values as text, so that none is changed by being read, or Parquet.

    Raises:
        ProjectError: It is not there, or not such a file; the latter also while it is read.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise ProjectError(what, where=str(path), fix="name a CSV or Parquet file")
    parquet = path.suffix.lower() in (".parquet", ".pq")
    read = (
        "read_parquet(?)"
        if parquet
        else f"read_csv(?, all_varchar = true, header = true, skip = 0, max_line_size = {MAX_LINE_BYTES})"
    )
    try:
        with connect_duckdb() as connection:
            reader = connection.sql(f"select * from {read}", params=[str(path)]).to_arrow_reader(BATCH_ROWS)
            if not parquet:
                _reject_odd_header(path, reader.schema.names)
            yield reader
    # Arrow passes on what DuckDB says while it reads.
    except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
        raise ProjectError(
            f"cannot be read: {_explain_read_error(str(error))}",
            where=str(path),
            fix="save it as UTF-8 CSV or as Parquet",
        ) from None


def read_table_file(path: Path) -> pa.Table:
    """Return the rows of a file, as `open_table_file` gives them.

    Raises:
        ProjectError: It is not there, or not such a file, or has no rows.
    """
    with open_table_file(path) as reader:
        table = reader.read_all()
    if table.num_rows == 0:
        raise make_empty_error(path)
    return table


def make_empty_error(path: Path) -> ProjectError:
    """Return the error of a file without rows."""
    return ProjectError("has no rows", where=str(path), fix="name a file with rows")


def _reject_odd_header(path: Path, names: list[str]) -> None:
    if len(names) == 1:
        _reject_uneven_lines(path, names[0])
    if all(NUMERIC_NAME_PATTERN.fullmatch(name) for name in names):
        raise ProjectError(
            "the first line has numbers instead of names", where=f"{path}:1", fix="name the columns there"
        )


def _explain_read_error(message: str) -> str:
    """Return an error of DuckDB in one line: where it is, and the reason, which DuckDB writes below it."""
    lines = [line.strip() for line in message.strip().splitlines()]
    reason = next((line for line in lines[1:] if line and not line.startswith("Original Line")), "")
    return f"{lines[0]}: {reason}" if reason else lines[0]


def _reject_uneven_lines(path: Path, header: str) -> None:
    """Name the line that has another number of values than the first: because of it the file reads as one column."""
    mark = next((mark for mark in DELIMITERS if mark in header), None)
    if mark is None or path.suffix.lower() == ".gz":
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, delimiter=mark)
        names = len(next(lines))
        for values in lines:
            if values and len(values) != names:
                what = f"has {len(values)} values, and the first line names {names} columns"
                raise ProjectError(what, where=f"{path}:{lines.line_num}", fix="fix the line")
