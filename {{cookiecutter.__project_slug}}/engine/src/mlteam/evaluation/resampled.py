"""Metrics of the same rows under many counts: what does not depend on them is computed once.

A prepared metric takes labels and predictions, and the unit that each row belongs to, from 0; without units, each row
is one. It gives a function of how often each unit counts, shape (units,), whose number is NaN where the metric is not
defined.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mlteam.data.features import Floats, Labels

Units = NDArray[np.intp]
# Whole numbers from resampling, or the weights of rows.
Counts = NDArray[Any]
CountedMetric = Callable[[Counts], float]
# With more units, to count the pairs of each with each takes longer than to count the steps of each resample.
MAX_PAIRED_UNITS = 100


class PreparedMetric(Protocol):
    """Prepares a metric for many counts."""

    def __call__(self, label: Labels, prediction: Floats, units: Units | None = None) -> CountedMetric:
        """Return the metric as a function of counts."""


def prepare_mean(compute_losses: Callable[[Labels, Floats], Floats]) -> PreparedMetric:
    """Prepare a metric that is the mean of a loss of each row."""

    def prepare(label: Labels, prediction: Floats, units: Units | None = None) -> CountedMetric:
        losses = compute_losses(label, prediction).astype(np.float64)
        rows = np.ones(len(losses))
        if units is not None:
            losses, rows = (np.bincount(units, values).astype(np.float64) for values in (losses, rows))
        # Not as a dot product, whose threads would cost more than they bring.
        return lambda count: _divide((count * losses).sum(), (count * rows).sum())

    return prepare


def prepare_root_mean(compute_losses: Callable[[Labels, Floats], Floats]) -> PreparedMetric:
    """Prepare a metric that is the root of the mean of a loss of each row."""
    prepare_inner = prepare_mean(compute_losses)

    def prepare(label: Labels, prediction: Floats, units: Units | None = None) -> CountedMetric:
        compute = prepare_inner(label, prediction, units)
        return lambda count: math.sqrt(compute(count))

    return prepare


def prepare_roc_auc(label: Labels, prediction: Floats, units: Units | None = None) -> CountedMetric:
    """Prepare the area under the ROC curve; labels of 0 and 1, predictions of shape (rows,)."""
    if units is not None and units.max(initial=0) < MAX_PAIRED_UNITS:
        return _prepare_pairs(label, prediction, units)
    count_steps = _prepare_steps(label, prediction, units)

    def compute(count: Counts) -> float:
        found = count_steps(count)
        negatives, positives_before = found.all_rows - found.all_positives, found.positives - found.here
        # Negatives above a positive are lost pairs, and those with the same prediction half of one.
        lost = found.here @ ((found.rows - found.positives) + (found.rows_before - positives_before))
        return 1 - _divide(lost / 2, found.all_positives * negatives)

    return compute


def prepare_average_precision(label: Labels, prediction: Floats, units: Units | None = None) -> CountedMetric:
    """Prepare the average precision; labels of 0 and 1, predictions of shape (rows,)."""
    count_steps = _prepare_steps(label, prediction, units)

    def compute(count: Counts) -> float:
        found = count_steps(count)
        # As the curve, it needs rows of both classes.
        if found.all_positives == found.all_rows:
            return math.nan
        # Rows that do not count may come first; before any row there is no positive that needs a precision.
        precision = found.positives / np.maximum(found.rows, np.finfo(float).tiny)
        return _divide((found.here * precision).sum(), found.all_positives)

    return compute


def _prepare_pairs(label: Labels, prediction: Floats, units: Units) -> CountedMetric:
    """Prepare the area under the ROC curve: the share of pairs in which the positive has the higher prediction."""
    positive, size = label == 1, int(units.max(initial=-1)) + 1
    order = np.argsort(prediction[positive])
    ranked, units_ranked = prediction[positive][order], units[positive][order]
    # Twice the pairs that positives of a unit, a row, win against negatives of another, a column; ties count once.
    won = np.zeros((size, size))
    for unit in range(size):
        beaten = np.sort(prediction[(units == unit) & ~positive])
        twice = np.searchsorted(beaten, ranked) + np.searchsorted(beaten, ranked, side="right")
        won[:, unit] = np.bincount(units_ranked, twice, size)
    positives, negatives = (np.bincount(units[rows], minlength=size) for rows in (positive, ~positive))

    def compute(count: Counts) -> float:
        pairs = float(count @ positives) * float(count @ negatives)
        return _divide((count * (won * count).sum(axis=1)).sum() / 2, pairs)

    return compute


class _Steps(NamedTuple):
    """Rows at each distinct prediction of a positive, from the highest down; each of shape (steps,).

    Attributes:
        here: Positives with this prediction.
        positives: Positives with this prediction or a higher one.
        rows: Rows with this prediction or a higher one.
        rows_before: Rows with a higher one.
        all_positives: Positives altogether.
        all_rows: Rows altogether.
    """

    here: Counts
    positives: Counts
    rows: Counts
    rows_before: Counts
    all_positives: float
    all_rows: float


def _prepare_steps(label: Labels, prediction: Floats, units: Units | None) -> Callable[[Counts], _Steps]:
    """Return a function that counts the rows at each step; predictions without a positive are no steps."""
    order = np.argsort(-prediction, kind="stable")
    ordered = prediction[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    positives = np.flatnonzero(label[order])
    steps, starts = np.unique(np.searchsorted(ends, positives), return_index=True)
    last, before = ends[steps], np.append(-1, ends)[steps]
    units = order if units is None else units[order]

    def count_steps(count: Counts) -> _Steps:
        drawn = count[units]
        kind = np.result_type(drawn, np.int64)
        # The last one is found at -1: before the first step there are none.
        rows = np.append(np.cumsum(drawn, dtype=kind), 0)
        here = np.add.reduceat(drawn[positives], starts, dtype=kind) if len(starts) else np.zeros(0, kind)
        return _Steps(here, np.cumsum(here), rows[last], rows[before], here.sum(), rows[-2])

    return count_steps


def _divide(value: float, by: float) -> float:
    return float(value / by) if by else math.nan
