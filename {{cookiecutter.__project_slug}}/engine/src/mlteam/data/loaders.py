"""Loaders: fetch the raw data that the company's own systems would deliver.

A source in sql/models/sources.yml names its loader as `loader: package.module:function`.
"""

import datetime as dt
import os
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet

from mlteam.core import console, store
from mlteam.core.errors import ProjectError
from mlteam.core.files import write_atomically
from mlteam.core.paths import TABLES
from mlteam.core.references import describe_error, import_reference
from mlteam.data.refresh import reject_worse_rows
from mlteam.data.sources import SOURCES_FILE, Source
from mlteam.data.table_files import read_table_file


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
