import numpy as np
import pytest

from mlteam.evaluation.calibration import compute_calibration


# The intervals of method 3 in Newcombe (1998), Statistics in Medicine 17, table I.
@pytest.mark.parametrize(
    ("happened", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_an_interval_is_that_of_wilson(happened: int, rows: int, low: float, high: float) -> None:
    label = np.zeros(10 * rows)
    label[:happened] = 1
    scores = np.repeat(np.linspace(0.1, 1, 10), rows)
    first = compute_calibration(label, scores)[0]
    assert (first.low, first.high) == pytest.approx((low, high), abs=6e-5)
    assert (first.predicted, first.happened) == pytest.approx((0.1, happened / rows))


def test_bins_go_from_low_to_high_predictions() -> None:
    random = np.random.default_rng(0)
    scores = random.random(1_003)
    bins = compute_calibration((random.random(1_003) < scores).astype(np.float64), scores)
    assert len(bins) == 10
    assert np.all(np.diff([found.predicted for found in bins]) > 0)
    assert all(found.low < found.happened < found.high for found in bins)
    assert len(compute_calibration(np.array([0.0, 1.0]), np.array([0.2, 0.7]))) == 2
