import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from mlteam.config.spec import Evaluation
from mlteam.data.features import Floats, Labels
from mlteam.evaluation import metrics
from mlteam.evaluation.bootstrap import Bootstrap
from mlteam.evaluation.metrics import BUILTIN_METRICS, Metric, UndefinedMetricError
from mlteam.repository.python_code import find_metric_definitions

SETTINGS = Evaluation(primary="roc_auc", metrics=("roc_auc",), resamples=200)


REFERENCE = {
    "roc_auc": reference.roc_auc_score,
    "average_precision": reference.average_precision_score,
    "brier_score": reference.brier_score_loss,
    "log_loss": lambda y, p, sample_weight: reference.log_loss(
        y, p, sample_weight=sample_weight, labels=[0, 1, 2][: p.ndim + 1]
    ),
    "accuracy": lambda y, p, sample_weight: reference.accuracy_score(y, p.argmax(1), sample_weight=sample_weight),
    "balanced_accuracy": lambda y, p, sample_weight: reference.recall_score(
        y, p.argmax(1), sample_weight=sample_weight, average="macro", labels=np.unique(y[sample_weight > 0])
    ),
    "mean_absolute_error": reference.mean_absolute_error,
    "root_mean_squared_error": reference.root_mean_squared_error,
    "r2": reference.r2_score,
}


BINARY = st.lists(
    st.tuples(st.booleans(), st.integers(1, 19).map(lambda n: n / 20), st.integers(0, 3)), min_size=4, max_size=60
).filter(lambda rows: {late for late, _, weight in rows if weight} == {True, False})


SEEDS = st.integers(0, 10_000)


def assert_agree(task: str, label: Labels, prediction: Floats, weight: Floats) -> None:
    for name, metric in BUILTIN_METRICS.items():
        if task in metric.tasks:
            expected = REFERENCE[name](label, prediction, sample_weight=weight)
            assert metric.function(label, prediction, weight) == pytest.approx(expected, abs=1e-9), name


@given(BINARY)
def test_metrics_of_two_classes_agree_with_scikit_learn_on_weighted_rows_with_ties(
    rows: list[tuple[bool, float, int]],
) -> None:
    label, prediction, weight = (np.array(column) for column in zip(*rows, strict=True))
    assert_agree("binary", label.astype(np.int64), prediction, weight.astype(float))


@given(SEEDS)
def test_metrics_of_many_classes_agree_with_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    weight = np.append(random.integers(0, 3, 20), 1).astype(float)
    assert_agree("multiclass", random.integers(0, 3, 21), random.dirichlet(np.ones(3), 21), weight)


@given(SEEDS)
def test_metrics_of_numbers_agree_with_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    weight = np.append(random.integers(0, 3, 20), [1, 1]).astype(float)
    assert_agree("regression", random.normal(size=22), random.normal(size=22), weight)


def test_every_metric_is_compared_with_a_reference() -> None:
    assert set(REFERENCE) == set(BUILTIN_METRICS)


@pytest.mark.parametrize("name", BUILTIN_METRICS)
def test_the_best_prediction_is_at_the_better_bound_and_a_worse_one_within(name: str) -> None:
    random, metric = np.random.default_rng(3), BUILTIN_METRICS[name]
    label: Any = random.integers(0, 2, 400) if metric.tasks[0] != "regression" else random.normal(size=400)
    if metric.tasks[0] == "multiclass":
        best: Any = np.eye(2)[label]
        worse: Any = random.dirichlet([1, 1], 400)
    else:
        best, worse = label.astype(float), random.random(400) if metric.tasks[0] == "binary" else label + 1.5
    perfect, found = (metric.function(label, given, np.ones(400)) for given in (best, worse))
    low, high = metric.bounds
    assert (low, high) in ((0, 1), (0, math.inf), (-math.inf, 1))
    assert perfect == pytest.approx(high if metric.higher_is_better else low, abs=1e-6)
    assert low < found < high
    assert metric.sign * (perfect - found) == pytest.approx(abs(perfect - found))
    assert metric.gain_bounds == (low - high, high - low)


def test_the_process_checker_reads_each_metric_without_running_the_code() -> None:
    found = find_metric_definitions(Path(metrics.__file__).read_text(encoding="utf-8"))
    assert set(found) == set(BUILTIN_METRICS)
    assert all(found.values()), "each with what it means"


def test_a_metric_of_the_team_has_no_bounds() -> None:
    metric = Metric("cost", lambda *_: 0.0, False, ("binary",))
    assert metric.bounds == metric.gain_bounds == (-math.inf, math.inf)


