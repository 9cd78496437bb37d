"""For loaders of large tables: fetch only what has changed, and keep the rows that are here."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from mlteam.core.sql import connect_duckdb, quote_identifier
from mlteam.data.sources import Source


def find_watermark(source: Source, column: str) -> Any:
    """Return the greatest value of a column among the rows that are here, or None before the first fetch.

    Args:
        source: The source.
        column: What upstream sets at each change, such as the time of the last update.
    """
    if source.location is None or not source.location.exists():
        return None
    with connect_duckdb() as connection:
        query = f"select max({quote_identifier(column)}) from read_parquet(?)"
        ((newest,),) = connection.execute(query, [str(source.location)]).fetchall()
    return newest


def add_changes(source: Source, changed: pa.Table, key: Sequence[str]) -> pa.Table:
    """Return the rows that are here with those that have changed: a row of a known key takes the place of the old one.

    Args:
        source: The source.
        changed: New and corrected rows, with the columns of the rows that are here.
        key: The columns that name a row.
    """
    if source.location is None or not source.location.exists():
        return changed
    same = " and ".join(f"a.{quote_identifier(c)} = b.{quote_identifier(c)}" for c in key)
    before = pyarrow.parquet.read_table(source.location).drop_columns(["_loaded_at"])
    with connect_duckdb() as connection:
        connection.register("before", before)
        connection.register("changed", changed)
        kept = f"select * from before as a where not exists (select 1 from changed as b where {same})"
        return connection.sql(f"{kept} union all by name select * from changed").to_arrow_table()
