"""Groups of rows, gains on slices and the sentences about rivals, each compared with a number worked out apart."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import optimize, stats

from mlteam.config.spec import Evaluation
from mlteam.data.features import EvaluationRows
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.evaluator import EvaluationResult, MetricComparison, compute_slice_gains, evaluate, group_rows
from mlteam.evaluation.metrics import BUILTIN_METRICS

ERROR = BUILTIN_METRICS["mean_absolute_error"]


def fake_spec(primary: str = "mean_absolute_error", task: str = "regression", **settings: Any) -> Any:
    """What the evaluator reads of a pipeline file."""
    evaluation = Evaluation(primary=primary, metrics=(primary,), slices=("shop",), cluster="row", **settings)
    return SimpleNamespace(
        evaluation=evaluation,
        splits=SimpleNamespace(by="key", column="id"),
        data=SimpleNamespace(time=None, label="y"),
        task=task,
        model=SimpleNamespace(seed=1),
        path="p.toml",
    )


def make_rows(label: Any, shop: list[str]) -> EvaluationRows:
    return EvaluationRows("test", np.zeros((len(shop), 1), np.float32), label, pa.table({"shop": shop}))


def test_up_to_24_numbers_are_groups_of_their_own_and_more_are_six_ranges() -> None:
    few = list(group_rows(pa.chunked_array([np.repeat(np.arange(24), 2)])))
    assert [value for value, _ in few] == [str(number) for number in range(24)]
    assert all(rows.tolist() == [2 * n, 2 * n + 1] for n, (_, rows) in enumerate(few))
    ranges = list(group_rows(pa.chunked_array([np.arange(25)])))
    assert [value for value, _ in ranges] == [
        *("0 to below 4", "4 to below 8", "8 to below 12", "12 to below 16", "16 to below 20"),
        "20 to 24",
    ]
    # A value on an edge is in the range that begins there, and the greatest in the last.
    assert [rows.tolist() for _, rows in ranges] == [
        *(list(range(low, low + 4)) for low in range(0, 20, 4)),
        [20, 21, 22, 23, 24],
    ]


def test_the_gain_on_a_slice_is_the_difference_with_the_sign_of_its_metric() -> None:
    random = np.random.default_rng(3)
    shop, label = ["a"] * 200 + ["b"] * 100, random.normal(size=300)
    old, new = label + 2, label + np.where(np.arange(300) < 200, 1, 3)
    gains = {gain.value: gain for gain in compute_slice_gains(fake_spec(), make_rows(label, shop), [old, new])}
    # Less error is better: 2 becomes 1 in a, and 3 in b.
    assert {value: gain.rows for value, gain in gains.items()} == {"a": 200, "b": 100}
    assert [gains[value].gain.value for value in "ab"] == pytest.approx([1, -1])


def test_intervals_of_more_slices_are_wider_since_all_hold_at_once() -> None:
    random = np.random.default_rng(3)
    label = random.normal(size=600)
    scores = [label + random.normal(size=600), label + random.normal(size=600)]
    widths = []
    for shops in (1, 12):
        rows = (
            make_rows(label[:50], ["x"] * 50)
            if shops == 1
            else make_rows(label, np.repeat(list("xabcdefghijk"), 50).tolist())
        )
        (gain,) = (
            gain
            for gain in compute_slice_gains(fake_spec(), rows, [score[: len(rows.label)] for score in scores])
            if gain.value == "x"
        )
        assert gain.gain.low is not None
        assert gain.gain.high is not None
        widths.append(gain.gain.high - gain.gain.low)
    # Half a percent on each side becomes a twelfth of that: Student's quantiles say by how much.
    expected = stats.t.ppf(1 - 0.025 / 12, 49) / stats.t.ppf(1 - 0.025, 49)
    assert widths[1] / widths[0] == pytest.approx(expected, rel=0.12)


def test_ten_rows_of_the_rarer_class_are_enough_for_an_interval() -> None:
    shop = np.repeat(["ten", "nine", "nine without"], 60).tolist()
    label = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [10, 50, 9, 51, 51, 9])
    score = np.random.default_rng(1).random(180)
    gains = compute_slice_gains(fake_spec("roc_auc", "binary"), make_rows(label, shop), [score, score])
    found = {gain.value: gain.gain.undefined for gain in gains}
    few = "9 of 60 rows in the rarer class, at least 10 are needed"
    assert found == {"ten": "", "nine": few, "nine without": few}


def describe(gain: Estimate, linear: Estimate | None = None) -> str:
    def compare(found: Estimate) -> MetricComparison:
        return MetricComparison("roc_auc", Estimate(0.8, 0.7, 0.9), Estimate(0.6, 0.5, 0.7), found)

    rivals = None if linear is None else compare(linear)
    return EvaluationResult("test", 9, 0.5, [compare(gain)], [], rivals).describe_rivals()


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (Estimate(0.2, 0.1, 0.3), ""),
        (Estimate(0.2, 0.0, 0.4), "The model is not clearly better than its baseline: +0.2000 [0.0000, 0.4000]"),
        (Estimate(0.2, -0.5, 0.4), "The model is not clearly better than its baseline"),
        (Estimate(-0.2, -0.4, 0.0), "The model is not clearly better than its baseline"),
        (Estimate(-0.2, -0.4, -0.1), "The model is worse than its baseline: -0.2000"),
        (Estimate(0.2, None, None, "few"), "Whether the model is better than its baseline is not known: few."),
        (Estimate(None, None, None, "one class"), ""),
    ],
)
def test_a_model_that_is_not_surely_better_says_so(gain: Estimate, said: str) -> None:
    assert describe(gain).startswith(said)
    assert bool(describe(gain)) == bool(said)


def test_the_linear_model_is_named_whether_it_loses_or_wins() -> None:
    better, worse = Estimate(0.2, 0.1, 0.3), Estimate(-0.2, -0.3, -0.1)
    assert describe(better, better).startswith("The model is better than a linear model of the same rows: +0.2000")
    assert describe(better, worse).startswith("The model is worse than a linear model of the same rows: -0.2000")
    assert describe(worse, worse).count("The model is worse than") == 2


@pytest.mark.parametrize(
    ("low", "high", "excluded"),
    [
        (0.1, 0.2, True),
        (-0.2, -0.1, True),
        (-0.5, 0.0, False),
        (0.0, 0.5, False),
        (-0.5, 0.5, False),
        (-0.5, -0.4, True),
    ],
)
def test_zero_is_outside_of_an_interval_on_either_side(low: float, high: float, *, excluded: bool) -> None:
    assert Estimate(0.0, low, high).excludes_zero is excluded


def test_no_interval_excludes_nothing() -> None:
    assert not Estimate(1.0, None, None).excludes_zero
    assert not Estimate(1.0, 0.5, None).excludes_zero


def test_an_interval_of_many_rows_has_the_quantiles_of_student() -> None:
    settings = Evaluation(primary="mean_absolute_error", metrics=("mean_absolute_error",), resamples=400)
    bootstrap = Bootstrap(np.zeros(400), settings, 1)
    samples = bootstrap.compute_samples(ERROR, np.random.default_rng(2).exponential(size=400))
    found = bootstrap.summarize(samples)
    inside = stats.norm.cdf(-stats.t.ppf(0.975, 399) * math.sqrt(400 / 399))
    assert len(samples) == 401
    assert [found.low, found.high] == pytest.approx(np.quantile(samples[1:], [inside, 1 - inside], method="weibull"))


@pytest.mark.parametrize("units", [5, 8, 40])
def test_an_interval_of_few_clusters_reaches_further_where_the_metric_is_skewed(units: int) -> None:
    settings = Evaluation(primary="mean_absolute_error", metrics=("mean_absolute_error",), resamples=400)
    errors = np.random.default_rng(4).exponential(size=units)
    cluster = np.repeat(np.arange(units), 3)
    bootstrap = Bootstrap(np.zeros(3 * units), settings, 1, cluster)
    samples = bootstrap.compute_samples(ERROR, errors[cluster])
    found = bootstrap.summarize(samples)
    assert samples[401:] == pytest.approx([np.delete(errors, unit).mean() for unit in range(units)])
    # Hall's cubic, solved by brentq instead of by its formula.
    skewness = stats.skew(errors, bias=False) / math.sqrt(units) * units / (units - 3)
    spread = max(stats.sem(errors), np.std(samples[1:401]) * math.sqrt(units / (units - 1)))

    def find_quantile(student: float) -> float:
        def cubic(t: float) -> float:
            return float(t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6 - student)

        return float(optimize.brentq(cubic, -500, 500))

    # A spread of 400 resamples has 399 degrees of freedom of its own.
    student = stats.t.ppf(0.975, 1 / (1 / (units - 1) + 1 / 399))
    # The argument of the cube root is at least a tenth at both ends: a quadratic equation, by its roots.
    skewness = min(skewness, max(np.roots([1 / 6, student, -0.9])))
    expected = [errors.mean() - spread * find_quantile(student), errors.mean() - spread * find_quantile(-student)]
    assert [found.low, found.high] == pytest.approx(expected)
    assert found.high is not None
    assert found.low is not None
    assert found.high - errors.mean() > errors.mean() - found.low


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_one_day_of_storms_widens_no_interval_beyond_what_a_metric_can_be(name: str) -> None:
    settings = Evaluation(primary=name, metrics=(name,))
    random = np.random.default_rng(7)
    day = np.repeat(np.arange(31), 40)
    storm = day == 12
    label = (random.random(len(day)) < np.where(storm, 0.9, 0.15)).astype(int)
    score = np.clip(np.where(storm, 0.8, 0.2) + 0.1 * random.normal(size=len(day)), 0.01, 0.99)
    metric, bootstrap = BUILTIN_METRICS[name], Bootstrap(label, settings, 1, day)
    found, samples = bootstrap.estimate(metric, score), bootstrap.compute_samples(metric, score)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert metric.bounds[0] <= found.low < found.value < found.high <= metric.bounds[1]
    student = stats.t.ppf(0.975, 1 / (1 / 30 + 1 / 199))
    influence = samples[201:].mean() - samples[201:]
    spread = max(math.sqrt((influence**2).sum() * 30 / 31), samples[1:201].std() * math.sqrt(31 / 30))
    assert max(found.high - found.value, found.value - found.low) < 2 * student * spread


def test_a_share_and_a_gain_of_shares_end_where_they_must() -> None:
    settings = Evaluation(primary="accuracy", metrics=("accuracy",), cluster="row")
    bootstrap = Bootstrap(np.zeros(6), settings, 1)
    wild = np.random.default_rng(1).normal(0.5, 3, 1 + 200 + 6)
    accuracy, error = BUILTIN_METRICS["accuracy"], BUILTIN_METRICS["mean_absolute_error"]
    for bounds, expected in (
        (accuracy.bounds, (0.0, 1.0)),
        (accuracy.gain_bounds, (-1.0, 1.0)),
        (error.bounds, (0.0, math.inf)),
        (error.gain_bounds, (-math.inf, math.inf)),
        (BUILTIN_METRICS["r2"].bounds, (-math.inf, 1.0)),
    ):
        found, free = bootstrap.summarize(wild, bounds=bounds), bootstrap.summarize(wild)
        assert bounds == expected
        assert free.low is not None
        assert free.high is not None
        assert (found.low, found.high) == (max(bounds[0], free.low), min(bounds[1], free.high))
        assert free.low < -1
        assert free.high > 1


def test_equal_clusters_and_a_metric_that_one_of_them_alone_defines_still_have_an_interval() -> None:
    settings = Evaluation(primary="roc_auc", metrics=("roc_auc",))
    same = Bootstrap(np.zeros(24), settings, 1, np.repeat(np.arange(8), 3)).estimate(ERROR, np.full(24, 2.0))
    assert (same.low, same.value, same.high) == (2.0, 2.0, 2.0)
    label = np.r_[np.ones(3), np.zeros(21)]
    alone = Bootstrap(label, settings, 1, np.repeat(np.arange(8), 3))
    found = alone.estimate(BUILTIN_METRICS["roc_auc"], np.random.default_rng(1).random(24))
    assert found.low is not None
    assert math.isfinite(found.low)


def test_four_resamples_beyond_a_quantile_are_enough_to_place_it() -> None:
    settings = Evaluation(primary="mean_absolute_error", metrics=("mean_absolute_error",), resamples=200)
    bootstrap = Bootstrap(np.zeros(10_000), settings, 1)
    samples = np.append(0.0, np.random.default_rng(5).exponential(size=200))
    # 2.5 percent of 200 are five, and half as much with two intervals at once is less than three.
    alone, together = bootstrap.summarize(samples), bootstrap.summarize(samples, 2)
    widening = math.sqrt(10_000 / 9_999)
    inside = stats.norm.cdf(-stats.t.ppf(0.975, 9_999) * widening)
    assert alone.low == pytest.approx(np.quantile(samples[1:], inside, method="weibull"))
    reach = stats.t.ppf(0.9875, 1 / (1 / 9_999 + 1 / 199)) * widening
    assert together.low == pytest.approx(-reach * np.std(samples[1:]))
    # Between these two: 3.5 of 140 are fewer than four.
    fewer = np.append(0.0, samples[1:141])
    reach = stats.t.ppf(0.975, 1 / (1 / 9_999 + 1 / 139)) * widening
    assert bootstrap.summarize(fewer).low == pytest.approx(-reach * np.std(fewer[1:]))


def test_a_result_says_how_many_rows_and_what_share_of_positives() -> None:
    label = np.array([1.0, 0.0] * 40)
    result = evaluate(fake_spec("roc_auc", "binary"), make_rows(label, ["a"] * 80), label, 1 - label)
    assert (result.rows, result.label_mean, result.metrics[0].gain.value) == (80, 0.5, 1.0)
