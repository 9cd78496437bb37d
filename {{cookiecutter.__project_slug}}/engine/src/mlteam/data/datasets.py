"""The rows of a dataset in its snapshot: as a whole, or a column at a time."""

import datetime as dt
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from mlteam.config.spec import Spec
from mlteam.config.splits import TABLE_FILE_SUFFIXES
from mlteam.core.errors import ProjectError
from mlteam.core.sql import connect_duckdb, quote_identifier
from mlteam.data import features
from mlteam.data.features import EvaluationRows, Schema
from mlteam.data.file_rows import convert_label, filter_rows, read_file_rows
from mlteam.data.snapshot import FileState, Snapshot
from mlteam.data.splits import build_dataset_condition, build_split_condition


def resolve_dataset_file(spec: Spec, dataset: str) -> Path | None:
    """Return the file of a dataset, by its name in the pipeline file or its path; None for rows of a snapshot."""
    if dataset in spec.datasets:
        declared = spec.datasets[dataset].file
        return Path(declared) if declared else None
    return Path(dataset) if Path(dataset).suffix.lower() in TABLE_FILE_SUFFIXES else None


def load_evaluation_rows(
    spec: Spec, schema: Schema, taken: Snapshot, dataset: str, where: str | None = None
) -> EvaluationRows:
    """Return the rows of a dataset, or those that SQL chooses among them, ready for a model.

    Args:
        spec: Declares splits and datasets, and names the label.
        schema: The model's features.
        taken: The snapshot that splits are rows of.
        dataset: The name of a split or dataset, or the path of a CSV or Parquet file that has the label.
        where: SQL over the columns of the rows.

    Raises:
        ProjectError: There is no such dataset, no row is left, or the file lacks the label or what the model needs.
    """
    file = resolve_dataset_file(spec, dataset)
    if file is None:
        return features.build_evaluation_rows(spec, schema, dataset, read_snapshot_rows(taken, spec, dataset, where))
    rows = convert_label(spec, schema, read_file_rows(schema, file), str(file))
    return features.build_evaluation_rows(spec, schema, dataset, filter_rows(rows, where, file) if where else rows)


def describe_missing_slices(spec: Spec, rows: pa.Table) -> str:
    """Describe the slices of the pipeline file for which the rows of a file lack the column, or return nothing."""
    missing = [name for name in spec.evaluation.slices if name not in rows.column_names]
    return f"the rows have no {' and no '.join(missing)}: no slices by it" if missing else ""


def count_training_overlap(spec: Spec, by: Spec, taken: Snapshot, dataset: str, rows: pa.Table) -> int | None:
    """Return how many rows of a dataset a model was trained on; None where the rows of a file have no key.

    Args:
        spec: Declares the dataset.
        by: The spec that the model was trained by.
        taken: The snapshot whose rows they are, or whose keys are looked up.
        dataset: Its name or path.
        rows: Its rows.
    """
    train = build_split_condition(by, "train")
    if resolve_dataset_file(spec, dataset) is None:
        return count_snapshot_rows(taken, spec, dataset, train)
    key = spec.data.key
    if key not in rows.column_names:
        return None
    learned = f"select cast({quote_identifier(key)} as varchar) from {taken.source} where {train}"
    with connect_duckdb() as connection:
        connection.register("brought", rows.select([key]))
        query = f"select count(*) from brought where cast({quote_identifier(key)} as varchar) in ({learned})"
        ((found,),) = connection.execute(query).fetchall()
    return int(found)


def describe_training_overlap(spec: Spec, version: str, learned: int | None) -> str:
    """Return what to say of the rows that a version was trained on; nothing where there are none."""
    if learned is None:
        return f"without {spec.data.key} it is unknown whether {version} was trained on these rows"
    return f"{version} was trained on {learned:,} of these rows" if learned else ""


