"""How far rows that were served lie from the rows of the training, feature by feature.

The measure is the population stability index (Siddiqi 2006) over ten ranges of equal counts, or over categories, less
what it comes to by chance alone: (bins - 1)(1/n + 1/m) for n and m rows, by its asymptotic chi-squared distribution
(Yurdakul and Naranjo 2020, Statistical properties of the population stability index, J. Risk Model Validation).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlteam.data.features import Matrix, Schema
from mlteam.evaluation.metrics import Floats
from mlteam.monitoring.findings import Finding, compare_with_limit, report_unknown

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


def check_feature_drift(schema: Schema, train: Matrix, served: Matrix, limit: float, fewest: int) -> Iterator[Finding]:
    """Drift of each feature, corrected for their number as Benjamini and Hochberg (1995) do.

    Args:
        schema: Names the features.
        train: Rows of the training, shape (rows, features).
        served: Rows that were served, of the same features.
        limit: Size from which a shift that is not chance is wrong.
        fewest: Rows that must have been served.
    """
    if len(served) < fewest:
        yield report_unknown("drift", "all features", limit, f"{len(served):,} served rows, needs {fewest:,}")
        return
    shifts = [
        measure_shift(*count_by_bin(train[:, place], served[:, place], categorical=feature.kind == "categorical"))
        for place, feature in enumerate(schema.features)
    ]
    certain = find_significant([found.p_value for found in shifts])
    for feature, found, sure in zip(schema.features, shifts, certain, strict=True):
        size = found.size if sure else 0.0
        message = f"index {found.size:.3f} above sampling noise" if sure else "within sampling noise"
        yield compare_with_limit("drift", feature.name, size, limit, message)


def check_prediction_drift(expected: Floats, served: Floats, limit: float, fewest: int) -> Finding:
    """Drift of the predictions, shape (rows,) or, of classes, of the most probable one of (rows, classes)."""
    if len(served) < fewest:
        return report_unknown("prediction_drift", "prediction", limit, f"{len(served):,} served rows, needs {fewest:,}")
    classes = expected.ndim > 1
    ours, theirs = (values.argmax(axis=1) if classes else values for values in (expected, served))
    found = measure_shift(*count_by_bin(ours.astype(np.float64), theirs.astype(np.float64), categorical=classes))
    size = found.size if found.p_value < SIGNIFICANCE_LEVEL else 0.0
    return compare_with_limit(
        "prediction_drift", "prediction", size, limit, f"index {found.size:.3f} above sampling noise"
    )


def check_missing_values(schema: Schema, train: Matrix, served: Matrix, limit: float, fewest: int) -> Iterator[Finding]:
    """Yield how much the share of missing values, and of categories that training did not see, differs."""
    if len(served) < fewest:
        yield report_unknown("missing", "all features", limit, f"{len(served):,} served rows, needs {fewest:,}")
        return
    for place, feature in enumerate(schema.features):
        before, now = (float(np.isnan(rows[:, place]).mean()) for rows in (train, served))
        message = f"{now:.1%} missing or unseen, {before:.1%} in training"
        yield compare_with_limit("missing", feature.name, abs(now - before), limit, message)


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


def count_by_bin(expected: Floats, found: Floats, *, categorical: bool) -> tuple[Counts, Counts]:
    """Return how many values of each sample fall into each bin; bins with few expected values are one."""
    expected, found = expected[~np.isnan(expected)], found[~np.isnan(found)]
    values = np.unique(expected)
    if categorical or len(values) <= MAX_EXACT_VALUES:
        known = np.union1d(values, found)
        counts = [np.bincount(np.searchsorted(known, x), minlength=len(known)) for x in (expected, found)]
    else:
        edges = np.unique(np.quantile(expected, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1]))
        places = [np.searchsorted(edges, values, side="right") for values in (expected, found)]
        counts = [np.bincount(place, minlength=len(edges) + 1) for place in places]
    first, second = (count.astype(np.float64) for count in counts)
    rare = (first * len(found) / max(1, len(expected)) < MIN_BIN_COUNT) & (second < MIN_BIN_COUNT)
    if rare.sum() > 1:
        first, second = (np.append(c[~rare], c[rare].sum()) for c in (first, second))
    return first, second


def find_significant(chances: Sequence[float]) -> list[bool]:
    """Return which of many findings are no chance, with 1 % false ones among those at most on average."""
    from scipy import stats

    return [bool(adjusted <= SIGNIFICANCE_LEVEL) for adjusted in stats.false_discovery_control(chances)]


def _count_by_value(column: Floats, categories: int) -> NDArray[np.int64]:
    known = column[~np.isnan(column)].astype(np.int64)
    return np.bincount(known, minlength=categories)
