"""The search for parameters, with a model whose best parameter is known."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlteam.config.spec import Evaluation, ModelSpec
from mlteam.config.tuning import SearchSpace
from mlteam.core.errors import ProjectError
from mlteam.data.features import Examples, Schema
from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.metrics import BUILTIN_METRICS
from mlteam.modeling import tuning
from mlteam.modeling.boosted_trees import XGBoostParams
from mlteam.modeling.tuning import (
    Trial,
    TuningResult,
    estimate_selected_gain,
    search_parameters,
    validate_search_space,
)

BEST = 3.0
RANDOM = np.random.default_rng(4)
LABEL = RANDOM.normal(size=300)
NOISE = RANDOM.normal(size=300)
ROWS = (
    Examples("train", np.zeros((300, 1), np.float32), LABEL),
    Examples("validation", np.zeros((300, 1), np.float32), LABEL),
)
SCHEMA = Schema(task="regression", classes=(), features=())
METRICS = ["r2", "mean_absolute_error"]


class Clock:
    """A clock that training moves on."""

    now = 1_000.0
    step = 0.0


class Distance:
    """A model that is wrong by the distance of its parameter from the best one."""

    def __init__(self, depth: float) -> None:
        self.depth = depth

    @classmethod
    def fit(cls, _: Examples, __: Examples, ___: Schema, settings: ModelSpec) -> "Distance":
        Clock.now += Clock.step
        return cls(float(settings.params["depth"]))

    def predict(self, _: Any) -> Any:
        return (LABEL + NOISE * (0.1 + abs(self.depth - BEST))).astype(np.float32)


@pytest.fixture(autouse=True)
def distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "load_model_class", lambda *_: Distance)
    monkeypatch.setattr(Clock, "now", 1_000.0)
    monkeypatch.setattr(Clock, "step", 0.0)


def make_spec(metric: str, present: float, **space: Any) -> Any:
    spaces = {"depth": SearchSpace(**{"low": 0.0, "high": 10.0} | space)}
    return SimpleNamespace(
        evaluation=Evaluation(primary=metric, metrics=(metric,), resamples=100),
        task="regression",
        model=ModelSpec(factory="mlteam.modeling:XGBoost", seed=3, params={"depth": present, "rounds": 7}),
        tune=SimpleNamespace(params=spaces, spaces=spaces),
        path=Path("p.toml"),
    )


@pytest.mark.parametrize("metric", METRICS)
def test_the_search_goes_where_the_metric_is_better(metric: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = search_parameters(make_spec(metric, 9.0), SCHEMA, ROWS, 40)
    depths = [abs(float(trial.params["depth"]) - BEST) for trial in found.trials]
    assert [trial.number for trial in found.trials] == list(range(41))
    assert found.trials[0].params == {"depth": 9.0}
    assert np.mean(depths[-10:]) < np.mean(depths[1:11]) / 2
    assert abs(float(found.best.params["depth"]) - BEST) == min(depths) < 0.5
    assert found.ranked_trials[0] is found.best
    # A line for each trial that was better than all before it, the present parameters among them.
    running = list(itertools.accumulate(depths, min))
    better = [number for number in range(1, 41) if running[number] < running[number - 1]]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  trial ")]
    assert [int(line.split()[1].rstrip(":")) for line in said] == better
    assert found.is_improvement
    assert found.verdict.startswith(f"trial {found.best.number} is better than the present parameters by {metric} on")


@pytest.mark.parametrize("metric", METRICS)
def test_where_no_trial_is_better_the_present_parameters_stay(metric: str) -> None:
    found = search_parameters(make_spec(metric, BEST), SCHEMA, ROWS, 5)
    assert found.best.number == 0
    assert found.verdict == "none of 5 trials is better than the present parameters"
    assert not found.is_improvement


def test_a_trial_that_is_as_good_is_not_better(capsys: pytest.CaptureFixture[str]) -> None:
    found = search_parameters(make_spec("r2", BEST, low=0, high=0, among=(BEST, BEST)), SCHEMA, ROWS, 4)
    assert found.best.number == 0
    assert "  trial " not in capsys.readouterr().out


class Strict:
    """A model that accepts its parameters some times, and then no longer."""

    accepts = 0

    @classmethod
    def fit(cls, _: Examples, __: Examples, ___: Schema, ____: ModelSpec) -> Distance:
        if not cls.accepts:
            XGBoostParams.model_validate({"max_depth": "deep"})
        cls.accepts -= 1
        return Distance(BEST)


@pytest.mark.parametrize(("accepts", "table", "line"), [(0, "model", 2), (1, "tune", 5)])
def test_a_wrong_value_is_told_with_its_table(
    accepts: int, table: str, line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "load_model_class", lambda *_: Strict)
    monkeypatch.setattr(Strict, "accepts", accepts)
    spec = make_spec("r2", 7.0)
    spec.path = tmp_path / "p.toml"
    spec.path.write_text("[model.params]\nmax_depth = 7\n\n[tune.params]\nmax_depth = [5, 9]\n", encoding="utf-8")
    with pytest.raises(ProjectError) as refused:
        search_parameters(spec, SCHEMA, ROWS, 1)
    assert refused.value.what.startswith(f"{table}.params.max_depth: Input should be a valid integer")
    assert refused.value.where == f"{spec.path}:{line}"


@pytest.mark.parametrize(
    ("space", "tried"), [({"among": (1, 2, 8)}, [1, 2, 8]), ({"low": 0.5, "high": 2.0}, [0.5, 2.0])]
)
def test_each_end_of_a_space_and_each_choice_is_validated(
    space: dict[str, Any], tried: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, Any]] = []
    monkeypatch.setattr(tuning, "validate_parameters", lambda _, table, given: seen.append((table, given["depth"])))
    validate_search_space(make_spec("r2", 9.0, **space))
    assert seen == [("model", 9.0), *(("tune", value) for value in tried)]


def make_result(name: str, values: list[float], gain: Estimate) -> TuningResult:
    trials = [Trial(number, {}, value, 0, np.zeros(1)) for number, value in enumerate(values)]
    return TuningResult(BUILTIN_METRICS[name], trials, trials[1], gain)


def test_trials_are_ranked_by_whichever_way_is_better() -> None:
    unknown = Estimate(0.1, None, None, "too few rows")
    assert [t.value for t in make_result("r2", [-2, 0.5, -0.5, 0], unknown).ranked_trials] == [0.5, 0, -0.5, -2]
    assert [t.value for t in make_result("mean_absolute_error", [2, 0.5, 3], unknown).ranked_trials] == [0.5, 2, 3]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.2, "better than"), (0.0, 0.2, "not better above"), (-0.1, 0.2, "not better above")],
)
def test_a_gain_within_noise_is_none(low: float, high: float, said: str) -> None:
    result = make_result("r2", [0.1, 0.2], Estimate(0.1, low, high))
    assert result.verdict.startswith(f"trial 1 is {said}")
    assert result.verdict.endswith(f"by r2 on validation: +0.1000 [{low:.4f}, {high:.4f}]")
    assert result.is_improvement == (said == "better than")


@pytest.mark.parametrize(("seconds", "begun"), [(30, 3), (30.25, 2), (61, 1)])
def test_no_trial_begins_after_its_minute(seconds: float, begun: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "step", seconds)
    monkeypatch.setattr(tuning, "time", SimpleNamespace(monotonic=lambda: Clock.now))
    trials = search_parameters(make_spec("r2", 9.0), SCHEMA, ROWS, 50, 1).trials
    assert len(trials) == 1 + begun
    assert [trial.seconds for trial in trials] == [seconds] * len(trials)


def test_a_number_has_four_digits_and_stays_in_its_range() -> None:
    trials = search_parameters(make_spec("r2", 9.0, low=0.001, high=10.0, log=True), SCHEMA, ROWS, 30).trials
    depths = [float(trial.params["depth"]) for trial in trials[1:]]
    assert all(depth == float(f"{depth:.4g}") for depth in depths)
    assert sum(depth != float(f"{depth:.3g}") for depth in depths) > 10
    # Half of them are below the middle of the logarithms.
    assert 5 < sum(depth < 0.1 for depth in depths) < 25
    narrow = search_parameters(make_spec("r2", 9.0, low=1.23456, high=1.23457), SCHEMA, ROWS, 5).trials
    assert all(1.23456 <= float(trial.params["depth"]) <= 1.23457 for trial in narrow[1:])


def test_whole_numbers_and_choices_stay_what_they_are() -> None:
    whole = search_parameters(make_spec("r2", 9.0, low=1, high=4), SCHEMA, ROWS, 20).trials[1:]
    assert {trial.params["depth"] for trial in whole} == {1, 2, 3, 4}
    among = search_parameters(make_spec("r2", 9.0, low=0, high=0, among=(2.5, 8.0)), SCHEMA, ROWS, 10).trials[1:]
    assert {trial.params["depth"] for trial in among} == {2.5, 8.0}


def test_a_metric_that_is_not_defined_is_a_message() -> None:
    constant = Examples("validation", np.zeros((300, 1), np.float32), np.ones(300))
    with pytest.raises(ProjectError, match="r2 is not defined on the validation rows"):
        search_parameters(make_spec("r2", 9.0), SCHEMA, (ROWS[0], constant), 1)


@pytest.mark.parametrize("clusters", [None, np.arange(300) % 12])
def test_the_gain_of_one_clear_winner_is_its_own(clusters: Any) -> None:
    """The same trial wins in every resample, so its gain needs no correction."""
    errors = RANDOM.uniform(1, 2, 300)
    trials = [Trial(0, {}, 0, 0, LABEL + 2 * errors), Trial(1, {}, 0, 0, LABEL + errors)]
    spec = make_spec("mean_absolute_error", 1)
    gain = estimate_selected_gain(spec, BUILTIN_METRICS["mean_absolute_error"], LABEL, trials, clusters)
    assert gain.value == pytest.approx(errors.mean(), abs=0.01)
    assert gain.low is not None
    assert gain.high is not None
    error = errors.std() / np.sqrt(300)
    assert gain.high - gain.low == pytest.approx(2 * 1.96 * error, rel=0.7)
    assert gain.low < errors.mean() < gain.high
