"""The rows of a dataset in its snapshot: as a whole, or a column at a time."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from .errors import ProjectError
from .snapshot import Snapshot
from .spec import Spec
from .splits import rows_of


def read(snapshot: Snapshot, spec: Spec, dataset: str, where: str | None = None) -> pa.Table:
    """The rows of a split, or of a dataset that the spec declares, in the snapshot's order.

    Args:
        snapshot: Where they are.
        spec: Declares splits and datasets.
        dataset: The name of one.
        where: SQL that chooses among its rows.

    Raises:
        ProjectError: There is no such dataset, what chooses the rows is no SQL over the columns, or no row is left.
    """
    chosen = f"({rows_of(spec, dataset)}) and ({where or 'true'})"
    rows = _query(f"select * from read_parquet(?) where {chosen}", snapshot, spec, dataset, where)
    if rows.num_rows == 0:
        raise _no_rows(spec, dataset, where)
    return rows


def count(snapshot: Snapshot, spec: Spec, dataset: str, also: str) -> int:
    """How many rows of a dataset fulfil a further condition."""
    query = f"select count(*) from read_parquet(?) where ({rows_of(spec, dataset)}) and ({also})"
    with duckdb.connect() as connection:
        ((found,),) = connection.execute(query, [str(snapshot.parquet)]).fetchall()
    return int(found)


class ByColumn:
    """The rows of a dataset in its snapshot, of which one column at a time is read.

    All columns of millions of rows take several times the memory of the matrix that they become.
    """

    def __init__(self, snapshot: Snapshot, spec: Spec, dataset: str) -> None:
        """Find the rows; arguments and errors are those of `read`."""
        self._file = snapshot.parquet
        query = f"select coalesce({rows_of(spec, dataset)}, false) as chosen from read_parquet(?)"
        self._chosen = _query(query, snapshot, spec, dataset)["chosen"]
        self.num_rows = int(pc.sum(self._chosen).as_py())
        if self.num_rows == 0:
            raise _no_rows(spec, dataset)
        self.column_names = pyarrow.parquet.read_schema(self._file).names

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """One column of the rows."""
        with pyarrow.parquet.ParquetFile(self._file) as file:
            return file.read([name])[name].filter(self._chosen)


def _query(query: str, snapshot: Snapshot, spec: Spec, dataset: str, where: str | None = None) -> pa.Table:
    try:
        with duckdb.connect() as connection:
            return connection.sql(query, params=[str(snapshot.parquet)]).to_arrow_table()
    except duckdb.Error as error:
        said = str(error).strip().splitlines()[0]
        if where:
            raise ProjectError(f"--where: {said}", fix="the rows have the columns of the snapshot") from None
        raise ProjectError(f"datasets.{dataset}.where: {said}", where=str(spec.path), fix="mend the SQL") from None


def _no_rows(spec: Spec, dataset: str, where: str | None = None) -> ProjectError:
    if where:
        return ProjectError(f"--where leaves no row of {dataset}", fix="change what it selects")
    return ProjectError(f"dataset {dataset} has no rows", where=str(spec.path), fix="change what it selects")
