"""The metrics a model is judged by, and how sure one can be of them.

A metric takes labels of shape (rows,), predictions of shape (rows,) or (rows, classes) and row weights of shape
(rows,), and gives one number. Weights are what makes a bootstrap cheap: drawing rows with replacement is counting how
often each one was drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .features import Labels
from .spec import Evaluation, Task

Floats = NDArray[np.floating]
Function = Callable[[Labels, Floats, Floats], float]
SMALLEST = 1e-7


class UndefinedMetricError(Exception):
    """These rows have no such number; says why."""


@dataclass(frozen=True)
class Metric:
    """A named function, the tasks it fits, and which way is good."""

    name: str
    function: Function
    higher_is_better: bool
    tasks: tuple[Task, ...]

    @property
    def sign(self) -> int:
        """What a difference is multiplied by to be a gain."""
        return 1 if self.higher_is_better else -1


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; or None for all three, and why."""

    value: float | None
    low: float | None
    high: float | None
    undefined: str = ""

    @property
    def decided(self) -> bool:
        """Whether zero lies outside of the interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def text(self, *, signed: bool = False) -> str:
        """The number with its interval in brackets, or why there is none."""
        if self.value is None:
            return f"not defined: {self.undefined}"
        return f"{self.value:{'+' if signed else ''}.4f} [{self.low:.4f}, {self.high:.4f}]"


def roc_auc(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Chance that a positive row is ranked above a negative one; 0.5 is guessing, 1 is perfect."""
    positives, negatives = _cumulated(label, prediction, weight)
    # The curve begins where nothing is called positive, which no row stands for.
    area = np.trapezoid(positives, negatives) + positives[0] * negatives[0] / 2
    return float(area / (positives[-1] * negatives[-1]))


def average_precision(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean precision at the positive rows, the highest prediction first; guessing gives their share, 1 is perfect."""
    positives, negatives = _cumulated(label, prediction, weight)
    # Rows that were not drawn may come first; before any row there is no precision, and no positive that needs it.
    precision = positives / np.maximum(positives + negatives, np.finfo(float).tiny)
    return float(np.diff(positives, prepend=0) @ precision / positives[-1])


def log_loss(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean surprise in nats; 0 is perfect."""
    if prediction.ndim == 1:
        sure = np.where(label == 1, prediction, 1 - prediction)
    else:
        sure = prediction[np.arange(len(label)), label.astype(np.int64)]
    return float(-(weight @ np.log(np.clip(sure, SMALLEST, 1))) / weight.sum())


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


METRICS = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", roc_auc, True, ("binary",)),
        Metric("average_precision", average_precision, True, ("binary",)),
        Metric("brier_score", brier_score, False, ("binary",)),
        Metric("log_loss", log_loss, False, ("binary", "multiclass")),
        Metric("accuracy", accuracy, True, ("multiclass",)),
        Metric("balanced_accuracy", balanced_accuracy, True, ("multiclass",)),
        Metric("mean_absolute_error", mean_absolute_error, False, ("regression",)),
        Metric("root_mean_squared_error", root_mean_squared_error, False, ("regression",)),
        Metric("r2", r2, True, ("regression",)),
    )
}


class Judge:
    """Computes metrics with bootstrap intervals on one set of rows.

    All models judged by it see the same resamples, so that the difference of two of them is a paired one.

    Args:
        label: Shape (rows,).
        settings: Confidence and number of resamples.
        seed: Makes the intervals repeatable.
    """

    def __init__(self, label: Labels, settings: Evaluation, seed: int = 0) -> None:
        self._label, self._settings = label, settings
        random = np.random.default_rng(seed)
        rows = len(label)
        # How often each row counts, in few bytes: they are read once for each metric of each model.
        self._weights = [np.ones(rows, dtype=np.uint16), *(_draw(random, rows) for _ in range(settings.resamples))]

    def samples(self, metric: Metric, prediction: Floats) -> NDArray[np.float64]:
        """The metric on all rows and then on each resample, NaN where one has no such number; shape (1 + resamples,).

        Raises:
            UndefinedMetricError: All rows together have no such number.
        """
        # Metrics that rank rows would sort them for each resample.
        order = np.argsort(-prediction, kind="stable") if prediction.ndim == 1 else np.arange(len(prediction))
        label, prediction = self._label[order], prediction[order].astype(np.float64)
        values = np.full(len(self._weights), np.nan)
        for position, weight in enumerate(self._weights):
            try:
                values[position] = metric.function(label, prediction, weight[order].astype(np.float64))
            except UndefinedMetricError:
                if position == 0:
                    raise
        return values

    def estimate(self, metric: Metric, prediction: Floats) -> Estimate:
        """The metric with its interval."""
        try:
            return self.summarize(self.samples(metric, prediction))
        except UndefinedMetricError as error:
            return Estimate(None, None, None, str(error))

    def summarize(self, samples: NDArray[np.float64]) -> Estimate:
        """The first sample is the value; the others give the interval."""
        tail = (1 - self._settings.confidence) / 2
        low, high = np.nanquantile(samples[1:], [tail, 1 - tail])
        return Estimate(float(samples[0]), float(low), float(high))


def _draw(random: np.random.Generator, rows: int) -> NDArray[np.uint16]:
    return np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.uint16)


def _cumulated(label: Labels, prediction: Floats, weight: Floats) -> tuple[Floats, Floats]:
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
