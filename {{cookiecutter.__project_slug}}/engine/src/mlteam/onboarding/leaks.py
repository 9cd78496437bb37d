"""Features that give the label away: alone nearly perfect, a copy of it, or summands of it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlteam.config.spec import Task

MAX_BINS, MIN_BINS, ROWS_PER_BIN = 256, 8, 25
LEAK_THRESHOLD = 0.99
EXACT_THRESHOLD = 1 - 1e-9
# Rows that lie on a curve, and not only near one, as those of a time series do.
CURVE_THRESHOLD = 0.998
# Fewer rows of a class can be neighbors by chance.
MIN_SEPARATION_ROWS = 5
SAMPLE_ROWS = 100_000
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Leak:
    """A suspicion: the columns, and what is suspicious about them."""

    columns: tuple[str, ...]
    reason: str


def encode_targets(label: pa.ChunkedArray, task: Task) -> FloatArray:
    """Return the label as numbers: shape (rows, 1) in a regression, else one column per class that is 1 in its rows."""
    if task == "regression":
        numbers: FloatArray = pc.cast(label, pa.float64(), safe=False).to_numpy()
        return numbers[:, None]
    codes: NDArray[np.int64] = pc.dictionary_encode(pc.cast(label, pa.string())).combine_chunks().indices.to_numpy()
    return np.eye(int(codes.max()) + 1)[codes]


def measure_leak_strength(column: pa.ChunkedArray, targets: FloatArray) -> float:
    """Return how much of the label one column alone explains on rows it was not fitted to: 0 is nothing, 1 is all.

    The column is cut into up to 256 groups; the label's mean in each on one half of the rows predicts the other half.
    A number may also predict by its neighbours, the next smaller and the next greater value, which works with few rows.

    Args:
        column: The values.
        targets: The label, shape (rows, 1) of numbers or (rows, classes) of zeros and ones.

    Returns:
        R², summed over classes; never below 0.
    """
    # Many groups follow any curve, but have too few rows each in a small table to say how strong a plain feature is.
    few = min(MAX_BINS, max(MIN_BINS, len(targets) // ROWS_PER_BIN))
    found = max(_explain_by_groups(column, targets, bins) for bins in {MAX_BINS, few})
    if _is_number(column) and not column.null_count:
        near = _compute_r2(targets, _interpolate_targets(pc.cast(column, pa.float64(), safe=False).to_numpy(), targets))
        found = max(found, near if near >= CURVE_THRESHOLD else 0.0)
    return found


def _explain_by_groups(column: pa.ChunkedArray, targets: FloatArray, bins: int) -> float:
    """Return how much of the label the means of groups of one half of the rows explain in the other half."""
    groups = _bin_values(column, bins)
    half = np.arange(len(groups)) % 2 == 0
    overall = targets[half].mean(axis=0)
    size = int(groups.max()) + 1
    rows = np.bincount(groups[half], minlength=size)
    sums = np.stack([np.bincount(groups[half], weights=t, minlength=size) for t in targets[half].T], axis=1)
    means = np.where(rows[:, None] > 0, sums / np.maximum(rows, 1)[:, None], overall)
    if _is_number(column):
        # A few rows leave groups of numbers without any: there the group below speaks.
        means = means[np.maximum.accumulate(np.where(rows > 0, np.arange(size), 0))]
    return _compute_r2(targets[~half], means[groups[~half]])


def _compute_r2(targets: FloatArray, predicted: FloatArray) -> float:
    spread = ((targets - targets.mean(axis=0)) ** 2).sum()
    return float(max(0.0, 1 - ((targets - predicted) ** 2).sum() / spread)) if spread > 0 else 0.0


def _interpolate_targets(values: FloatArray, targets: FloatArray) -> FloatArray:
    """For each row the label on the line between the next smaller value and the next greater one."""
    distinct, places, rows = np.unique(values, return_inverse=True, return_counts=True)
    if len(distinct) < 3:  # noqa: PLR2004
        return np.broadcast_to(targets.mean(axis=0), targets.shape)
    means = np.stack([np.bincount(places, weights=column) / rows for column in targets.T], axis=1)
    middle = np.arange(len(distinct)).clip(1, len(distinct) - 2)
    share = ((distinct[middle] - distinct[middle - 1]) / (distinct[middle + 1] - distinct[middle - 1]))[:, None]
    between = means[middle - 1] * (1 - share) + means[middle + 1] * share
    between[0], between[-1] = means[1], means[-2]
    found: FloatArray = between[places]
    return found


def find_leaks(
    strengths: dict[str, float], numbers: dict[str, FloatArray], targets: FloatArray, task: Task
) -> list[Leak]:
    """Columns that a model should not be shown without asking.

    Args:
        strengths: `strength` of each feature.
        numbers: The numeric features without missing values, each of shape (rows,).
        targets: The label as in `strength`.
        task: What is predicted.
    """
    copies = [name for name, values in numbers.items() if task == "regression" and _is_copy(values, targets[:, 0])]
    strong = [name for name, value in strengths.items() if value >= LEAK_THRESHOLD and name not in copies]
    found = [
        *(Leak((name,), "is the label, or the label in another unit") for name in copies),
        *(Leak((name,), f"alone explains {strengths[name]:.1%} of the label") for name in strong),
    ]
    rest = {name: values for name, values in numbers.items() if name not in (*copies, *strong)}
    if task != "regression":
        apart = [name for name, values in rest.items() if _separates_classes(values, targets.argmax(axis=1))]
        return [*found, *(Leak((name,), "alone predicts the class of every row") for name in apart)]
    parts = _find_summands(rest, targets[:, 0])
    return [*found, *([Leak(parts, "together add up to the label")] if parts else [])]


def _is_copy(values: FloatArray, label: FloatArray) -> bool:
    return bool(values.std() > 0 and np.corrcoef(values, label)[0, 1] ** 2 >= EXACT_THRESHOLD)


def _separates_classes(values: FloatArray, label: NDArray[np.int64]) -> bool:
    """Return whether each class has a range of the values to itself."""
    _, rows = np.unique(label, return_counts=True)
    if rows.min() < MIN_SEPARATION_ROWS:
        return False
    order = np.lexsort((label, values))
    ends = np.flatnonzero(np.diff(label[order]))
    return bool(len(ends) == len(rows) - 1 and (values[order][ends] < values[order][ends + 1]).all())


def _find_summands(numbers: dict[str, FloatArray], label: FloatArray) -> tuple[str, ...]:
    """Return the columns of an exact linear combination that is the label, or none."""
    if not numbers or len(label) <= len(numbers) + 1:
        return ()
    matrix = np.column_stack([*numbers.values(), np.ones(len(label))])
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-300)
    weights, *_ = np.linalg.lstsq(matrix / scale, label, rcond=None)
    left = label - matrix / scale @ weights
    if 1 - left.var() / label.var() < EXACT_THRESHOLD:
        return ()
    shares = np.abs(weights) * (matrix / scale).std(axis=0) / label.std()
    return tuple(name for name, share in zip(numbers, shares, strict=False) if share > 1e-4)  # noqa: PLR2004


def _bin_values(column: pa.ChunkedArray, bins: int) -> NDArray[np.int64]:
    if _is_number(column):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy()
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, bins)))
        return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values)).astype(np.int64)
    codes = pc.dictionary_encode(pc.cast(column, pa.string())).combine_chunks().indices
    return np.asarray(pc.fill_null(pc.add(codes, 1), 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _is_number(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))
