"""Features that varied before have wider limits; a shift of the others is found."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlteam.data.features import Feature, Matrix, Schema
from mlteam.monitoring import drift
from mlteam.monitoring.past_windows import choose_length, cut_windows, widen_limit

WEEKS, ROWS = 52, 700


def make_weeks(random: np.random.Generator, weeks: int = WEEKS) -> Matrix:
    """Weather, which the rows of a week share, and a size, which they do not; shape (rows, 2)."""
    weather = np.repeat(random.normal(size=weeks), ROWS) + random.normal(size=weeks * ROWS)
    return np.column_stack([weather, random.normal(size=weeks * ROWS)]).astype(np.float32)


def test_windows_hold_the_rows_of_their_days() -> None:
    start = dt.date(2024, 1, 1)
    days = [2, 0, 13, 1, 7, 0]
    time = pa.chunked_array([[start + dt.timedelta(days=day) for day in days]])
    assert [rows.tolist() for rows in cut_windows(time, 7, fewest=1)] == [[0, 1, 3, 5], [2, 4]]
    assert [rows.tolist() for rows in cut_windows(time, 7, fewest=3)] == [[0, 1, 3, 5]]
    stamps = pa.chunked_array([pa.array([0, 3_600_000, 90_000_000], pa.timestamp("ms"))])
    assert [rows.tolist() for rows in cut_windows(stamps, 1, fewest=1)] == [[0, 1], [2]]
    assert cut_windows(pa.chunked_array([pa.array([], pa.date32())]), 7, fewest=1) == []


@pytest.mark.parametrize(
    ("hours", "days"), [((), 7), ((0,), 1), ((0, 5), 1), ((0, 50, 20), 3), ((0, 24, 48), 3), ((0, 400), 7)]
)
def test_rows_are_compared_with_windows_as_long_as_theirs(hours: tuple[int, ...], days: int) -> None:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    assert choose_length([start + dt.timedelta(hours=hour) for hour in hours], 7) == days


def test_the_first_days_after_a_launch_are_quiet_although_they_lack_most_weekdays() -> None:
    random = np.random.default_rng(3)
    schema = Schema(task="regression", classes=(), features=(Feature(name="weekday", kind="numeric"),))
    weekday = np.repeat(np.arange(7 * WEEKS) % 7, ROWS // 7).astype(np.float32)[:, None]
    start = dt.datetime(2024, 1, 1)
    time = pa.chunked_array([[start + dt.timedelta(days=place // (ROWS // 7)) for place in range(len(weekday))]])
    served = random.permutation(weekday[: 3 * (ROWS // 7)])
    (week,) = drift.check_feature_drift(schema, weekday, served, 0.2, 100, cut_windows(time, 7, 100))
    (days,) = drift.check_feature_drift(schema, weekday, served, 0.2, 100, cut_windows(time, 3, 100))
    assert (week.state, days.state) == ("wrong", "ok")


def test_quiet_weeks_are_quiet_and_a_shift_of_what_is_steady_is_found() -> None:
    features = tuple(Feature(name=name, kind="numeric") for name in ("weather", "size"))
    schema = Schema(task="regression", classes=(), features=features)
    alarms, before, missed = 0, 0, 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        train, week = make_weeks(random), make_weeks(random, 1)
        past = [np.arange(start, start + ROWS) for start in range(0, WEEKS * ROWS, ROWS)]
        alarms += any(f.state == "wrong" for f in drift.check_feature_drift(schema, train, week, 0.2, 500, past))
        before += any(f.state == "wrong" for f in drift.check_feature_drift(schema, train, week, 0.2, 500))
        shifted = week + np.array([0, 1], np.float32)
        found = {f.subject: f.state for f in drift.check_feature_drift(schema, train, shifted, 0.2, 500, past)}
        missed += found["size"] != "wrong"
    # The share of this check is one quiet week in sixty: more than three of forty would be chance once in 230 times.
    assert alarms <= 3
    assert before > 20
    assert missed == 0


def test_a_few_windows_change_no_limit() -> None:
    windows = [np.array([place]) for place in range(7)]
    assert widen_limit(0.2, windows, lambda _: 5.0, 1) == 0.2
    assert widen_limit(0.2, [*windows, windows[0]], lambda _: 5.0, 1) == pytest.approx(5.0)


def test_a_limit_is_never_less_than_that_of_the_pipeline_file() -> None:
    windows = [np.array([place]) for place in range(30)]
    assert widen_limit(0.2, windows, lambda _: 0.0, 10) == 0.2


def test_a_limit_is_the_upper_end_of_a_prediction_interval_of_student() -> None:
    distances = np.random.default_rng(2).lognormal(-1, 0.4, 12)
    windows = [np.array([place]) for place in range(12)]
    sizes = np.log(distances + 0.01)
    # One quiet week in twenty, shared by three checks and ten subjects.
    student = stats.t.ppf(1 - 0.05 / 3 / 10, 11)
    expected = np.exp(sizes.mean() + student * stats.tstd(sizes) * np.sqrt(1 + 1 / 12)) - 0.01
    assert widen_limit(0.2, windows, lambda rows: float(distances[rows[0]]), 10) == pytest.approx(expected)
