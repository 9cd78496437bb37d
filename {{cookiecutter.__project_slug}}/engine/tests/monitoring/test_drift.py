"""How far rows lie apart, compared with numbers worked out apart."""

import numpy as np
import pytest
from scipy import stats

from mlteam.data.features import Feature, Schema
from mlteam.monitoring import drift

RANDOM = np.random.default_rng(3)
SCHEMA = Schema(
    task="binary",
    classes=(),
    features=(Feature(name="size", kind="numeric"), Feature(name="shop", kind="categorical", categories=("a", "b"))),
)


def draw_rows(count: int, moved: float = 0.0, random: np.random.Generator = RANDOM) -> np.ndarray:
    return np.column_stack([random.normal(moved, 1, count), random.integers(0, 2, count)]).astype(np.float32)


def test_a_shift_is_the_divergence_in_both_directions_less_chance() -> None:
    expected, found = np.array([40.0, 30, 30]), np.array([10.0, 20, 20])
    shift = drift.measure_shift(expected, found)
    p, q = expected / 100, found / 50
    index, unit = stats.entropy(p, q) + stats.entropy(q, p), 1 / 100 + 1 / 50
    assert shift.size == pytest.approx(index - 2 * unit)
    assert shift.p_value == pytest.approx(stats.chi2.sf(index / unit, 2))


def test_two_bins_are_enough_to_lie_apart() -> None:
    shift = drift.measure_shift(np.array([50.0, 50]), np.array([90.0, 10]))
    assert shift.size > 0.2
    assert shift.p_value < 0.001


@pytest.mark.parametrize(("expected", "found"), [((0, 0), (3, 4)), ((3, 4), (0, 0)), ((7,), (2,))])
def test_no_rows_or_one_bin_are_no_shift(expected: tuple[int, ...], found: tuple[int, ...]) -> None:
    counts = (np.array(counts, dtype=np.float64) for counts in (expected, found))
    assert drift.measure_shift(*counts) == drift.Shift(0.0, 1.0)


@pytest.mark.parametrize("served", [99, 100])
def test_a_hundred_rows_are_enough_where_a_hundred_are_asked_for(served: int) -> None:
    train, rows = draw_rows(2_000), draw_rows(served)
    found = [
        *drift.check_feature_drift(SCHEMA, train, rows, 0.2, 100),
        *drift.check_missing_values(SCHEMA, train, rows, 0.2, 100),
        *drift.check_vanished_categories(SCHEMA, train, rows, 100),
        drift.check_prediction_drift(train[:, 0], rows[:, 0], 0.2, 100),
    ]
    if served < 100:
        assert {(finding.state, finding.message) for finding in found} == {("unknown", "99 served rows, needs 100")}
    else:
        assert {finding.state for finding in found} == {"ok"}


def test_classes_are_compared_by_the_most_probable_one() -> None:
    before, same = RANDOM.dirichlet([5, 5, 1], 3_000), RANDOM.dirichlet([5, 5, 1], 3_000)
    assert drift.check_prediction_drift(before, same, 0.2, 100).state == "ok"
    # The same probabilities, of other classes.
    assert drift.check_prediction_drift(before, same[:, [2, 0, 1]], 0.2, 100).state == "wrong"


def test_what_was_usual_is_said_where_it_widens_the_limit() -> None:
    train = draw_rows(4_000)
    train[:, 0] += np.repeat(RANDOM.normal(0, 2, 40), 100)
    past = list(np.arange(4_000).reshape(40, 100))
    size, shop = drift.check_feature_drift(SCHEMA, train, draw_rows(400, 2), 0.05, 100, past)
    assert size.limit > 0.05
    assert f"at most {size.limit:.3f} is usual" in size.message
    assert shop.limit == 0.05
    assert "usual" not in shop.message


def test_a_share_of_missing_values_that_was_usual_is_no_fault() -> None:
    random = np.random.default_rng(21)
    train, weeks = draw_rows(4_000, random=random), np.arange(4_000).reshape(40, 100)
    for week, share in zip(weeks, random.uniform(0, 0.4, 40), strict=True):
        train[week[random.random(100) < share], 0] = np.nan
    served = draw_rows(400, random=random)
    served[:160] = np.nan
    sized, shop = drift.check_missing_values(SCHEMA, train, served, 0.1, 100, list(weeks))
    # 40 % of both are missing: of the one, as in some weeks before.
    assert (sized.state, shop.state) == ("ok", "wrong")
    assert sized.limit > 0.1
    assert f"at most {sized.limit:.3f} is usual" in sized.message
    assert shop.limit == 0.1


def test_a_limit_that_is_kept_is_that_of_the_pipeline_file() -> None:
    random = np.random.default_rng(22)
    train = draw_rows(4_000, random=random)
    train[:, 0] += np.repeat(random.normal(0, 2, 40), 100)
    past = list(np.arange(4_000).reshape(40, 100))
    served = train[random.integers(0, 4_000, 8_000)]
    # A shift that is not due to chance, and below the limit.
    served[:, 0] += 0.35
    found = [*drift.check_feature_drift(SCHEMA, train, served, 0.05, 100, past)]
    found += drift.check_missing_values(SCHEMA, train, served, 0.05, 100, past)
    assert [finding.limit for finding in found] == [0.05] * 4
    assert {finding.state for finding in found} == {"ok"}
    assert 0 < (found[0].value or 0) < 0.05


def test_bins_with_few_values_are_counted_together() -> None:
    values = np.repeat([1.0, 2, 3, 4, 5], [50, 5, 4, 4, 37])
    bins = drift.fit_bins(values, categorical=True)
    assert bins.counts.tolist() == [50, 5, 4, 4, 37, 0]
    # 3 and 4 are expected four times and come less than five times; 9 was never expected, and came once.
    found = np.repeat([1.0, 2, 3, 4, 5, 9, np.nan], [60, 1, 2, 0, 36, 1, 8])
    expected, counted = bins.count(found)
    assert expected.tolist() == [50, 5, 37, 8]
    assert counted.tolist() == [60, 1, 36, 3]
    # Five of what was expected four times are counted alone, and one bin alone is not merged.
    expected, counted = bins.count(np.repeat([1.0, 2, 3, 4, 5], [50, 5, 5, 4, 36]))
    assert expected.tolist() == [50, 5, 4, 4, 37]
    assert counted.tolist() == [50, 5, 5, 4, 36]


def test_a_bin_that_is_empty_in_both_samples_is_left_out() -> None:
    expected, counted = drift.fit_bins(np.repeat([1.0, 2], 50), categorical=True).count(np.repeat([1.0, 2], [70, 30]))
    assert expected.tolist() == [50, 50]
    assert counted.tolist() == [70, 30]
