"""Bootstrap: estimates with confidence intervals from resampled rows, or from resampled clusters of rows."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlteam.config.spec import Evaluation
from mlteam.data.features import Floats, Labels
from mlteam.evaluation.metrics import UNBOUNDED, Bounds, Metric, UndefinedMetricError

MIN_CLUSTERS = 5
# Fewer resamples beyond a quantile do not say where it is.
MIN_TAIL_RESAMPLES = 4
# With more, the skewness of a mean of them is small, and to leave out each one would take longer than to resample.
MAX_SKEWED_UNITS = 40
MIN_SKEWNESS = 1e-6
# The cubic of Hall stretches a quantile without limit where its argument nears zero: one day of storms in a month would
# give an area under the curve above 1. Down to here, intervals hold their level as well, and no end is twice as far.
MIN_ARGUMENT = 0.1


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
    (doi:10.1080/00031305.2015.1089789). With few of them, resamples do not tell how skewed a metric is, and intervals
    would miss above more often than below; leaving out one after the other tells, and the transformation of Hall 1992
    (doi:10.1111/j.2517-6161.1992.tb01872.x) removes it.

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
        self._codes = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
        self._units = len(label) if self._codes is None else int(self._codes.max(initial=-1)) + 1
        drawn = (_draw_resample(random, self._units) for _ in range(settings.resamples))
        # How often each unit counts: always, as it was drawn, or without one unit.
        self._counts = np.stack([np.ones(self._units, dtype=np.uint16), *drawn])
        few = MIN_CLUSTERS <= self._units <= MAX_SKEWED_UNITS
        self._without_one = 1 - np.eye(self._units if few else 0, self._units, dtype=np.uint16)

    def compute_samples(self, metric: Metric, prediction: Floats) -> NDArray[np.float64]:
        """Compute the metric on all rows, on each resample, and where there are few units without each of them.

        Returns:
            Shape (1 + resamples + units or 0,); NaN where the metric is undefined.

        Raises:
            UndefinedMetricError: All rows together have no such number.
        """
        return self._compute(metric, prediction, np.concatenate([self._counts, self._without_one]))

    def compute_left_out_samples(self, metric: Metric, prediction: Floats) -> NDArray[np.float64]:
        """Compute the metric on the rows that each resample leaves out, NaN if undefined; shape (resamples,)."""
        left_out = (self._counts[1:] == 0).astype(np.uint16)
        return self._compute(metric, prediction, np.concatenate([self._counts[:1], left_out]))[1:]

    def _compute(self, metric: Metric, prediction: Floats, counts: NDArray[np.uint16]) -> NDArray[np.float64]:
        if not np.isfinite(prediction).all():
            raise UndefinedMetricError("some predictions are not finite numbers")
        prediction = prediction.astype(np.float64)
        if metric.prepare is not None:
            # All rows together say why a number is undefined.
            metric.function(self._label, prediction, np.ones(len(self._label)))
            compute = metric.prepare(self._label, prediction, self._codes)
            return np.array([compute(count) for count in counts])
        # A metric that ranks rows would sort them for each resample.
        order = np.argsort(-prediction, kind="stable") if prediction.ndim == 1 else np.arange(len(prediction))
        label, prediction = self._label[order], prediction[order]
        units = order if self._codes is None else self._codes[order]
        values = np.full(len(counts), np.nan)
        for position, count in enumerate(counts):
            try:
                values[position] = metric.function(label, prediction, count[units].astype(np.float64))
            except UndefinedMetricError:
                if position == 0:
                    raise
        return values

    def estimate(self, metric: Metric, prediction: Floats) -> Estimate:
        """Return the metric with its interval."""
        try:
            return self.summarize(self.compute_samples(metric, prediction), bounds=metric.bounds)
        except UndefinedMetricError as error:
            return Estimate(None, None, None, str(error))

    def summarize(self, samples: NDArray[np.float64], comparisons: int = 1, bounds: Bounds = UNBOUNDED) -> Estimate:
        """Return the first sample with the interval that the others give.

        Args:
            samples: As `compute_samples` returns them, or the difference of two of them.
            comparisons: Number of estimates that are read together; all of their intervals hold at once.
            bounds: What the number cannot be below or above.
        """
        if self._units < min(MIN_CLUSTERS, len(self._label)):
            few = f"too few days or groups: {self._units}, at least {MIN_CLUSTERS} are needed"
            return Estimate(float(samples[0]), None, None, few)
        tail = (1 - self._settings.confidence) / 2 / comparisons
        value, resampled = float(samples[0]), samples[1 : len(self._counts)]
        freedom = max(self._units - 1, 1)
        widening = math.sqrt(self._units / freedom)
        inside = NormalDist().cdf(-_find_student_quantile(1 - tail, freedom) * widening)
        if inside * len(resampled) >= MIN_TAIL_RESAMPLES and not self._without_one.size:
            # The quantile beyond which that share is expected; the default one is nearer to the middle.
            low, high = np.nanquantile(resampled, [inside, 1 - inside], method="weibull")
            return Estimate(value, float(low), float(high))
        # The spread of so many resamples is itself a little wrong, which counts most far from the middle.
        reach = _find_student_quantile(1 - tail, 1 / (1 / freedom + 1 / max(len(resampled) - 1, 1)))
        error, skewness = _measure_spread(samples[len(self._counts) :])
        spread = max(error, widening * float(np.nanstd(resampled)))
        above, below = (_remove_skewness(quantile, _limit_skewness(skewness, reach)) for quantile in (reach, -reach))
        return Estimate(value, max(bounds[0], value - spread * above), min(bounds[1], value - spread * below))


def _measure_spread(without_one: NDArray[np.float64]) -> tuple[float, float]:
    """Return standard error and skewness of a metric, from its values without each of the units; zeros if not known.

    Few units show less skewness than there is (Joanes and Gill 1998, doi:10.1111/1467-9884.00122). With it multiplied
    by n / (n - 3), intervals of 6 to 40 exponential or lognormal units hold their level better, symmetric ones as well.
    """
    units = len(without_one)
    influence = without_one.mean() - without_one if units else np.zeros(0)
    squares = float((influence**2).sum())
    if not squares > 0:
        return 0.0, 0.0
    unbiased_if_normal = math.sqrt(units * (units - 1)) / (units - 2)
    skewness = float((influence**3).sum()) / squares**1.5 * unbiased_if_normal * units / (units - 3)
    return math.sqrt(squares * (units - 1) / units), skewness


def _limit_skewness(skewness: float, reach: float) -> float:
    """Return the skewness, or the largest that keeps the argument of the cubic from zero at a quantile."""
    limit = 3 * (math.sqrt(reach**2 + (1 - MIN_ARGUMENT) * 2 / 3) - reach)
    return max(-limit, min(limit, skewness))


def _remove_skewness(quantile: float, skewness: float) -> float:
    """Return the quantile of a skewed metric that corresponds to one of Student: the inverse of Hall's cubic."""
    if abs(skewness) < MIN_SKEWNESS:
        return quantile
    return 3 / skewness * (math.cbrt(1 + skewness * (quantile - skewness / 6)) - 1)


def _find_student_quantile(share: float, freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


def _draw_resample(random: np.random.Generator, units: int) -> NDArray[np.uint16]:
    return np.bincount(random.integers(units, size=units), minlength=units).astype(np.uint16)
