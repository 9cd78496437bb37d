"""The metrics a model is evaluated by, and how sure one can be of them.

A metric takes labels of shape (rows,), predictions of shape (rows,) or (rows, classes) and row weights of shape
(rows,), and gives one number. Weights are what makes a bootstrap cheap: drawing rows with replacement is counting how
often each one was drawn.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlteam.config.spec import Task
from mlteam.data.features import Floats, Labels
from mlteam.evaluation.resampled import (
    CountedMetric,
    PreparedMetric,
    prepare_average_precision,
    prepare_mean,
    prepare_roc_auc,
    prepare_root_mean,
)

MetricFunction = Callable[[Labels, Floats, Floats], float]
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

    `prepare` gives the same numbers for many resamples of the same rows, sooner. `bounds` are the least and the
    greatest value that the metric can have.
    """

    name: str
    function: MetricFunction
    higher_is_better: bool
    tasks: tuple[Task, ...]
    prepare: PreparedMetric | None = None
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
    return _define(prepare_roc_auc(label, prediction), weight)


def average_precision(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean precision at the positive rows, the highest prediction first; guessing gives their share, 1 is perfect."""
    return _define(prepare_average_precision(label, prediction), weight)


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


def _compute_log_losses(label: Labels, prediction: Floats) -> Floats:
    if prediction.ndim == 1:
        sure = np.where(label == 1, prediction, 1 - prediction)
    else:
        sure = prediction[np.arange(len(label)), label.astype(np.int64)]
    return np.asarray(-np.log(np.clip(sure, MIN_PROBABILITY, 1)))


def _compute_squares(label: Labels, prediction: Floats) -> Floats:
    return np.asarray((prediction - label) ** 2)


def _find_hits(label: Labels, prediction: Floats) -> Floats:
    return np.asarray(prediction.argmax(axis=1) == label, dtype=np.float64)


def _compute_distances(label: Labels, prediction: Floats) -> Floats:
    return np.asarray(np.abs(prediction - label))


BUILTIN_METRICS = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", roc_auc, True, ("binary",), prepare_roc_auc, SHARE),
        Metric("average_precision", average_precision, True, ("binary",), prepare_average_precision, SHARE),
        Metric("brier_score", brier_score, False, ("binary",), prepare_mean(_compute_squares), SHARE),
        Metric("log_loss", log_loss, False, ("binary", "multiclass"), prepare_mean(_compute_log_losses), NOT_NEGATIVE),
        Metric("accuracy", accuracy, True, ("multiclass",), prepare_mean(_find_hits), SHARE),
        Metric("balanced_accuracy", balanced_accuracy, True, ("multiclass",), bounds=SHARE),
        Metric(
            "mean_absolute_error",
            mean_absolute_error,
            False,
            ("regression",),
            prepare_mean(_compute_distances),
            NOT_NEGATIVE,
        ),
        Metric(
            "root_mean_squared_error",
            root_mean_squared_error,
            False,
            ("regression",),
            prepare_root_mean(_compute_squares),
            NOT_NEGATIVE,
        ),
        Metric("r2", r2, True, ("regression",), bounds=(-math.inf, 1.0)),
    )
}


def _define(compute: CountedMetric, weight: Floats) -> float:
    """Return the number of a prepared metric of two classes."""
    value = compute(weight)
    if math.isnan(value):
        raise UndefinedMetricError("all rows are of one class")
    return value
