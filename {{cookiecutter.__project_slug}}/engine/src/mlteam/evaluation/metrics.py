"""The metrics a model is evaluated by, and how sure one can be of them.

A metric takes labels of shape (rows,), predictions of shape (rows,) or (rows, classes) and row weights of shape
(rows,), and gives one number. Weights are what makes a bootstrap cheap: drawing rows with replacement is counting how
often each one was drawn.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlteam.config.spec import Task
from mlteam.data.features import Labels

Floats = NDArray[np.floating]
MetricFunction = Callable[[Labels, Floats, Floats], float]
# The same for many weights at once, shape (resamples, rows); NaN where the number is undefined.
BatchFunction = Callable[[Labels, Floats, Floats], Floats]
MIN_PROBABILITY = 1e-7
Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)
SHARE: Bounds = (0.0, 1.0)
NOT_NEGATIVE: Bounds = (0.0, math.inf)


class UndefinedMetricError(Exception):
    """These rows have no such number; says why."""


@dataclass(frozen=True)
class Metric:
    """A named function, the tasks it fits, and which way is good.

    `batch` gives the same numbers for many weights at once; it may ask for rows in the order of their prediction, the
    highest first, which `ranks` says. `bounds` are the least and the greatest value that it can have.
    """

    name: str
    function: MetricFunction
    higher_is_better: bool
    tasks: tuple[Task, ...]
    batch: BatchFunction | None = None
    ranks: bool = False
    bounds: Bounds = UNBOUNDED

    @property
    def sign(self) -> int:
        """What a difference is multiplied by to be a gain."""
        return 1 if self.higher_is_better else -1

    @property
    def gain_bounds(self) -> Bounds:
        """The least and the greatest difference of two values."""
        width = self.bounds[1] - self.bounds[0]
        return -width, width


def roc_auc(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Chance that a positive row is ranked above a negative one; 0.5 is guessing, 1 is perfect."""
    positives, negatives = _cumulate_weights(label, prediction, weight)
    # The curve begins where nothing is called positive, which no row stands for.
    area = np.trapezoid(positives, negatives) + positives[0] * negatives[0] / 2
    return float(area / (positives[-1] * negatives[-1]))


