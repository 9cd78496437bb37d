"""Quality, skew and shadow compared with numbers worked out apart, for metrics of either direction."""

import datetime as dt
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from mlteam.data.features import Feature, Schema
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.metrics import BUILTIN_METRICS
from mlteam.monitoring.logged_predictions import LoggedPredictions
from mlteam.monitoring.outcomes import match_outcomes
from mlteam.monitoring.quality import EvaluatedVersion, check_quality, check_skew, compare_shadow

ROWS = 400
SCHEMA = Schema(
    task="binary",
    classes=("no", "yes"),
    features=(Feature(name="size", kind="numeric"), Feature(name="weight", kind="numeric")),
)


@dataclass(frozen=True)
class Case:
    """Outcomes of rows that one model predicted."""

    spec: Any
    evaluated: EvaluatedVersion
    late: Any

    def predict(self, noise: float, seed: int = 2) -> LoggedPredictions:
        """What a model would have answered: the outcome with noise, between 0 and 1."""
        random = np.random.default_rng(seed)
        scores = np.clip(self.late * 0.4 + 0.3 + noise * random.normal(size=ROWS), 0.01, 0.99)
        return replace(self.evaluated.served, predictions=scores)


def make_case(metric: str, fewest: int = ROWS, reference: Estimate | None = None) -> Case:
    random = np.random.default_rng(1)
    late = random.integers(0, 2, ROWS)
    names = [f"k{place}" for place in range(ROWS)]
    matrix = random.normal(10, 1, (ROWS, 2)).astype(np.float32)
    spec = SimpleNamespace(
        evaluation=SimpleNamespace(primary=metric, confidence=0.95, resamples=200, cluster="row"),
        monitoring=SimpleNamespace(fewest_rows=fewest, skew=0.01),
        data=SimpleNamespace(key="id", label="late", time=None),
        splits=SimpleNamespace(by="key"),
        model=SimpleNamespace(seed=1),
        task="binary",
        path="p.toml",
    )
    table = pa.table(
        {"id": names, "late": np.where(late == 1, "yes", "no"), "size": matrix[:, 0], "weight": matrix[:, 1]}
    )
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    served = LoggedPredictions([*names], [moment] * ROWS, matrix, np.full(ROWS, 0.5))
    opened: Any = SimpleNamespace(manifest=SimpleNamespace(version=3), schema=SCHEMA)
    spec_any: Any = spec
    outcomes = match_outcomes(spec_any, served, ds.dataset(table))
    found = EvaluatedVersion(opened, served, outcomes, reference or Estimate(0.9, 0.88, 0.92))
    return Case(spec_any, found, late)


def estimate(case: Case, metric: str, predictions: Any) -> Estimate:
    return Bootstrap(case.late, case.spec.evaluation, 1, None).estimate(BUILTIN_METRICS[metric], predictions)


@pytest.mark.parametrize(
    ("metric", "noise", "reference", "state"),
    [
        ("roc_auc", 0.1, Estimate(0.9, 0.88, 0.92), "ok"),
        ("roc_auc", 0.6, Estimate(0.9, 0.88, 0.92), "wrong"),
        ("brier_score", 0.1, Estimate(0.11, 0.1, 0.13), "ok"),
        ("brier_score", 0.6, Estimate(0.11, 0.1, 0.13), "wrong"),
        # Better than at training is fine.
        ("brier_score", 0.1, Estimate(0.3, 0.28, 0.32), "ok"),
    ],
)
def test_quality_is_lost_by_what_lies_between_both_intervals(
    metric: str, noise: float, reference: Estimate, state: str
) -> None:
    case = make_case(metric, reference=reference)
    served = case.predict(noise)
    found = check_quality(case.spec, replace(case.evaluated, served=served))
    now = estimate(case, metric, served.predictions)
    assert now.low is not None
    assert now.high is not None
    assert reference.low is not None
    assert reference.high is not None
    between = reference.low - now.high if metric == "roc_auc" else now.low - reference.high
    assert found.state == state
    assert found.value == pytest.approx(max(0, between))
    assert (found.value or 0) > 0 if state == "wrong" else found.value == 0
    assert (found.subject, found.limit, found.estimates) == (metric, 0, (now, reference))
    assert found.message.startswith(f"{now.format()}, at training {reference.format()}; version 3: 400 of 400 rows")


