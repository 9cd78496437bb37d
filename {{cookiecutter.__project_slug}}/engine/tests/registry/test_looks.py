"""Each look at the test rows is counted once and paid for: many tries do not make a lucky one."""

import numpy as np
import pytest
from conftest import edit

from mlteam.commands import evaluate, launch, train
from mlteam.config import pipelines
from mlteam.config.spec import Evaluation, Spec
from mlteam.data import snapshot
from mlteam.evaluation.bootstrap import Bootstrap
from mlteam.evaluation.metrics import BUILTIN_METRICS
from mlteam.registry.looks import compute_confidence, record_look
from mlteam.registry.versions import RegisteredVersion

ERROR = BUILTIN_METRICS["mean_absolute_error"]


def test_the_first_look_is_free_and_all_together_cost_twice() -> None:
    spent = [1 - compute_confidence(0.95, look) for look in range(1, 10_001)]
    assert spent[0] == pytest.approx(0.05)
    assert spent == sorted(spent, reverse=True)
    assert 0.0999 < sum(spent) <= 0.1


def test_a_version_is_counted_once_for_each_snapshot(
    spec: Spec, version: RegisteredVersion, shallow: RegisteredVersion
) -> None:
    first, second = "a" * 64, "b" * 64
    assert record_look(spec, shallow.number, first) == 1
    assert record_look(spec, version.number, first) == 2
    assert record_look(spec, shallow.number, first) == 1
    assert record_look(spec, version.number, second) == 1


def test_evaluations_are_looks_and_the_gates_show_their_price(
    spec: Spec, version: RegisteredVersion, shallow: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.evaluate_version(spec, shallow)
    evaluate.evaluate_version(spec, version, ("validation",))
    alone = launch.run_gates(spec, shallow, None)
    said = capsys.readouterr().out
    assert "1 at these test rows, so intervals hold 95 %" in said, said
    launch.run_gates(spec, version, None)
    assert "2 at these test rows, so intervals hold 97.5 %" in capsys.readouterr().out
    edit(spec.path, "rounds = 1,", "rounds = 2,")
    third = train.train_version(pipelines.load_spec(None), snapshot.load_newest("flights"))
    launch.run_gates(spec, third, None)
    assert "3 at these test rows, so intervals hold 99.17 %" in capsys.readouterr().out
    assert [gate.name for gate in alone][1] == "look"


def draw_launched_share(chains: int, candidates: int, *, paid: bool) -> float:
    """The share of chains of candidates without any gain of which one passes the gate."""
    random, passed = np.random.default_rng(5), 0
    for _ in range(chains):
        label = random.normal(size=100)
        reference = label + random.normal(size=100)
        for look in range(1, candidates + 1):
            confidence = compute_confidence(0.95, look) if paid else 0.95
            settings = Evaluation(primary="r2", metrics=("r2",), resamples=40, confidence=confidence)
            drawn = Bootstrap(label, settings, look)
            rival, ours = (
                drawn.compute_samples(ERROR, scores) for scores in (reference, label + random.normal(size=100))
            )
            gain = drawn.summarize(rival - ours)
            if gain.low is not None and gain.low > 0:
                passed += 1
                break
    return passed / chains


def test_of_many_candidates_without_gain_hardly_ever_one_is_launched() -> None:
    assert draw_launched_share(60, 40, paid=False) > 0.25
    assert draw_launched_share(60, 40, paid=True) <= 0.07
