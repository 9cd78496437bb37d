"""Answers whose outcomes have arrived: how many have one, and whether they are like those without."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from mlteam.config.spec import Spec
from mlteam.data.features import Floats
from mlteam.monitoring.drift import SIGNIFICANCE_LEVEL, fit_bins, measure_shift
from mlteam.monitoring.findings import Finding, compare_with_limit
from mlteam.monitoring.logged_predictions import LoggedPredictions

MIN_COMPARED_ROWS = 50


@dataclass(frozen=True)
class Outcomes:
    """Answers that gave a key, and the rows of the newest snapshot that know what became of them.

    A row that was asked for twice counts once, with the last answer; one without an outcome waits.

    Attributes:
        answers: The place of the last answer to each key, among what was served.
        places: The place of the answer to each row.
        rows: The rows.
    """

    answers: dict[str, int]
    places: NDArray[np.int64]
    rows: pa.Table

    def describe(self) -> str:
        """Return how many answers have an outcome."""
        return f"{self.rows.num_rows:,} of {len(self.answers):,} rows with a key have an outcome"


def match_outcomes(spec: Spec, served: LoggedPredictions, table: ds.Dataset) -> Outcomes:
    """Find the outcomes of what was served.

    Args:
        spec: Names the key.
        served: What was answered, the newest first.
        table: The rows of the newest snapshot, where outcomes arrive.
    """
    answers = {key: place for place, key in reversed(list(enumerate(served.ids))) if key is not None}
    keys = ds.field(spec.data.key).cast(pa.string())
    # Of millions of rows, only those that were served are in memory.
    known = table.to_table(filter=keys.isin(pa.array(list(answers), pa.string())))
    places = [answers[key] for key in pc.cast(known[spec.data.key], pa.string()).to_pylist()]
    return Outcomes(answers, np.array(places, dtype=np.int64), known)


def check_outcomes(spec: Spec, served: LoggedPredictions, found: Outcomes, now: dt.datetime) -> Iterator[Finding]:
    """Whether enough of the answers that are old enough have an outcome, and whether these are like the others.

    Args:
        spec: Names the limits.
        served: What was answered.
        found: Its outcomes.
        now: The moment that ages are counted to.
    """
    limits = spec.monitoring
    due = now - dt.timedelta(days=limits.outcome_delay_days)
    old = np.array([place for place in found.answers.values() if served.times[place] <= due], dtype=np.int64)
    most = 1 - limits.coverage
    if len(old) < limits.fewest_rows:
        return  # nothing is due yet
    with_outcome = np.isin(old, found.places)
    share = 1 - float(with_outcome.mean())
    message = f"{share:.1%} of {len(old):,} answers that are {limits.outcome_delay_days:g} days old have no outcome"
    yield compare_with_limit("coverage", "outcomes", share, most, message)
    yield _check_selection(served.predictions, old[with_outcome], old[~with_outcome], limits.drift)


def _check_selection(
    predictions: Floats, known: NDArray[np.int64], waiting: NDArray[np.int64], limit: float
) -> Finding:
    """Return how far the predictions with an outcome lie from those without: quality knows only the first."""
    if min(len(known), len(waiting)) < MIN_COMPARED_ROWS:
        return compare_with_limit("selection", "outcomes", 0, limit, "too few answers on one side to differ")
    classes = predictions.ndim > 1
    values = (predictions.argmax(axis=1) if classes else predictions).astype(np.float64)
    shift = measure_shift(*fit_bins(values[waiting], categorical=classes).count(values[known]))
    size = shift.size if shift.p_value < SIGNIFICANCE_LEVEL else 0.0
    message = f"answers with an outcome differ from those without by an index of {shift.size:.3f}"
    return compare_with_limit("selection", "outcomes", size, limit, message)
