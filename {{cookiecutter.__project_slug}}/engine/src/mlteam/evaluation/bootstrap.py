"""Bootstrap: estimates with confidence intervals from resampled rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlteam.config.spec import Evaluation
from mlteam.data.features import Labels
from mlteam.evaluation.metrics import Floats, Metric, UndefinedMetricError


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; or None for all three, and why."""

    value: float | None
    low: float | None
    high: float | None
    undefined: str = ""

    @property
    def excludes_zero(self) -> bool:
        """Whether zero is outside the interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def format(self, *, signed: bool = False) -> str:
        """Return the number with its interval in brackets, or why there is none."""
        if self.value is None:
            return f"not defined: {self.undefined}"
        return f"{self.value:{'+' if signed else ''}.4f} [{self.low:.4f}, {self.high:.4f}]"


class Bootstrap:
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
        self._weights = [
            np.ones(rows, dtype=np.uint16),
            *(_draw_resample(random, rows) for _ in range(settings.resamples)),
        ]

    def compute_samples(self, metric: Metric, prediction: Floats) -> NDArray[np.float64]:
        """Compute the metric on all rows, then on each resample, NaN where it is undefined; shape (1 + resamples,).

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
        """Return the metric with its interval."""
        try:
            return self.summarize(self.compute_samples(metric, prediction))
        except UndefinedMetricError as error:
            return Estimate(None, None, None, str(error))

    def summarize(self, samples: NDArray[np.float64]) -> Estimate:
        """Return the first sample is the value; the others give the interval."""
        tail = (1 - self._settings.confidence) / 2
        low, high = np.nanquantile(samples[1:], [tail, 1 - tail])
        return Estimate(float(samples[0]), float(low), float(high))


def _draw_resample(random: np.random.Generator, rows: int) -> NDArray[np.uint16]:
    return np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.uint16)