def test_a_bound_of_zero_at_training_is_a_bound() -> None:
    case = make_case("brier_score", reference=Estimate(0.0, 0.0, 0.0))
    found = check_quality(case.spec, replace(case.evaluated, served=case.predict(0.1)))
    now = estimate(case, "brier_score", case.predict(0.1).predictions)
    assert found.value == pytest.approx(now.low)


@pytest.mark.parametrize(("fewest", "known"), [(ROWS - 1, True), (ROWS, True), (ROWS + 1, False)])
def test_as_many_rows_as_asked_for_are_enough(fewest: int, *, known: bool) -> None:
    case = make_case("brier_score", fewest)
    better = case.predict(0.05)
    findings = [
        check_quality(case.spec, case.evaluated),
        check_skew(case.spec, case.evaluated),
        compare_shadow(case.spec, case.evaluated, better),
    ]
    assert [finding.state != "unknown" for finding in findings] == [known] * 3
    if not known:
        assert [finding.limit for finding in findings] == [0, 0.01, 0]
        assert findings[0].message.endswith("needs 401")


def test_a_metric_that_outcomes_of_one_class_do_not_define_is_unknown() -> None:
    case = make_case("roc_auc")
    table = case.evaluated.outcomes.rows
    late = pa.array(["yes"] * ROWS)
    outcomes = replace(case.evaluated.outcomes, rows=table.set_column(1, "late", late))
    evaluated = replace(case.evaluated, outcomes=outcomes)
    for found in (check_quality(case.spec, evaluated), compare_shadow(case.spec, evaluated, case.predict(0.1))):
        assert (found.state, found.limit) == ("unknown", 0)
        assert "one class" in found.message


def test_a_gain_of_too_few_groups_for_an_interval_is_unknown() -> None:
    case = make_case("brier_score")
    case.spec.evaluation.cluster = "late"
    found = compare_shadow(case.spec, case.evaluated, case.predict(0.05))
    assert (found.state, found.limit) == ("unknown", 0)
    assert found.message.endswith("on 400 outcomes")


@pytest.mark.parametrize("metric", ["roc_auc", "brier_score"])
@pytest.mark.parametrize("worse", [True, False])
def test_a_shadow_loses_by_the_upper_end_of_its_gain(metric: str, *, worse: bool) -> None:
    case = make_case(metric)
    good, bad = case.predict(0.1), case.predict(0.6)
    champion, shadow = (good, bad) if worse else (bad, good)
    # The shadow answered in another order, and one row twice: the last answer counts, which comes first.
    order = np.random.default_rng(5).permutation(ROWS)
    ids = [shadow.ids[place] for place in order]
    mixed = replace(shadow, ids=[*ids, ids[0], None], predictions=np.append(shadow.predictions[order], [0.5, 0.5]))
    found = compare_shadow(case.spec, replace(case.evaluated, served=champion), mixed)
    bootstrap, sign = Bootstrap(case.late, case.spec.evaluation, 1, None), 1 if metric == "roc_auc" else -1
    ours, theirs = (bootstrap.compute_samples(BUILTIN_METRICS[metric], part.predictions) for part in (champion, shadow))
    gain = bootstrap.summarize((theirs - ours) * sign)
    assert gain.high is not None
    assert found.value == pytest.approx(max(0, -gain.high))
    assert found.state == ("wrong" if worse else "ok")
    assert found.limit == 0
    assert gain.format(signed=True) in found.message


def test_features_that_differ_in_the_sixth_digit_are_the_same() -> None:
    case = make_case("roc_auc")
    matrix = case.evaluated.served.matrix
    close = replace(case.evaluated.served, matrix=matrix * np.float32(1 + 5e-7))
    assert check_skew(case.spec, replace(case.evaluated, served=close)).value == 0
    other = matrix.copy()
    other[:8, 1] *= np.float32(1 + 1e-4)
    found = check_skew(case.spec, replace(case.evaluated, served=replace(case.evaluated.served, matrix=other)))
    assert (found.value, found.state) == (8 / ROWS, "wrong")
    assert found.message.startswith("8 of 400 rows were served with features that differ from the warehouse")
    assert found.message.endswith(", mostly weight; such as k0, k1, k2, k3, k4")
