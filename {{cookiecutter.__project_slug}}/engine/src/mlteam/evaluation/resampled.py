"""Metrics of the same rows under many counts: what does not depend on them is computed once.

A prepared metric takes labels and predictions, and gives a function of how often each row counts, shape (rows,). Its
number is NaN where the metric is not defined.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlteam.data.features import Floats, Labels

Counts = NDArray[np.uint16]
Integers = NDArray[np.int64]
CountedMetric = Callable[[Counts], float]
PreparedMetric = Callable[[Labels, Floats], CountedMetric]


def prepare_mean(compute_losses: Callable[[Labels, Floats], Floats]) -> PreparedMetric:
    """Prepare a metric that is the mean of a loss of each row."""

    def prepare(label: Labels, prediction: Floats) -> CountedMetric:
        losses = compute_losses(label, prediction).astype(np.float64)
        # Not as a dot product, whose threads would cost more than they bring.
        return lambda count: _divide(float((count * losses).sum()), int(count.sum()))

    return prepare


def prepare_root_mean(compute_losses: Callable[[Labels, Floats], Floats]) -> PreparedMetric:
    """Prepare a metric that is the root of the mean of a loss of each row."""
    prepare_inner = prepare_mean(compute_losses)

    def prepare(label: Labels, prediction: Floats) -> CountedMetric:
        compute = prepare_inner(label, prediction)
        return lambda count: math.sqrt(compute(count))

    return prepare


def prepare_roc_auc(label: Labels, prediction: Floats) -> CountedMetric:
    """Prepare the area under the ROC curve; labels of 0 and 1, predictions of shape (rows,)."""
    count_steps = _prepare_steps(label, prediction)

    def compute(count: Counts) -> float:
        found = count_steps(count)
        negatives, positives_before = found.all_rows - found.all_positives, found.positives - found.here
        # Negatives above a positive are lost pairs, and those with the same prediction half of one.
        lost = found.here @ ((found.rows - found.positives) + (found.rows_before - positives_before))
        return 1 - _divide(float(lost) / 2, found.all_positives * negatives)

    return compute


def prepare_average_precision(label: Labels, prediction: Floats) -> CountedMetric:
    """Prepare the average precision; labels of 0 and 1, predictions of shape (rows,)."""
    count_steps = _prepare_steps(label, prediction)

    def compute(count: Counts) -> float:
        found = count_steps(count)
        # As the curve, it needs rows of both classes.
        if found.all_positives == found.all_rows:
            return math.nan
        # Rows that do not count may come first; before any row there is no positive that needs a precision.
        precision = found.positives / np.maximum(found.rows, 1)
        return _divide(float((found.here * precision).sum()), found.all_positives)

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

    here: Integers
    positives: Integers
    rows: Integers
    rows_before: Integers
    all_positives: int
    all_rows: int


def _prepare_steps(label: Labels, prediction: Floats) -> Callable[[Counts], _Steps]:
    """Return a function that counts the rows at each step; predictions without a positive are no steps."""
    order = np.argsort(-prediction, kind="stable")
    ordered = prediction[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    positives = np.flatnonzero(label[order])
    places = np.searchsorted(ends, positives)
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    last = ends[places[starts]]
    before = np.append(-1, ends)[places[starts]]

    def count_steps(count: Counts) -> _Steps:
        drawn = count[order]
        # The last one is found at -1: before the first step there are none.
        rows = np.append(np.cumsum(drawn, dtype=np.int64), 0)
        here = np.add.reduceat(drawn[positives], starts, dtype=np.int64) if len(starts) else np.zeros(0, np.int64)
        return _Steps(here, np.cumsum(here), rows[last], rows[before], int(here.sum()), int(rows[-2]))

    return count_steps


def _divide(value: float, by: int) -> float:
    return float(value / by) if by else math.nan
