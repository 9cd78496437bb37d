"""How far rows that were served lie from the rows of the training, feature by feature.

The measure is the population stability index (Siddiqi 2006) over ten ranges of equal counts, or over categories, less
what it comes to by chance alone: (bins - 1)(1/n + 1/m) for n and m rows, by its asymptotic chi-squared distribution
(Yurdakul and Naranjo 2020, Statistical properties of the population stability index, J. Risk Model Validation).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mlteam.data.features import Floats, Matrix, Schema
from mlteam.monitoring.findings import Finding, compare_with_limit, report_unknown
from mlteam.monitoring.past_windows import Rows, widen_limit

DRIFT_BINS = 10
MAX_EXACT_VALUES = 20
MIN_BIN_COUNT = 5
MIN_EXPECTED_ROWS = 20
SIGNIFICANCE_LEVEL = 0.01
Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """How far two samples lie apart: the index less its expectation by chance, and how likely chance alone is."""

    size: float
    p_value: float


def check_feature_drift(
    schema: Schema, train: Matrix, served: Matrix, limit: float, fewest: int, past: Sequence[Rows] = ()
) -> Iterator[Finding]:
    """Drift of each feature, corrected for their number as Benjamini and Hochberg (1995) do.

    Args:
        schema: Names the features.
        train: Rows of the training, shape (rows, features).
        served: Rows that were served, of the same features.
        limit: Size from which a shift that is not chance is wrong.
        fewest: Rows that must have been served.
        past: Rows of the training by window; a feature that varied more than the limit has one of its own.
    """
    if len(served) < fewest:
        yield report_unknown("drift", "all features", limit, f"{len(served):,} served rows, needs {fewest:,}")
        return
    features = list(enumerate(schema.features))
    bins = [fit_bins(train[:, place], categorical=feature.kind == "categorical") for place, feature in features]
    shifts = [measure_shift(*one.count(served[:, place])) for place, one in enumerate(bins)]
    certain = find_significant([found.p_value for found in shifts])
    for (place, feature), found, sure in zip(features, shifts, certain, strict=True):
        measure = partial(_measure_window, bins[place], train[:, place])
        own = widen_limit(limit, past, measure, len(features)) if sure and found.size > limit else limit
        size = found.size if sure else 0.0
        message = f"index {found.size:.3f} above sampling noise" if sure else "within sampling noise"
        yield compare_with_limit("drift", feature.name, size, own, message + _describe_past(limit, own))


def check_prediction_drift(
    expected: Floats, served: Floats, limit: float, fewest: int, past: Sequence[Rows] = ()
) -> Finding:
    """Drift of the predictions, shape (rows,) or, of classes, of the most probable one of (rows, classes)."""
    if len(served) < fewest:
        return report_unknown("prediction_drift", "prediction", limit, f"{len(served):,} served rows, needs {fewest:,}")
    classes = expected.ndim > 1
    ours, theirs = ((values.argmax(axis=1) if classes else values).astype(np.float64) for values in (expected, served))
    bins = fit_bins(ours, categorical=classes)
    found = measure_shift(*bins.count(theirs))
    size = found.size if found.p_value < SIGNIFICANCE_LEVEL else 0.0
    own = widen_limit(limit, past, partial(_measure_window, bins, ours), 1)
    message = f"index {found.size:.3f} above sampling noise" + _describe_past(limit, own)
    return compare_with_limit("prediction_drift", "prediction", size, own, message)


def check_missing_values(
    schema: Schema, train: Matrix, served: Matrix, limit: float, fewest: int, past: Sequence[Rows] = ()
) -> Iterator[Finding]:
    """Yield how much the share of missing values, and of categories that training did not see, differs."""
    if len(served) < fewest:
        yield report_unknown("missing", "all features", limit, f"{len(served):,} served rows, needs {fewest:,}")
        return
    for place, feature in enumerate(schema.features):
        missing = np.isnan(train[:, place])
        before, now = float(missing.mean()), float(np.isnan(served[:, place]).mean())
        measure = partial(_measure_missing, missing)
        own = widen_limit(limit, past, measure, len(schema.features)) if abs(now - before) > limit else limit
        message = f"{now:.1%} missing or unseen, {before:.1%} in training" + _describe_past(limit, own)
        yield compare_with_limit("missing", feature.name, abs(now - before), own, message)


def _measure_window(bins: "Bins", values: Floats, rows: Rows) -> float:
    return measure_shift(*bins.count(values[rows])).size


def _measure_missing(missing: NDArray[np.bool_], rows: Rows) -> float:
    return abs(float(missing[rows].mean()) - float(missing.mean()))


def _describe_past(limit: float, own: float) -> str:
    return f", at most {own:.3f} is usual" if own > limit else ""


def check_vanished_categories(schema: Schema, train: Matrix, served: Matrix, fewest: int) -> Iterator[Finding]:
    """Categories of which 20 rows or more were to be expected, and none came."""
    if len(served) < fewest:
        yield report_unknown("vanished", "all categories", 0, f"{len(served):,} served rows, needs {fewest:,}")
        return
    for place, feature in enumerate(schema.features):
        if feature.kind != "categorical":
            continue
        before, now = (_count_by_value(rows[:, place], len(feature.categories)) for rows in (train, served))
        expected = before * len(served) / max(1, len(train))
        gone = [feature.categories[place] for place in np.flatnonzero((expected >= MIN_EXPECTED_ROWS) & (now == 0))]
        message = f"{', '.join(gone[:5])} no longer arrive" if gone else "all frequent categories arrive"
        yield compare_with_limit("vanished", feature.name, len(gone), 0, message)


def measure_shift(expected: Counts, found: Counts) -> Shift:
    """Return how far counts of the same bins lie apart; (bins,) each."""
    from scipy import stats

    rows, other = expected.sum(), found.sum()
    if not rows or not other or len(expected) < 2:  # noqa: PLR2004
        return Shift(0.0, 1.0)
    p, q = (np.maximum(counts, 0.5) / max(1.0, counts.sum()) for counts in (expected, found))
    index = float(((q - p) * np.log(q / p)).sum())
    unit, freedom = 1 / rows + 1 / other, len(expected) - 1
    return Shift(max(0.0, index - freedom * unit), float(stats.chi2.sf(index / unit, freedom)))


@dataclass(frozen=True)
class Bins:
    """Ranges of equal counts, or single values, with the counts that are expected in each.

    Attributes:
        points: The ends between ranges, or the values.
        exact: Whether they are values; one more bin is for other values.
        counts: The values that are expected in each bin.
    """

    points: Floats
    exact: bool
    counts: Counts

    def count(self, found: Floats) -> tuple[Counts, Counts]:
        """Return how many values of each sample are in each bin; bins with few expected values are one."""
        first, second = self.counts, _count_values(self.points, found[~np.isnan(found)], exact=self.exact)
        used = (first > 0) | (second > 0)
        first, second = first[used], second[used]
        rare = (first * second.sum() / max(1, first.sum()) < MIN_BIN_COUNT) & (second < MIN_BIN_COUNT)
        if rare.sum() > 1:
            first, second = (np.append(c[~rare], c[rare].sum()) for c in (first, second))
        return first, second


def fit_bins(expected: Floats, *, categorical: bool) -> Bins:
    """Return bins for a sample: ten ranges of equal counts, or its values where they are few or categories."""
    expected = expected[~np.isnan(expected)]
    values = np.unique(expected)
    exact = categorical or len(values) <= MAX_EXACT_VALUES
    points = values if exact else np.unique(np.quantile(expected, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1]))
    return Bins(points, exact, _count_values(points, expected, exact=exact))


def _count_values(points: Floats, values: Floats, *, exact: bool) -> Counts:
    places = np.searchsorted(points, values, side="left" if exact else "right")
    if exact:
        other = len(points)
        places = np.where(np.isin(values, points), places, other)
    return np.bincount(places, minlength=len(points) + 1).astype(np.float64)


def find_significant(chances: Sequence[float]) -> list[bool]:
    """Return which of many findings are no chance, with 1 % false ones among those at most on average."""
    from scipy import stats

    return [bool(adjusted <= SIGNIFICANCE_LEVEL) for adjusted in stats.false_discovery_control(chances)]


def _count_by_value(column: Floats, categories: int) -> NDArray[np.int64]:
    known = column[~np.isnan(column)].astype(np.int64)
    return np.bincount(known, minlength=categories)
