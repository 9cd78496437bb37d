"""Rows of a table as a stream, on whichever engine it is."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from mlteam.config.splits import TABLE_FILE_SUFFIXES
from mlteam.core.errors import ProjectError
from mlteam.core.sql import quote_identifier
from mlteam.data import servers, spark, warehouse
from mlteam.data.table_files import BATCH_ROWS
from mlteam.data.targets import LOCAL, Target


def is_table_name(name: str) -> bool:
    """Return whether a name is schema.table rather than a file."""
    looks_so = re.fullmatch(r"\w+\.\w+", name) is not None and not name.endswith(TABLE_FILE_SUFFIXES)
    return looks_so and not Path(name).exists()


def stream_table(
    target: Target, schema: str, table: str, where: str = ""
) -> AbstractContextManager[pa.RecordBatchReader]:
    """Stream the rows of a table; decimals of other engines come as numbers.

    Args:
        target: The engine.
        schema: Where the table is.
        table: Its name.
        where: SQL of that engine that chooses among the rows.

    Raises:
        ProjectError: There is no such table, the engine does not answer, or `where` is not SQL over the columns.
    """
    return ENGINES[target.kind](target, schema, table, where)


@contextmanager
def _stream_local_table(_: Target, schema: str, table: str, where: str = "") -> Iterator[pa.RecordBatchReader]:
    query = f"select * from {quote_identifier(schema)}.{quote_identifier(table)}"
    with warehouse.connect() as connection:
        try:
            rows = connection.sql(f"{query} where {where}" if where else query)
        except duckdb.Error as error:
            what = str(error).strip().splitlines()[0]
            raise ProjectError(what, where=f"{schema}.{table}", fix="look at its name and columns") from None
        yield rows.to_arrow_reader(BATCH_ROWS)


ENGINES: Mapping[str, Callable[[Target, str, str, str], AbstractContextManager[pa.RecordBatchReader]]] = {
    **dict.fromkeys(servers.SERVERS, servers.stream_table),
    "spark": spark.stream_table,
    LOCAL: _stream_local_table,
}
