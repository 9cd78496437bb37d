"""The numbers that decide about a launch, compared with numbers worked out apart."""

import datetime as dt
import itertools
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from mlteam.core.errors import ProjectError
from mlteam.launch import evidence
from mlteam.launch.evidence import _count_days_since, compute_calibration_error, estimate_calibration_chance

RANDOM = np.random.default_rng(2)


def add_up_error(sure: list[float], right: list[bool]) -> float:
    """The expected calibration error, row by row."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for share, hit in zip(sure, right, strict=True):
        # The last range includes its end.
        bins.setdefault(min(math.floor(share * 10), 9), []).append((share, hit))
    distances = [abs(sum(hit for _, hit in rows) - sum(share for share, _ in rows)) for rows in bins.values()]
    return sum(distances) / len(sure)


@pytest.mark.parametrize("rows", [3, 40, 1_000])
def test_the_error_is_the_sum_over_ten_ranges(rows: int) -> None:
    label = RANDOM.integers(0, 2, rows)
    predicted = np.where(RANDOM.random(rows) < 0.2, RANDOM.choice([0, 0.1, 0.3, 1], rows), RANDOM.random(rows))
    expected = add_up_error(predicted.tolist(), (label == 1).tolist())
    assert compute_calibration_error("binary", label, predicted) == pytest.approx(expected)
    label, predicted = RANDOM.integers(0, 4, rows), RANDOM.dirichlet([0.3] * 4, rows)
    best = predicted.argmax(axis=1)
    expected = add_up_error(predicted[np.arange(rows), best].tolist(), (best == label).tolist())
    assert compute_calibration_error("multiclass", label, predicted) == pytest.approx(expected)


def test_certain_predictions_are_in_the_last_range() -> None:
    assert compute_calibration_error("binary", np.array([1, 1, 1, 0]), np.ones(4)) == pytest.approx(0.25)
    # They make up for others of their range.
    mixed = compute_calibration_error("binary", np.array([0, 0, 1, 1]), np.array([1, 1, 0.9, 0.9]))
    assert mixed == pytest.approx((3.8 - 2) / 4)
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert compute_calibration_error("multiclass", np.array([0, 1]), sure) == 0


def test_the_error_of_numbers_is_the_distance_of_the_means() -> None:
    label, predicted = RANDOM.normal(3, 2, 200), RANDOM.normal(5, 2, 200)
    expected = (predicted.mean() - label.mean()) / label.std()
    assert compute_calibration_error("regression", label, predicted) == pytest.approx(expected)
    assert compute_calibration_error("regression", predicted, label) == pytest.approx(
        expected * label.std() / predicted.std()
    )


def test_chance_of_numbers_is_that_of_a_test_of_their_means() -> None:
    label = RANDOM.normal(3, 2, 200)
    predicted = label + RANDOM.normal(0, 1, 200)
    found = estimate_calibration_chance("regression", label, predicted) * label.std()
    expected = stats.norm.ppf(0.975) * stats.sem(predicted - label, ddof=0)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_chance_of_classes_is_what_one_perfect_prediction_in_twenty_exceeds(task: str) -> None:
    rows = 150
    chances = RANDOM.dirichlet([1, 2, 1], rows) if task == "multiclass" else RANDOM.random(rows)
    both = chances if task == "multiclass" else np.column_stack([1 - chances, chances])
    errors = []
    for _ in range(2_000):
        label = RANDOM.multinomial(1, both).argmax(axis=1)
        errors.append(compute_calibration_error(task, label, chances))
    found = estimate_calibration_chance(task, label, chances)
    assert np.quantile(errors, 0.88) < found < np.quantile(errors, 0.99)


def test_predictions_that_are_not_numbers_are_never_calibrated() -> None:
    label, broken = np.array([0, 1]), np.array([0.2, np.inf])
    assert math.isnan(compute_calibration_error("binary", label, broken))
    assert estimate_calibration_chance("binary", label, broken) == 0


def test_probabilities_that_do_not_add_up_leave_the_rest_to_the_last_class() -> None:
    label, chances = np.zeros(3_000, dtype=np.int64), np.tile([0.1, 0.1, 0.5], (3_000, 1))
    assert estimate_calibration_chance("multiclass", label, chances) == pytest.approx(0.3, abs=0.05)


def test_days_are_counted_in_parts() -> None:
    now = dt.datetime.now(dt.UTC)
    for days, hours in itertools.product((0, 3), (0, 12)):
        before = now - dt.timedelta(days=days, hours=hours)
        assert _count_days_since(before.isoformat()) == pytest.approx(days + hours / 24, abs=0.001)


def test_a_process_check_that_cannot_run_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ProjectError("not TOML", where="process.toml:3", fix="close the quote")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evidence, "list_launch_findings", fail)
    assert evidence._check_process("flights") == "", "without team.toml nothing is checked"
    Path("team.toml").touch()
    assert evidence._check_process("flights") == "process.toml:3: not TOML"


def test_the_first_finding_of_the_process_check_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("team.toml").touch()
    found = [SimpleNamespace(format_line=lambda name=name: name) for name in ("first", "second")]
    monkeypatch.setattr(evidence, "list_launch_findings", lambda *_: found)
    assert evidence._check_process("flights") == "see `nox -s process`: first"
    found.clear()
    assert evidence._check_process("flights") == ""
