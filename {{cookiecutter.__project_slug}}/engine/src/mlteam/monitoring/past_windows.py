"""How far windows of the past lay from all of it: what is normal before it is called a drift.

The rows of a week differ from those of a year, for they share a season, a holiday, a supplier. A limit of its own for
each subject is the upper end of a prediction interval of the next quiet window: of the logarithm of the distances of
the windows before, by Student's distribution (Hahn and Meeker 1991, Statistical Intervals, section 4.7). In one quiet
window in twenty at most, any subject of any check exceeds a limit of this kind.
"""

import datetime as dt
import math
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SECONDS_PER_DAY = 86_400
MICROSECONDS_PER_DAY = 1_000_000 * SECONDS_PER_DAY
MIN_WINDOWS = 8
# Shared by three checks: drift of features, missing values, drift of predictions.
FALSE_ALARM_RATE = 0.05 / 3
# Distances below it are all the same: none.
RESOLUTION = 0.01
Rows = NDArray[np.int64]


def cut_windows(time: pa.ChunkedArray, days: float, fewest: int) -> list[Rows]:
    """Return the rows of each window of so many days, the oldest first; windows of fewer rows are left out.

    Args:
        time: When each row happened, a date or a time, shape (rows,).
        days: Length of a window.
        fewest: Number of rows of the smallest.

    Returns:
        The places of the rows of each window.
    """
    if not len(time):
        return []
    moments = pc.cast(pc.cast(time, pa.timestamp("us")), pa.int64()).to_numpy(zero_copy_only=False)
    places = ((moments - moments.min()) // int(days * MICROSECONDS_PER_DAY)).astype(np.int64)
    order = np.argsort(places, kind="stable")
    cut = np.split(order, np.flatnonzero(np.diff(places[order])) + 1)
    return [rows for rows in cut if len(rows) >= fewest]


def choose_length(times: Sequence[dt.datetime], longest: float) -> float:
    """Return how many days the windows must have that some rows are compared with: as many as the rows.

    After a launch on a Monday, the rows until Wednesday differ from every whole week.

    Args:
        times: When the rows were served.
        longest: Days of the window that is looked at; a day that has begun counts as one.
    """
    served = (max(times) - min(times)).total_seconds() / SECONDS_PER_DAY if times else longest
    return min(longest, math.floor(served) + 1)


def widen_limit(limit: float, windows: Sequence[Rows], measure: Callable[[Rows], float], subjects: int) -> float:
    """Return a limit that quiet windows keep to.

    Args:
        limit: That of the pipeline file, below which nothing is wrong.
        windows: Those of the past; with fewer than eight the limit stays as it is.
        measure: Returns how far the rows of a window lie from all rows.
        subjects: Number of the subjects that are compared with limits like this one.
    """
    from scipy import stats

    if len(windows) < MIN_WINDOWS:
        return limit
    sizes = np.log(np.array([measure(rows) for rows in windows]) + RESOLUTION)
    count = len(sizes)
    quantile = float(stats.t.ppf(1 - FALSE_ALARM_RATE / max(1, subjects), count - 1))
    reach = quantile * float(sizes.std(ddof=1)) * np.sqrt(1 + 1 / count)
    return max(limit, float(np.exp(sizes.mean() + reach)) - RESOLUTION)