def test_numbers_that_are_all_the_same_have_no_r2_and_say_so() -> None:
    estimate = Bootstrap(np.ones(30), SETTINGS).estimate(BUILTIN_METRICS["r2"], np.linspace(0, 1, 30))
    assert (estimate.value, estimate.undefined) == (None, "all labels are the same")


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_one_class_has_no_ranking_and_says_so(name: str) -> None:
    estimate = Bootstrap(np.ones(30, np.int64), SETTINGS).estimate(BUILTIN_METRICS[name], np.linspace(0, 1, 30))
    assert (estimate.value, estimate.undefined) == (None, "all rows are of one class")


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered, truth = 0, 0.7602  # the chance that N(1, 1) exceeds N(0, 1)
    for seed in range(60):
        random = np.random.default_rng(seed)
        label = np.repeat(np.array([0, 1], np.int64), 200)
        estimate = Bootstrap(label, SETTINGS, seed).estimate(BUILTIN_METRICS["roc_auc"], random.normal(label))
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= truth <= estimate.high
    assert 50 <= covered <= 60


def test_the_same_seed_gives_the_same_interval() -> None:
    random = np.random.default_rng(1)
    label, prediction = random.integers(0, 2, 300).astype(np.int64), random.random(300)
    first, second = (Bootstrap(label, SETTINGS, 5).estimate(BUILTIN_METRICS["log_loss"], prediction) for _ in range(2))
    assert first == second


@settings(deadline=None)
@given(draws=st.integers(0, 10_000))
def test_prepared_metrics_give_the_same_numbers(draws: int) -> None:
    random = np.random.default_rng(draws)
    rows = int(random.integers(2, 60))
    units = random.integers(0, 6, rows)
    for codes in (None, np.unique(units, return_inverse=True)[1]):
        counted = rows if codes is None else codes.max() + 1
        counts = random.integers(0, 4, (5, counted)).astype(np.uint16)
        for metric in (metric for metric in BUILTIN_METRICS.values() if metric.prepare):
            label, prediction = draw_case(metric.tasks[0], rows, random)
            assert metric.prepare
            compute = metric.prepare(label, prediction, codes)
            found = [compute(count) for count in counts]
            expected = [weigh(metric, label, prediction, count if codes is None else count[codes]) for count in counts]
            assert found == pytest.approx(expected, abs=1e-12, nan_ok=True), metric.name


def draw_case(task: str, rows: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Labels and predictions of a task, with ties."""
    if task == "binary":
        return random.integers(0, 2, rows), random.random(rows).round(int(random.integers(1, 4)))
    if task == "multiclass":
        return random.integers(0, 3, rows), random.dirichlet([1, 1, 1], rows)
    return random.normal(size=rows), random.normal(size=rows)


def weigh(metric: Metric, label: Any, prediction: Any, weight: Any) -> float:
    """A metric of weighted rows, of a ranking as scikit-learn has it; NaN where it is not defined."""
    if not weight.any():
        return np.nan
    if metric.name not in ("roc_auc", "average_precision"):
        return metric.function(label, prediction, weight.astype(float))
    both = len(set(label[weight > 0].tolist())) == 2
    return float(REFERENCE[metric.name](label, prediction, sample_weight=weight)) if both else np.nan


def test_a_metric_that_some_resamples_leave_undefined_has_none_there() -> None:
    def find_rare(label: Labels, prediction: Floats, weight: Floats) -> float:
        if not weight[label == 2].any():
            raise UndefinedMetricError("the rare row was not drawn")
        return float(weight @ prediction / weight.sum())

    metric = Metric("rare", find_rare, True, ("binary",))
    label = np.array([0, 1] * 30 + [2], np.int64)
    bootstrap = Bootstrap(label, SETTINGS, 3)
    samples = bootstrap.compute_samples(metric, np.linspace(0, 1, 61))
    drawn = np.isfinite(samples)
    assert drawn[0]
    # A row is in about 63 of 100 resamples.
    assert 0.5 < drawn[1:].mean() < 0.75
    with pytest.raises(UndefinedMetricError, match="was not drawn"):
        Bootstrap(label[:60], SETTINGS, 3).compute_samples(metric, np.linspace(0, 1, 60))


def test_to_be_sure_and_wrong_costs_as_much_as_one_in_ten_million() -> None:
    label, prediction, weight = np.array([1, 0, 1]), np.array([0.0, 1.0, 1.0]), np.ones(3)
    found = BUILTIN_METRICS["log_loss"].function(label, prediction, weight)
    assert found == pytest.approx(2 / 3 * math.log(10_000_000))
