"""Loaders: fetch the raw data that the company's own systems would deliver.

A source in sql/models/sources.yml names its loader as `loader: package.module:function`.
"""

import csv
import datetime as dt
import os
import re
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet

from mlteam.core import console, store
from mlteam.core.errors import ProjectError
from mlteam.core.files import write_atomically
from mlteam.core.paths import TABLES
from mlteam.core.references import describe_error, import_reference
from mlteam.core.sql import connect_duckdb
from mlteam.data.refresh import reject_worse_rows
from mlteam.data.sources import SOURCES_FILE, Source

DELIMITERS = (",", ";", "\t", "|")
MAX_LINE_BYTES = 20_000_000
NUMERIC_NAME_PATTERN = re.compile(r"[+-]?[\d.]+(_\d+)?")


class Loader(Protocol):
    """What the engine asks of a loader: a function that fetches one upstream table."""

    def __call__(self, source: Source, /) -> pa.Table:
        """Fetch the table.

        Args:
            source: The declaration; `source.table` and `source.origin` say what to fetch.

        Returns:
            All rows of the table. The engine adds the column `_loaded_at` (UTC) and writes the file.

        Raises:
            ProjectError: The upstream system does not have the table or cannot be read.
        """


def fetch_source(source: Source) -> None:
    """Run the loader of a source and write its table, stamped with the time, as Parquet: whole or not at all.

    Raises:
        ProjectError: The source has no loader, or the loader cannot be imported, fails or returns no table; or what
            came cannot take the place of the rows before.
    """
    if source.location is None:
        return
    if ":" not in source.loader:
        raise ProjectError(
            f"source {source.name} is missing, and sources.yml names no loader for it",
            where=str(source.location),
            fix=f"ask its owner ({source.owner}), or put the file there",
        )
    if source.secret and not os.environ.get(source.secret):
        what = f"source {source.name} needs the environment variable {source.secret}"
        raise ProjectError(what, where=str(SOURCES_FILE), fix=f"set it, or ask its owner ({source.owner})")
    table = _run_loader(source)
    reject_worse_rows(source, table)
    if "_loaded_at" in table.column_names:
        table = table.drop_columns("_loaded_at")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    stamped = table.append_column("_loaded_at", pa.repeat(pa.scalar(now, pa.timestamp("us")), table.num_rows))
    with write_atomically(source.location) as part:
        pyarrow.parquet.write_table(stamped, part, compression="zstd")


def _run_loader(source: Source) -> pa.Table:
    where = _locate_loader(source)
    load: Loader = import_reference(source.loader, where)
    if not callable(load):
        raise ProjectError(f"loader {source.loader} is not a function", where=where, fix="name a function")
    try:
        table = load(source)
    except ProjectError:
        raise
    except Exception as error:
        what = f"loader {source.loader} failed: {describe_error(error)}"
        fix = f"fix the loader, or ask the owner of the source ({source.owner}) whether it is available"
        raise ProjectError(what, where=where, fix=fix) from None
    if not isinstance(table, pa.Table):
        what = f"loader {source.loader} returned {type(table).__name__}, not a pyarrow.Table"
        raise ProjectError(what, where=where, fix="return the table of the source")
    return table


def _locate_loader(source: Source) -> str:
    """Return where sources.yml names the loader, as `file:line`."""
    lines = SOURCES_FILE.read_text(encoding="utf-8").splitlines() if SOURCES_FILE.is_file() else []
    for number, line in enumerate(lines, start=1):
        key, _, value = line.strip().removeprefix("- ").partition(":")
        if key == "loader" and source.loader in value:
            return f"{SOURCES_FILE}:{number}"
    return str(SOURCES_FILE)


def check_source_file(source: Source) -> None:
    """Refuse a source whose file is not whole.

    Raises:
        ProjectError: The file is truncated, empty or not Parquet.
    """
    if source.location is None:
        return
    try:
        rows = pyarrow.parquet.read_metadata(source.location).num_rows
    except (pa.ArrowInvalid, OSError):
        raise _make_source_error(source, "is not a whole Parquet file") from None
    if rows == 0:
        raise _make_source_error(source, "has no rows")


def _make_source_error(source: Source, what: str) -> ProjectError:
    return ProjectError(
        f"source {source.name} {what}; nothing was built",
        where=str(source.location),
        fix=f"delete the file and run `nox -s data` to fetch it again; if it happens again, ask {source.owner}",
    )


def load_file(source: Source) -> pa.Table:
    """Return the CSV or Parquet file that the source names as its origin; one in data/tables/ is that of the store."""
    path = Path(source.origin)
    if path.is_relative_to(TABLES):
        if done := store.sync_file(path):
            console.print_line(f"{path} was {done} {'to' if done == 'pushed' else 'from'} the store")
        if not path.is_file():
            raise ProjectError("there is no such file", where=str(path), fix=f"ask its owner ({source.owner}) for it")
    return read_table_file(path)


def read_table_file(path: Path) -> pa.Table:
    """Return a CSV file with all its values as text, so that none is changed by being read; or a Parquet file as it is.

    Raises:
        ProjectError: It is not there, or not such a file, or has no rows.
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
            table = connection.sql(f"select * from {read}", params=[str(path)]).to_arrow_table()
    except duckdb.Error as error:
        raise ProjectError(
            f"cannot be read: {_explain_read_error(str(error))}",
            where=str(path),
            fix="save it as UTF-8 CSV or as Parquet",
        ) from None
    if table.num_rows == 0:
        raise ProjectError("has no rows", where=str(path), fix="name a file with rows")
    if not parquet and table.num_columns == 1:
        _reject_uneven_lines(path, table.column_names[0])
    if not parquet and all(NUMERIC_NAME_PATTERN.fullmatch(name) for name in table.column_names):
        raise ProjectError(
            "the first line has numbers instead of names", where=f"{path}:1", fix="name the columns there"
        )
    return table


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