def average_precision(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean precision at the positive rows, the highest prediction first; guessing gives their share, 1 is perfect."""
    positives, negatives = _cumulate_weights(label, prediction, weight)
    # Rows that were not drawn may come first; before any row there is no precision, and no positive that needs it.
    precision = positives / np.maximum(positives + negatives, np.finfo(float).tiny)
    return float(np.diff(positives, prepend=0) @ precision / positives[-1])


def log_loss(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean surprise in nats; 0 is perfect."""
    return float(weight @ _compute_log_losses(label, prediction) / weight.sum())


def brier_score(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean squared distance between probability and outcome; 0 is perfect."""
    return float(weight @ (prediction - label) ** 2 / weight.sum())


def accuracy(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Share of rows whose most probable class is the right one; 1 is perfect."""
    return float(weight @ (prediction.argmax(axis=1) == label) / weight.sum())


def balanced_accuracy(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Accuracy within each class, averaged over the classes that occur; 1 is perfect, a rare class counts like any."""
    classes = prediction.shape[1]
    rows = np.bincount(label.astype(np.int64), weight, classes)
    right = np.bincount(label.astype(np.int64), weight * (prediction.argmax(axis=1) == label), classes)
    return float((right[rows > 0] / rows[rows > 0]).mean())


def mean_absolute_error(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean distance between prediction and truth, in the label's unit; 0 is perfect."""
    return float(weight @ np.abs(prediction - label) / weight.sum())


def root_mean_squared_error(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Root of the mean squared distance, in the label's unit; 0 is perfect, large errors count more."""
    return float(np.sqrt(weight @ (prediction - label) ** 2 / weight.sum()))


def r2(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Share of the label's variance that is predicted; 0 is guessing the mean, 1 is perfect."""
    spread = weight @ (label - weight @ label / weight.sum()) ** 2
    if spread == 0:
        raise UndefinedMetricError("all labels are the same")
    return float(1 - weight @ (prediction - label) ** 2 / spread)


def _batch_roc_auc(label: Labels, prediction: Floats, weights: Floats) -> Floats:
    positives, negatives = _cumulate_many(label, prediction, weights)
    area = np.trapezoid(positives, negatives, axis=1) + positives[:, 0] * negatives[:, 0] / 2
    return _divide(area, positives[:, -1] * negatives[:, -1])


def _batch_average_precision(label: Labels, prediction: Floats, weights: Floats) -> Floats:
    positives, negatives = _cumulate_many(label, prediction, weights)
    precision = positives / np.maximum(positives + negatives, np.finfo(float).tiny)
    found = np.einsum("ij,ij->i", np.diff(positives, prepend=0, axis=1), precision)
    return _divide(np.where(negatives[:, -1] > 0, found, np.nan), positives[:, -1])


def _cumulate_many(label: Labels, prediction: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """As `_cumulate_weights`, for rows in the order of their prediction; shape (resamples, distinct predictions)."""
    last_of_ties = np.append(np.flatnonzero(prediction[1:] != prediction[:-1]), len(prediction) - 1)
    positives = np.cumsum(weights * label, axis=1)[:, last_of_ties]
    return positives, np.cumsum(weights, axis=1)[:, last_of_ties] - positives


def _divide(value: Floats, by: Floats) -> Floats:
    return np.asarray(np.divide(value, by, out=np.full(len(value), np.nan), where=by > 0))


def _batch_mean(compute_loss: Callable[[Labels, Floats], Floats]) -> BatchFunction:
    """Make the batch form of a metric that is a weighted mean over rows."""

    def batch(label: Labels, prediction: Floats, weights: Floats) -> Floats:
        # Not as a product of matrices, whose threads would cost more than they bring.
        sums = np.einsum("ij,j->i", weights, compute_loss(label, prediction).astype(np.float64))
        return _divide(sums, weights.sum(axis=1))

    return batch


def _compute_log_losses(label: Labels, prediction: Floats) -> Floats:
    if prediction.ndim == 1:
        sure = np.where(label == 1, prediction, 1 - prediction)
    else:
        sure = prediction[np.arange(len(label)), label.astype(np.int64)]
    return np.asarray(-np.log(np.clip(sure, MIN_PROBABILITY, 1)))


def _compute_squares(label: Labels, prediction: Floats) -> Floats:
    return np.asarray((prediction - label) ** 2)


def _compute_distances(label: Labels, prediction: Floats) -> Floats:
    return np.asarray(np.abs(prediction - label))


def _batch_root_mean_square(label: Labels, prediction: Floats, weights: Floats) -> Floats:
    return np.asarray(np.sqrt(_batch_mean(_compute_squares)(label, prediction, weights)))


BUILTIN_METRICS = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", roc_auc, True, ("binary",), _batch_roc_auc, ranks=True, bounds=SHARE),
        Metric(
            "average_precision",
            average_precision,
            True,
            ("binary",),
            _batch_average_precision,
            ranks=True,
            bounds=SHARE,
        ),
        Metric("brier_score", brier_score, False, ("binary",), _batch_mean(_compute_squares), bounds=SHARE),
        Metric(
            "log_loss",
            log_loss,
            False,
            ("binary", "multiclass"),
            _batch_mean(_compute_log_losses),
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            "accuracy",
            accuracy,
            True,
            ("multiclass",),
            _batch_mean(lambda y, p: p.argmax(axis=1) == y),
            bounds=SHARE,
        ),
        Metric("balanced_accuracy", balanced_accuracy, True, ("multiclass",), bounds=SHARE),
        Metric(
            "mean_absolute_error",
            mean_absolute_error,
            False,
            ("regression",),
            _batch_mean(_compute_distances),
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            "root_mean_squared_error",
            root_mean_squared_error,
            False,
            ("regression",),
            _batch_root_mean_square,
            bounds=NOT_NEGATIVE,
        ),
        Metric("r2", r2, True, ("regression",), bounds=(-math.inf, 1.0)),
    )
}


def _cumulate_weights(label: Labels, prediction: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weights of positives and of negatives at or above each distinct prediction, from the highest down."""
    if (prediction[1:] > prediction[:-1]).any():
        order = np.argsort(-prediction, kind="stable")
        label, prediction, weight = label[order], prediction[order], weight[order]
    last_of_ties = np.append(np.flatnonzero(prediction[1:] != prediction[:-1]), len(prediction) - 1)
    positives = np.cumsum(weight * label)[last_of_ties]
    negatives = np.cumsum(weight)[last_of_ties] - positives
    if positives[-1] == 0 or negatives[-1] == 0:
        raise UndefinedMetricError("all rows are of one class")
    return positives, negatives
