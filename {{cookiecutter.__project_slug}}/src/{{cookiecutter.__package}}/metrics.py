"""The metrics a model is judged by, and how sure one can be of them.

A metric takes labels, predictions and row weights, each of shape (rows,), and gives one number. Weights are what makes
a bootstrap cheap: drawing rows with replacement is counting how often each one was drawn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import ProjectError
from .spec import Evaluation, suggest

Labels = NDArray[np.int8]
Floats = NDArray[np.floating]
Function = Callable[[Labels, Floats, Floats], float]


class UndefinedMetricError(Exception):
    """These rows have no such number; says why."""


@dataclass(frozen=True)
class Metric:
    """A named function; `higher_is_better` says which way is good."""

    name: str
    function: Function
    higher_is_better: bool


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; or None for all three, and why."""

    value: float | None
    low: float | None
    high: float | None
    undefined: str = ""


def roc_auc(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Chance that a positive row is ranked above a negative one; 0.5 is guessing, 1 is perfect."""
    positives, negatives = _cumulated(label, prediction, weight)
    steps = np.diff(negatives, prepend=0)
    halfway = positives - np.diff(positives, prepend=0) / 2
    return float(steps @ halfway / (positives[-1] * negatives[-1]))


def average_precision(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean precision at the positive rows, the highest prediction first; guessing gives their share, 1 is perfect."""
    positives, negatives = _cumulated(label, prediction, weight)
    # Rows that were not drawn may come first; before any row there is no precision, and no positive that needs it.
    precision = positives / np.maximum(positives + negatives, np.finfo(float).tiny)
    return float(np.diff(positives, prepend=0) @ precision / positives[-1])


def log_loss(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean surprise in nats; 0 is perfect."""
    sure = np.clip(np.where(label == 1, prediction, 1 - prediction), 1e-7, 1)
    return float(-(weight @ np.log(sure)) / weight.sum())


def brier_score(label: Labels, prediction: Floats, weight: Floats) -> float:
    """Mean squared distance between probability and outcome; 0 is perfect."""
    return float(weight @ (prediction - label) ** 2 / weight.sum())


METRICS = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", roc_auc, higher_is_better=True),
        Metric("average_precision", average_precision, higher_is_better=True),
        Metric("log_loss", log_loss, higher_is_better=False),
        Metric("brier_score", brier_score, higher_is_better=False),
    )
}


def choose(names: Sequence[str]) -> list[Metric]:
    """The metrics called so.

    Raises:
        ProjectError: There is none of that name.
    """
    for name in names:
        if name not in METRICS:
            raise ProjectError(f"there is no metric {name!r}", fix=suggest(name, list(METRICS)))
    return [METRICS[name] for name in names]


class Judge:
    """Computes metrics with bootstrap intervals on one set of rows.

    All models judged by it see the same resamples, so that the difference of two of them is a paired one.

    Args:
        label: 0 or 1, shape (rows,).
        settings: Confidence and number of resamples.
        seed: Makes the intervals repeatable.
    """

    def __init__(self, label: Labels, settings: Evaluation, seed: int = 0) -> None:
        self._label, self._settings = label, settings
        random = np.random.default_rng(seed)
        rows = len(label)
        self._weights = [np.ones(rows), *(_draw(random, rows) for _ in range(settings.resamples))]

    def samples(self, metric: Metric, prediction: Floats) -> NDArray[np.float64]:
        """The metric on all rows and then on each resample, NaN where one has no such number; shape (1 + resamples,).

        Raises:
            UndefinedMetricError: All rows together have no such number.
        """
        order = np.argsort(-prediction, kind="stable")
        label, prediction = self._label[order], prediction[order].astype(np.float64)
        values = np.full(len(self._weights), np.nan)
        for position, weight in enumerate(self._weights):
            try:
                values[position] = metric.function(label, prediction, weight[order])
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


def _draw(random: np.random.Generator, rows: int) -> NDArray[np.float64]:
    return np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.float64)


def _cumulated(label: Labels, prediction: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weights of positives and of negatives at or above each distinct prediction, from the highest down."""
    order = np.argsort(-prediction, kind="stable")
    label, prediction, weight = label[order], prediction[order], weight[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(prediction)), len(prediction) - 1)
    positives = np.cumsum(weight * label)[last_of_ties]
    negatives = np.cumsum(weight)[last_of_ties] - positives
    if positives[-1] == 0 or negatives[-1] == 0:
        raise UndefinedMetricError("all rows are of one class")
    return positives, negatives
