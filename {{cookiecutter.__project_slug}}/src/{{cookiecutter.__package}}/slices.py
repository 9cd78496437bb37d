"""Where loss is concentrated: the values of a column, and of two together, whose rows lose more than others do."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .evaluation import FEWEST_ROWS, groups

PAIRED_COLUMNS = 24
TRIED = 500
SAME = 0.5
Codes = NDArray[np.int64]
Loss = NDArray[np.float64]


@dataclass(frozen=True)
class Slice:
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
class _Column:
    name: str
    codes: Codes
    values: list[str]


@dataclass(frozen=True)
class _Cells:
    """The groups of one column or of two that have enough rows; `parent` is the larger mean of their single groups."""

    columns: tuple[_Column, ...]
    code: Codes
    rows: NDArray[np.int64]
    mean: Loss
    deviation: Loss
    parent: Loss


def concentrated(
    columns: Mapping[str, pa.ChunkedArray], loss: Loss, confidence: float, most: int
) -> tuple[list[Slice], int]:
    """The slices where the loss is concentrated, and how many were looked at.

    A slice counts by the loss above the average that its rows have for certain: by the lower end of its interval, times
    its rows. Of slices that share more than half of their rows only the first is kept, and two columns together only
    where they say more than either alone.

    Args:
        columns: What may tell rows apart, by name.
        loss: Of each row, shape (rows,).
        confidence: Of the intervals, all of them together.
        most: How many slices to give.
    """
    if not len(loss):
        return [], 0
    coded = [_coded(name, column) for name, column in columns.items()]
    fewest = min(FEWEST_ROWS, max(len(loss) // 20, 5))
    singles = [_cells((column,), column.codes, len(column.values), loss, fewest) for column in coded]
    paired = sorted(range(len(coded)), key=lambda c: -_spread(singles[c]))[:PAIRED_COLUMNS]
    pairs = [_pair(coded[a], coded[b], loss, fewest) for a, b in itertools.combinations(sorted(paired), 2)]
    found = [cells for cells in (*singles, *pairs) if len(cells.code)]
    tested = sum(len(cells.code) for cells in found)
    if not tested:
        return [], 0
    reach = NormalDist().inv_cdf(1 - (1 - confidence) / (2 * tested))
    return _distinct(_ranked(found, reach, float(loss.mean())), loss, most), tested


def _coded(name: str, column: pa.ChunkedArray) -> _Column:
    """The group of each row; -1 where it is in none of those that are looked at."""
    codes, values = np.full(len(column), -1), list[str]()
    for value, members in groups(column):
        codes[members] = len(values)
        values.append(value)
    missing = pc.is_null(column, nan_is_null=True).to_numpy()
    if missing.any():
        codes[missing] = len(values)
        values.append("missing")
    return _Column(name, codes, values)


def _cells(columns: tuple[_Column, ...], codes: Codes, size: int, loss: Loss, fewest: int) -> _Cells:
    inside = codes >= 0
    kept, lost = codes[inside], loss[inside]
    rows = np.bincount(kept, minlength=size)
    code = np.flatnonzero(rows >= fewest)
    rows = rows[code]
    mean = np.bincount(kept, lost, size)[code] / rows
    square = np.bincount(kept, lost**2, size)[code] / rows
    deviation = np.sqrt(np.maximum(square - mean**2, 0) * rows / np.maximum(rows - 1, 1))
    return _Cells(columns, code, rows, mean, deviation, np.full(len(code), -np.inf))


def _pair(first: _Column, second: _Column, loss: Loss, fewest: int) -> _Cells:
    width = len(second.values)
    codes = np.where((first.codes < 0) | (second.codes < 0), -1, first.codes * width + second.codes)
    cells = _cells((first, second), codes, len(first.values) * width, loss, fewest)
    parent = np.maximum(
        _group_means(first, loss)[cells.code // max(width, 1)], _group_means(second, loss)[cells.code % max(width, 1)]
    )
    return _Cells(cells.columns, cells.code, cells.rows, cells.mean, cells.deviation, parent)


def _group_means(column: _Column, loss: Loss) -> Loss:
    inside, size = column.codes >= 0, len(column.values)
    rows = np.bincount(column.codes[inside], minlength=size)
    means: Loss = np.bincount(column.codes[inside], loss[inside], size) / np.maximum(rows, 1)
    return means


def _spread(cells: _Cells) -> float:
    """How much of the difference between rows a column explains."""
    return float(np.average((cells.mean - cells.mean.mean()) ** 2, weights=cells.rows)) if len(cells.code) else 0.0


def _ranked(found: list[_Cells], reach: float, overall: float) -> list[tuple[float, _Cells, int, float]]:
    """Excess, cells, position in them and half the interval, the largest excess first."""
    ranked = []
    for cells in found:
        half = reach * cells.deviation / np.sqrt(cells.rows)
        low = cells.mean - half
        excess = (low - overall) * cells.rows
        good = (excess > 0) & (low > cells.parent)
        ranked += [(float(excess[at]), cells, int(at), float(half[at])) for at in np.flatnonzero(good)]
    return sorted(ranked, key=lambda entry: -entry[0])


def _distinct(ranked: list[tuple[float, _Cells, int, float]], loss: Loss, most: int) -> list[Slice]:
    kept: list[Slice] = []
    for _, cells, at, half in ranked[:TRIED]:
        name, members = _members(cells.columns, int(cells.code[at]))
        if len(kept) == most or any(_overlap(members, other.members) > SAME for other in kept):
            continue
        mean, share = float(cells.mean[at]), float(loss[members].sum() / loss.sum())
        kept.append(Slice(name, members, mean, mean - half, mean + half, share))
    return kept


def _members(columns: tuple[_Column, ...], code: int) -> tuple[str, NDArray[np.int64]]:
    codes = divmod(code, len(columns[1].values)) if len(columns) > 1 else (code,)
    inside = np.logical_and.reduce([column.codes == one for column, one in zip(columns, codes, strict=True)])
    said = [f"{column.name} = {column.values[one]}" for column, one in zip(columns, codes, strict=True)]
    return " and ".join(said), np.flatnonzero(inside)


def _overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)
