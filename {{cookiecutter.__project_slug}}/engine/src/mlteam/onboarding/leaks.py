"""Features that give the label away: alone nearly perfect, a copy of it, or parts of a sum or product that it is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlteam.config.spec import Task

MAX_BINS, MIN_BINS, ROWS_PER_BIN = 256, 8, 25
LEAK_THRESHOLD = 0.99
# A copy of a class in which one row of a hundred is another one.
CLASS_THRESHOLD = 0.95
# Where several features together say so much, somebody should ask whether all of them are known in time.
JOINT_THRESHOLD = 0.99
JOINT_ROWS, JOINT_TREES = 10_000, 60
# Sums that were rounded: nearly all, and no row further off than rounding.
ROUNDED_THRESHOLD, ROUNDING_UNITS = 0.999, 1.5
MIN_PRESENT_SHARE, ROWS_PER_PART = 0.8, 6
EXACT_THRESHOLD = 1 - 1e-9
# Rows that lie on a curve, and not only near one, as those of a time series do.
CURVE_THRESHOLD = 0.998
# Fewer rows of a class can be neighbors by chance.
MIN_SEPARATION_ROWS = 5
SAMPLE_ROWS = 100_000
MAX_FLOAT32 = float(np.finfo(np.float32).max)
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
        numbers: The numeric features, each of shape (rows,); NaN where a value is missing.
        targets: The label as in `strength`.
        task: What is predicted.
    """
    copies = [name for name, values in numbers.items() if task == "regression" and _is_copy(values, targets[:, 0])]
    most = LEAK_THRESHOLD if task == "regression" else CLASS_THRESHOLD
    strong = [name for name, value in strengths.items() if value >= most and name not in copies]
    found = [
        *(Leak((name,), "is the label, or the label in another unit") for name in copies),
        *(Leak((name,), f"alone explains {strengths[name]:.1%} of the label") for name in strong),
    ]
    rest = {name: values for name, values in numbers.items() if name not in (*copies, *strong)}
    if task != "regression":
        apart = [name for name, values in rest.items() if _separates_classes(values, targets.argmax(axis=1))]
        return [*found, *(Leak((name,), "alone predicts the class of every row") for name in apart)]
    for reason, transform in (("add up to the label", np.asarray), ("multiplied are the label", np.log)):
        if parts := _find_parts(rest, targets[:, 0], transform):
            return [*found, Leak(parts, f"together {reason}")]
    return found


def measure_joint_strength(features: list[pa.ChunkedArray], targets: FloatArray) -> float:
    """Return how much of the label all features together explain on rows that they were not fitted to, by trees.

    Args:
        features: The values of each.
        targets: The label as in `measure_leak_strength`.
    """
    from mlteam.core.lean_xgboost import xgboost

    codes = [_encode_values(column) for column in features]
    matrix, target = np.column_stack(codes)[:JOINT_ROWS], targets[:JOINT_ROWS, -1]
    if not np.abs(target).max() < MAX_FLOAT32:
        return 0.0
    half = np.arange(len(target)) % 2 == 0
    trees = xgboost.train(
        {"max_depth": 6, "eta": 0.3, "seed": 0, "verbosity": 0},
        xgboost.DMatrix(matrix[half], target[half]),
        JOINT_TREES,
    )
    return _compute_r2(target[~half][:, None], trees.predict(xgboost.DMatrix(matrix[~half]))[:, None])


def _encode_values(column: pa.ChunkedArray) -> FloatArray:
    """Return a column as numbers: text by the position of its value."""
    if not _is_number(column):
        column = pc.dictionary_encode(pc.cast(column, pa.string())).combine_chunks().indices
    codes = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.where(np.abs(codes) < MAX_FLOAT32, codes, np.nan)


def _is_copy(values: FloatArray, label: FloatArray) -> bool:
    present = np.isfinite(values)
    if present.mean() < MIN_PRESENT_SHARE:
        return False
    values, label = values[present], label[present]
    return bool(values.std() > 0 and label.std() > 0 and np.corrcoef(values, label)[0, 1] ** 2 >= EXACT_THRESHOLD)


def _separates_classes(values: FloatArray, label: NDArray[np.int64]) -> bool:
    """Return whether each class has a range of the values to itself."""
    _, rows = np.unique(label, return_counts=True)
    if rows.min() < MIN_SEPARATION_ROWS or not np.isfinite(values).all():
        return False
    order = np.lexsort((label, values))
    ends = np.flatnonzero(np.diff(label[order]))
    return bool(len(ends) == len(rows) - 1 and (values[order][ends] < values[order][ends + 1]).all())


# Products of fitted logarithms may be endless, which is then far from the label.
@np.errstate(over="ignore", invalid="ignore")
def _find_parts(
    numbers: dict[str, FloatArray], label: FloatArray, transform: Callable[[FloatArray], FloatArray]
) -> tuple[str, ...]:
    """Return the columns of a linear combination that is the label up to its rounding, or none.

    Args:
        numbers: The features.
        label: The label.
        transform: What is combined: the values for sums, their logarithms for products and quotients.
    """
    shares = {name: np.isfinite(values).mean() for name, values in numbers.items()}
    named = {name: values for name, values in numbers.items() if shares[name] >= MIN_PRESENT_SHARE}
    logs = transform is np.log
    if logs:
        named = {name: values for name, values in named.items() if np.nanmin(values) > 0}
    if len(named) < 2 or (logs and label.min() <= 0):  # noqa: PLR2004
        return ()
    rows = np.isfinite(np.column_stack([*named.values()])).all(axis=1)
    if rows.sum() < ROWS_PER_PART * (len(named) + 1):
        return ()
    matrix = np.column_stack([*(transform(values[rows]) for values in named.values()), np.ones(rows.sum())])
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-300)
    known, target = label[rows], transform(label[rows])
    # Evaluated on rows that the weights were not fitted to.
    half = np.arange(len(target)) % 2 == 0
    # In logarithms the rounding of a large product counts less than that of a small one.
    sure = (known if logs else np.ones(len(known)))[half, None]
    weights, *_ = np.linalg.lstsq(sure * matrix[half] / scale, sure[:, 0] * target[half], rcond=None)
    predicted = matrix / scale @ weights
    off = np.abs(known - (np.exp(predicted) if logs else predicted))[~half]
    spread = known[~half].var()
    explained = 1 - (off**2).mean() / spread if spread > 0 else 0.0
    within_rounding = explained >= ROUNDED_THRESHOLD and off.max() <= ROUNDING_UNITS * _find_unit(known)
    if not (explained >= EXACT_THRESHOLD or within_rounding):
        return ()
    moved = np.abs(weights) * (matrix / scale).std(axis=0) / target.std()
    return tuple(name for name, share in zip(named, moved, strict=False) if share > 1e-3)  # noqa: PLR2004


def _find_unit(label: FloatArray) -> float:
    """Return what the numbers are multiples of: 1, 0.1, 0.01 and so on; 0 where they are not rounded."""
    for digits in range(-3, 5):
        if np.allclose(label, np.round(label, digits), rtol=0, atol=1e-9):
            return float(10.0**-digits)
    return 0.0


def _bin_values(column: pa.ChunkedArray, bins: int) -> NDArray[np.int64]:
    if _is_number(column):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy()
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, bins)))
        return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values)).astype(np.int64)
    codes = pc.dictionary_encode(pc.cast(column, pa.string())).combine_chunks().indices
    return np.asarray(pc.fill_null(pc.add(codes, 1), 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _is_number(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))
