"""Where loss is concentrated: the values of a column, and of two together, whose rows lose more than others do."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlteam.evaluation.bootstrap import MIN_CLUSTERS
from mlteam.evaluation.evaluator import MIN_SLICE_ROWS, group_rows

MAX_PAIRED_COLUMNS = 24
MAX_CANDIDATES = 500
MAX_OVERLAP = 0.5
Codes = NDArray[np.int64]
Loss = NDArray[np.float64]


@dataclass(frozen=True)
class WeakSlice:
    """Rows that lose more than the average, and their mean loss with its interval.

    Attributes:
        name: What they share, such as `carrier = EV and hour = 17 to 20`.
        members: Their positions.
        mean: Their mean loss.
        low: Lower end of the interval, which allows for all the slices that were looked at.
        high: Upper end.
        share: Part of all loss.
    """

    name: str
    members: NDArray[np.int64]
    mean: float
    low: float
    high: float
    share: float


@dataclass(frozen=True)
class _EncodedColumn:
    name: str
    codes: Codes
    values: list[str]


@dataclass(frozen=True)
class _Cells:
    """The groups of one column or of two that have enough rows; `parent` is the larger mean of their single groups."""

    columns: tuple[_EncodedColumn, ...]
    code: Codes
    rows: NDArray[np.int64]
    mean: Loss
    deviation: Loss
    parent: Loss


def find_weak_slices(
    columns: Mapping[str, pa.ChunkedArray], loss: Loss, confidence: float, most: int, clusters: Codes | None = None
) -> tuple[list[WeakSlice], int]:
    """Return the slices where the loss is concentrated, and how many were looked at.

    A slice counts by the loss above the average that its rows have for certain: by the lower end of its interval, times
    its rows. Of slices that share more than half of their rows only the first is kept, and two columns together only
    where they say more than either alone.

    Args:
        columns: The columns by which rows are grouped, by name.
        loss: Of each row, shape (rows,).
        confidence: Of the intervals, all of them together.
        most: How many slices to give.
        clusters: The cluster of each row, whose losses depend on each other; None if each row is its own.
    """
    if not len(loss):
        return [], 0
    coded = [_encode_column(name, column) for name, column in columns.items()]
    fewest = min(MIN_SLICE_ROWS, max(len(loss) // 20, 5))
    group = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
    singles = [_build_cells((column,), column.codes, len(column.values), loss, fewest, group) for column in coded]
    paired = sorted(range(len(coded)), key=lambda c: -_measure_spread(singles[c]))[:MAX_PAIRED_COLUMNS]
    pairs = [
        _pair_columns(coded[a], coded[b], loss, fewest, group) for a, b in itertools.combinations(sorted(paired), 2)
    ]
    found = [cells for cells in (*singles, *pairs) if len(cells.code)]
    tested = sum(len(cells.code) for cells in found)
    if not tested:
        return [], 0
    reach = NormalDist().inv_cdf(1 - (1 - confidence) / (2 * tested))
    return _select_distinct(_rank_cells(found, reach, float(loss.mean())), loss, most), tested


def _encode_column(name: str, column: pa.ChunkedArray) -> _EncodedColumn:
    """Return the group of each row; -1 where it is in none of those that are looked at."""
    codes, values = np.full(len(column), -1), list[str]()
    for value, members in group_rows(column):
        codes[members] = len(values)
        values.append(value)
    return _EncodedColumn(name, codes, values)


def _build_cells(
    columns: tuple[_EncodedColumn, ...], codes: Codes, size: int, loss: Loss, fewest: int, clusters: Codes | None
) -> _Cells:
    inside = codes >= 0
    kept, lost = codes[inside], loss[inside]
    rows = np.bincount(kept, minlength=size)
    code = np.flatnonzero(rows >= fewest)
    rows = rows[code]
    mean = np.bincount(kept, lost, size)[code] / rows
    square = np.bincount(kept, lost**2, size)[code] / rows
    deviation = np.sqrt(np.maximum(square - mean**2, 0) * rows / np.maximum(rows - 1, 1))
    if clusters is not None:
        center = np.zeros(size)
        center[code] = mean
        deviation = _compute_cluster_deviation(kept, clusters[inside], lost - center[kept], size)[code]
    return _Cells(columns, code, rows, mean, deviation, np.full(len(code), -np.inf))


def _compute_cluster_deviation(codes: Codes, clusters: Codes, residual: Loss, size: int) -> Loss:
    """Return the deviation of a row that gives the error of each cell's mean if the rows of a cluster are summed first.

    A cell whose rows are in few clusters has no known error: its deviation is infinite.
    """
    pairs, place = np.unique(codes * (int(clusters.max(initial=0)) + 1) + clusters, return_inverse=True)
    sums = np.bincount(place, residual, len(pairs))
    cell = np.zeros(len(pairs), dtype=np.int64)
    cell[place] = codes
    found = np.bincount(cell, minlength=size)
    squares = np.bincount(cell, sums**2, size) * found / np.maximum(found - 1, 1)
    rows = np.maximum(np.bincount(codes, minlength=size), 1)
    return np.where(found < MIN_CLUSTERS, np.inf, np.sqrt(squares / rows))


def _pair_columns(
    first: _EncodedColumn, second: _EncodedColumn, loss: Loss, fewest: int, clusters: Codes | None
) -> _Cells:
    width = len(second.values)
    codes = np.where((first.codes < 0) | (second.codes < 0), -1, first.codes * width + second.codes)
    cells = _build_cells((first, second), codes, len(first.values) * width, loss, fewest, clusters)
    parent = np.maximum(
        _compute_group_means(first, loss)[cells.code // max(width, 1)],
        _compute_group_means(second, loss)[cells.code % max(width, 1)],
    )
    return _Cells(cells.columns, cells.code, cells.rows, cells.mean, cells.deviation, parent)


def _compute_group_means(column: _EncodedColumn, loss: Loss) -> Loss:
    inside, size = column.codes >= 0, len(column.values)
    rows = np.bincount(column.codes[inside], minlength=size)
    means: Loss = np.bincount(column.codes[inside], loss[inside], size) / np.maximum(rows, 1)
    return means


def _measure_spread(cells: _Cells) -> float:
    """Return how much of the difference between rows a column explains."""
    return float(np.average((cells.mean - cells.mean.mean()) ** 2, weights=cells.rows)) if len(cells.code) else 0.0


def _rank_cells(found: list[_Cells], reach: float, overall: float) -> list[tuple[float, _Cells, int, float]]:
    """Excess, cells, position in them and half the interval, the largest excess first."""
    ranked = []
    for cells in found:
        half = reach * cells.deviation / np.sqrt(cells.rows)
        low = cells.mean - half
        excess = (low - overall) * cells.rows
        good = (excess > 0) & (low > cells.parent)
        ranked += [(float(excess[at]), cells, int(at), float(half[at])) for at in np.flatnonzero(good)]
    return sorted(ranked, key=lambda entry: -entry[0])


def _select_distinct(ranked: list[tuple[float, _Cells, int, float]], loss: Loss, most: int) -> list[WeakSlice]:
    kept: list[WeakSlice] = []
    for _, cells, at, half in ranked[:MAX_CANDIDATES]:
        name, members = _find_members(cells.columns, int(cells.code[at]))
        if len(kept) == most or any(_compute_overlap(members, other.members) > MAX_OVERLAP for other in kept):
            continue
        mean, share = float(cells.mean[at]), float(loss[members].sum() / loss.sum())
        kept.append(WeakSlice(name, members, mean, mean - half, mean + half, share))
    return kept


def _find_members(columns: tuple[_EncodedColumn, ...], code: int) -> tuple[str, NDArray[np.int64]]:
    codes = divmod(code, len(columns[1].values)) if len(columns) > 1 else (code,)
    inside = np.logical_and.reduce([column.codes == one for column, one in zip(columns, codes, strict=True)])
    conditions = [f"{column.name} = {column.values[one]}" for column, one in zip(columns, codes, strict=True)]
    return " and ".join(conditions), np.flatnonzero(inside)


def _compute_overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)
