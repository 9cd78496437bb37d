import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from mlteam.config.operations import Gates
from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.evaluator import SliceGain
from mlteam.launch.evidence import compute_calibration_error
from mlteam.launch.gates import Evidence, evaluate_gates

NAN = float("nan")


GOOD = Evidence(
    metric="roc_auc",
    higher_is_better=True,
    value=Estimate(0.8, 0.78, 0.82),
    seen_rows=0,
    gain_over_baseline=Estimate(0.1, 0.08, 0.12),
    gain_over_champion=Estimate(0.01, 0.001, 0.02),
    champion_version=3,
    reference_value=0.79,
    slices=[SliceGain("carrier", "XX", 900, Estimate(-0.01, -0.03, 0.01))],
    calibration_error=0.02,
    latency_ms=2,
    snapshot_days=3,
    privacy_finding="",
    process_finding="",
    commit="0123456789abcdef",
    dirty=False,
)


def refused(limits: Gates | None = None, **other: Any) -> list[str]:
    decided = evaluate_gates(limits or Gates(floor=0.7), dataclasses.replace(GOOD, **other))
    return [gate.name for gate in decided if not gate.passed]


def test_a_good_version_passes() -> None:
    assert refused() == []


@pytest.mark.parametrize(
    ("gate", "other"),
    [
        ("roc_auc", {"value": Estimate(0.71, 0.69, 0.73)}),
        ("roc_auc", {"value": Estimate(NAN, NAN, NAN)}),
        ("roc_auc", {"value": Estimate(None, None, None, "one class")}),
        ("roc_auc", {"value": Estimate(0.8, 0.78, math.inf)}),
        ("unseen rows", {"seen_rows": 1}),
        ("gain over baseline", {"gain_over_baseline": Estimate(0.01, -0.001, 0.02)}),
        ("gain over baseline", {"gain_over_baseline": Estimate(0.1, NAN, 0.2)}),
        ("gain over champion", {"gain_over_champion": Estimate(-0.02, -0.03, -0.01)}),
        ("gain over champion", {"gain_over_champion": Estimate(NAN, NAN, NAN)}),
        ("gain over champion", {"gain_over_champion": Estimate(None, None, None, "one class")}),
        ("slices", {"slices": [SliceGain("carrier", "XX", 900, Estimate(-0.1, -0.15, -0.05))]}),
        ("slices", {"slices": [SliceGain("carrier", "XX", 900, Estimate(NAN, NAN, NAN))]}),
        ("slices", {"reference_value": NAN}),
        ("calibration error", {"calibration_error": 0.11}),
        ("calibration error", {"calibration_error": NAN}),
        ("latency", {"latency_ms": 51}),
        ("latency", {"latency_ms": math.inf}),
        ("snapshot age", {"snapshot_days": 31}),
        ("snapshot age", {"snapshot_days": NAN}),
        ("anonymization", {"privacy_finding": "column email looks personal"}),
        ("process", {"process_finding": "PRC010"}),
        ("code", {"commit": ""}),
        ("code", {"dirty": True}),
    ],
)
def test_each_gate_refuses_alone(gate: str, other: dict[str, Any]) -> None:
    assert refused(**other) == [gate]


def test_equal_and_worse_by_noise_pass_unless_better_is_demanded() -> None:
    for gain in (Estimate(0, 0, 0), Estimate(-0.005, -0.02, 0.01)):
        assert refused(gain_over_champion=gain) == []
        assert refused(limits=Gates(champion="better"), gain_over_champion=gain) == ["gain over champion"]


def test_without_a_champion_there_is_nothing_to_be_worse_than() -> None:
    assert refused(gain_over_champion=None, champion_version=None) == []


def test_an_error_metric_is_good_when_it_is_small() -> None:
    small: dict[str, Any] = {"higher_is_better": False, "value": Estimate(2.0, 1.8, 2.2)}
    assert refused(limits=Gates(floor=2.5), **small) == []
    assert refused(limits=Gates(floor=2.1), **small) == ["roc_auc"]


def test_a_slice_of_one_class_is_not_compared_and_said() -> None:
    decided = evaluate_gates(
        Gates(), dataclasses.replace(GOOD, slices=[SliceGain("a", "b", 60, Estimate(None, None, None))])
    )
    (gate,) = [gate for gate in decided if gate.name == "slices"]
    assert gate.passed
    assert gate.message.startswith("0 of 1 slices")


def test_calibration_error_of_each_task() -> None:
    label = np.array([0, 1] * 500)
    assert compute_calibration_error("binary", label, np.full(1000, 0.5)) == pytest.approx(0)
    assert compute_calibration_error("binary", label, np.full(1000, 0.9)) == pytest.approx(0.4)
    assert math.isnan(compute_calibration_error("binary", label, np.full(1000, NAN)))
    sure = np.tile([0.9, 0.05, 0.05], (1000, 1))
    assert compute_calibration_error("multiclass", label, sure) == pytest.approx(0.4)
    assert compute_calibration_error("regression", label.astype(float), label + 0.25) == pytest.approx(0.5)
