"""Rows that depend on each other: those of one day or of one group share causes, so an interval must not count each."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError, suggest
from mlteam.data.features import TableLike

ROW = "row"


def choose_cluster_column(spec: Spec) -> str | None:
    """Return the column whose values are clusters: the declared one, or that of the splits; None for rows."""
    declared = spec.evaluation.cluster
    if declared is not None:
        return None if declared == ROW else declared
    if spec.splits.by == "time":
        return spec.data.time
    return spec.splits.column if spec.splits.by == "group" else None


def find_clusters(spec: Spec, table: TableLike) -> NDArray[np.int64] | None:
    """Return the cluster of each row: a day of a time, or a value of another column; None if each row is its own.

    A row without a value is a cluster of its own. The rows of a file may lack the column of the splits.

    Raises:
        ProjectError: The column that the pipeline file names is not there.
    """
    name = choose_cluster_column(spec)
    if name is None:
        return None
    if name not in table.column_names:
        if spec.evaluation.cluster is None:
            return None
        what = f"evaluation.cluster: no such column: {name!r}"
        raise ProjectError(what, where=str(spec.path), fix=suggest(name, table.column_names))
    column = table[name]
    if pa.types.is_temporal(column.type) and not pa.types.is_time(column.type):
        column = pc.cast(pc.floor_temporal(column, unit="day"), pa.date32())
    codes = column.combine_chunks().dictionary_encode().indices
    found: NDArray[np.int64] = pc.fill_null(codes, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    alone = np.flatnonzero(found < 0)
    found[alone] = len(found) + alone
    return found
