"""Bootstrap: estimates with confidence intervals from resampled rows, or from resampled clusters of rows."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlteam.config.spec import Evaluation
from mlteam.data.features import Labels
from mlteam.evaluation.metrics import BatchFunction, Floats, Metric, UndefinedMetricError

MIN_CLUSTERS = 5
# Fewer resamples beyond a quantile do not say where it is.
MIN_TAIL_RESAMPLES = 4
# Weights that are handled at once: some megabytes, which stay in the cache of the processor.
BATCH_NUMBERS = 500_000
# With more rows, running sums of all resamples cost more than a loop over them.
BATCH_RANKED_ROWS = 10_000


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; or None for the interval or all three, and why."""

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
        if self.low is None or self.high is None:
            return f"{self.value:{'+' if signed else ''}.4f}, no interval: {self.undefined}"
        return f"{self.value:{'+' if signed else ''}.4f} [{self.low:.4f}, {self.high:.4f}]"


class Bootstrap:
    """Computes metrics with bootstrap intervals on one set of rows.

    All models evaluated by it see the same resamples, so that the difference of two of them is a paired one. Rows of
    one cluster are drawn together, because they depend on each other. The quantiles are those of Student, so that few
    rows or clusters widen the interval: the expanded percentile interval of Hesterberg 2015
    (doi:10.1080/00031305.2015.1089789).

    Args:
        label: Shape (rows,).
        settings: Confidence and number of resamples.
        seed: Makes the intervals repeatable.
        clusters: The cluster of each row, shape (rows,); None if each row is its own.
    """

    def __init__(
        self, label: Labels, settings: Evaluation, seed: int = 0, clusters: NDArray[np.int64] | None = None
    ) -> None:
        self._label, self._settings = label, settings
        random = np.random.default_rng(seed)
        rows = len(label)
        codes = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
        self._units = rows if codes is None else int(codes.max(initial=-1)) + 1
        # How often each row counts, in few bytes: they are read once for each metric of each model.
        self._weights = [
            np.ones(rows, dtype=np.uint16),
            *(_draw_resample(random, self._units, codes) for _ in range(settings.resamples)),
        ]

    def compute_samples(self, metric: Metric, prediction: Floats) -> NDArray[np.float64]:
        """Compute the metric on all rows, then on each resample, NaN where it is undefined; shape (1 + resamples,).

        Raises:
            UndefinedMetricError: All rows together have no such number.
        """
        return self._compute(metric, prediction, self._weights)

    def compute_left_out_samples(self, metric: Metric, prediction: Floats) -> NDArray[np.float64]:
        """Compute the metric on the rows that each resample leaves out, NaN if undefined; shape (resamples,)."""
        whole, *resamples = self._weights
        return self._compute(metric, prediction, [whole, *((weight == 0).astype(np.uint16) for weight in resamples)])[
            1:
        ]

    def _compute(self, metric: Metric, prediction: Floats, weights: list[NDArray[np.uint16]]) -> NDArray[np.float64]:
        if not np.isfinite(prediction).all():
            raise UndefinedMetricError("some predictions are not finite numbers")
        # Metrics that rank rows would sort them for each resample.
        ordered = prediction.ndim == 1 and (metric.ranks or metric.batch is None)
        order = np.argsort(-prediction, kind="stable") if ordered else slice(None)
        label, prediction = self._label[order], prediction[order].astype(np.float64)
        if metric.batch is not None and (not metric.ranks or len(label) <= BATCH_RANKED_ROWS):
            # All rows together say why a number is undefined.
            metric.function(label, prediction, weights[0][order].astype(np.float64))
            return _compute_in_batches(metric.batch, label, prediction, [weight[order] for weight in weights])
        values = np.full(len(weights), np.nan)
        for position, weight in enumerate(weights):
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

    def summarize(self, samples: NDArray[np.float64], comparisons: int = 1) -> Estimate:
        """Return the first sample with the interval that the others give.

        Args:
            samples: As `compute_samples` returns them.
            comparisons: Number of estimates that are read together; all of their intervals hold at once.
        """
        if self._units < min(MIN_CLUSTERS, len(self._label)):
            few = f"too few days or groups: {self._units}, at least {MIN_CLUSTERS} are needed"
            return Estimate(float(samples[0]), None, None, few)
        tail = (1 - self._settings.confidence) / 2 / comparisons
        reach = _find_student_quantile(1 - tail, self._units - 1) * math.sqrt(self._units / max(self._units - 1, 1))
        inside = NormalDist().cdf(-reach)
        if inside * (len(samples) - 1) < MIN_TAIL_RESAMPLES:
            half = reach * float(np.nanstd(samples[1:]))
            return Estimate(float(samples[0]), float(samples[0]) - half, float(samples[0]) + half)
        low, high = np.nanquantile(samples[1:], [inside, 1 - inside])
        return Estimate(float(samples[0]), float(low), float(high))


def _compute_in_batches(
    batch: BatchFunction, label: Labels, prediction: Floats, weights: list[NDArray[np.uint16]]
) -> NDArray[np.float64]:
    size = max(1, BATCH_NUMBERS // max(len(label), 1))
    starts = range(0, len(weights), size)
    parts = [batch(label, prediction, np.stack(weights[s : s + size]).astype(np.float64)) for s in starts]
    return np.concatenate(parts).astype(np.float64)


def _find_student_quantile(share: float, freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1), share))


def _draw_resample(random: np.random.Generator, units: int, codes: NDArray[np.intp] | None) -> NDArray[np.uint16]:
    counts = np.bincount(random.integers(units, size=units), minlength=units).astype(np.uint16)
    return counts if codes is None else counts[codes]