def read_snapshot_rows(snapshot: Snapshot, spec: Spec, dataset: str, where: str | None = None) -> pa.Table:
    """Return the rows of a split, or of a dataset that the spec declares, in the snapshot's order.

    Args:
        snapshot: Where they are.
        spec: Declares splits and datasets.
        dataset: The name of one.
        where: SQL that chooses among its rows.

    Raises:
        ProjectError: There is no such dataset, the selection is not SQL over the columns, or no row is left.
    """
    chosen = f"({build_dataset_condition(spec, dataset)}) and ({where or 'true'})"
    rows = _query_snapshot(f"select * from {snapshot.source} where {chosen}", snapshot, spec, dataset, where)
    if rows.num_rows == 0:
        raise _make_empty_dataset_error(spec, dataset, where)
    return rows


def count_snapshot_rows(snapshot: Snapshot, spec: Spec, dataset: str, also: str) -> int:
    """Return how many rows of a dataset fulfil a further condition."""
    query = f"select count(*) from {snapshot.source} where ({build_dataset_condition(spec, dataset)}) and ({also})"
    with connect_duckdb() as connection:
        ((found,),) = connection.execute(query).fetchall()
    return int(found)


def digest_split(snapshot: Snapshot, spec: Spec, split: str) -> tuple[int, str]:
    """Return the number of rows of a split and a digest of what a model reads of them, in whatever order they are."""
    columns = ", ".join(map(quote_identifier, (spec.data.label, *spec.features.names)))
    rows = f"select {columns} from {snapshot.source} where {build_dataset_condition(spec, split)}"
    with connect_duckdb() as connection:
        query = f"select count(*), sum(hash(t)) from ({rows}) as t"
        ((count, digest),) = connection.execute(query).fetchall()
    return int(count), str(digest)


def find_newest_time(snapshot: Snapshot, spec: Spec, dataset: str) -> str | None:
    """Return the time of the newest row of a dataset, ISO 8601 in UTC; None where rows have no time."""
    if spec.data.time is None:
        return None
    time = f"max({quote_identifier(spec.data.time)})::timestamptz::varchar"
    query = f"select {time} from {snapshot.source} where {build_dataset_condition(spec, dataset)}"
    with connect_duckdb() as connection:
        ((newest,),) = connection.execute(query).fetchall()
    return dt.datetime.fromisoformat(newest).isoformat() if newest else None


class LazySnapshotTable:
    """The rows of a dataset in its snapshot, of which one column at a time is read.

    All columns of millions of rows take several times the memory of the matrix that they become.
    """

    def __init__(self, snapshot: Snapshot, spec: Spec, dataset: str) -> None:
        """Find the rows; arguments and errors are those of `read`."""
        self._files = list(snapshot.hashes)
        query = f"select coalesce({build_dataset_condition(spec, dataset)}, false) as chosen from {snapshot.source}"
        self._chosen = _query_snapshot(query, snapshot, spec, dataset)["chosen"]
        self.num_rows = int(pc.sum(self._chosen).as_py())
        if self.num_rows == 0:
            raise _make_empty_dataset_error(spec, dataset)
        self.column_names = pyarrow.parquet.read_schema(self._files[0]).names

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """One column of the rows."""
        chunks = []
        for path in self._files:
            with pyarrow.parquet.ParquetFile(path) as file:
                chunks += file.read([name])[name].chunks
        return pa.chunked_array(chunks).filter(self._chosen)


def _query_snapshot(query: str, snapshot: Snapshot, spec: Spec, dataset: str, where: str | None = None) -> pa.Table:
    try:
        return _query_rows(query, snapshot.file_states)
    except duckdb.Error as error:
        message = str(error).strip().splitlines()[0]
        if where:
            raise ProjectError(f"--where: {message}", fix="the rows have the columns of the snapshot") from None
        raise ProjectError(f"datasets.{dataset}.where: {message}", where=str(spec.path), fix="fix the SQL") from None


# A launch reads the test rows of the newest snapshot and of the training's own for four purposes.
@lru_cache(maxsize=2)
def _query_rows(query: str, _states: tuple[FileState, ...]) -> pa.Table:
    with connect_duckdb() as connection:
        return connection.sql(query).to_arrow_table()


def _make_empty_dataset_error(spec: Spec, dataset: str, where: str | None = None) -> ProjectError:
    if where:
        return ProjectError(f"--where selects no row of {dataset}", fix="change what it selects")
    return ProjectError(f"dataset {dataset} has no rows", where=str(spec.path), fix="change what it selects")
