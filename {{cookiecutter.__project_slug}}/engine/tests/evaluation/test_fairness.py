"""What a model does to groups of people, compared with numbers worked out apart."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as reference

from mlteam.config.spec import Evaluation
from mlteam.data.features import EvaluationRows, Floats, Labels
from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.evaluator import group_rows
from mlteam.evaluation.fairness import ProtectedGroup, compare_groups, describe_adverse_impact

RANDOM = np.random.default_rng(8)
SEX = np.repeat(["f", "m", "x"], [400, 600, 29])
EVALUATION = Evaluation(primary="roc_auc", metrics=("roc_auc",), resamples=100)


def compare(task: str, label: Labels, predicted: Floats, clusters: Any = None) -> dict[str, ProtectedGroup]:
    primary = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}[task]
    evaluation = Evaluation(primary=primary, metrics=(primary,), resamples=100)
    spec: Any = SimpleNamespace(task=task, evaluation=evaluation, model=SimpleNamespace(seed=1))
    rows = EvaluationRows("test", np.zeros((len(SEX), 1), np.float32), label, pa.table({"sex": SEX}))
    groups = (("sex", value, members) for value, members in group_rows(rows.table["sex"]))
    return {group.value: group for group in compare_groups(spec, rows, predicted, clusters, groups)}


def test_of_two_classes_as_many_rows_are_chosen_as_are_positive() -> None:
    label = (RANDOM.random(len(SEX)) < 0.3).astype(np.int64)
    # Men are predicted higher, and so chosen more often.
    predicted = RANDOM.permutation(len(SEX)) / len(SEX) + label * 0.2 + (SEX == "m") * 0.3
    found = compare("binary", label, predicted)
    assert list(found) == ["m", "f"], "groups of fewer than thirty rows are left out"
    chosen = predicted >= np.sort(predicted)[len(SEX) - label.sum()]
    assert chosen.sum() == label.sum()
    for sex, group in found.items():
        mine = np.equal(SEX, sex)
        true_positive, false_positive = (chosen[mine & (label == side)].mean() for side in (1, 0))
        expected = {
            "label": label[mine].mean(),
            "prediction": predicted[mine].mean(),
            "chosen": chosen[mine].mean(),
            "chosen of the positive": true_positive,
            "chosen of the negative": false_positive,
        }
        assert {name: estimate.value for name, estimate in group.outcomes.items()} == pytest.approx(expected)
        assert true_positive == pytest.approx(reference.recall_score(label[mine], chosen[mine]))
        assert all(e.low <= e.value <= e.high for e in group.outcomes.values())  # type: ignore[operator]
        assert group.rows == mine.sum()
        assert group.ratio == pytest.approx(chosen[mine].mean() / chosen[SEX == "m"].mean())


def test_a_group_is_compared_with_those_of_its_own_column() -> None:
    rows, age = np.arange(len(SEX)), np.arange(len(SEX)) % 2
    label = (RANDOM.random(len(SEX)) < 0.5).astype(np.int64)
    spec: Any = SimpleNamespace(task="binary", evaluation=EVALUATION, model=SimpleNamespace(seed=1))
    data = EvaluationRows("test", np.zeros((len(SEX), 1), np.float32), label, pa.table({"sex": SEX}))
    parts = [("young", age == 0), ("old", age == 1)]
    groups = [("sex", sex, rows[np.equal(SEX, sex)]) for sex in ("f", "m")] + [
        ("age", name, rows[at]) for name, at in parts
    ]
    groups += [("town", "here", rows)]
    for predicted in (RANDOM.random(len(SEX)) + age, RANDOM.random(len(SEX)) + (SEX == "m")):
        found = compare_groups(spec, data, predicted, None, iter(groups))
        for column in ("sex", "age", "town"):
            chosen = {g.value: g.outcomes["chosen"].value or 0 for g in found if g.column == column}
            expected = {value: share / max(chosen.values()) for value, share in chosen.items()}
            assert {g.value: g.ratio for g in found if g.column == column} == pytest.approx(expected)


def test_the_threshold_leaves_the_rows_at_it_out() -> None:
    label = np.zeros(len(SEX), dtype=np.int64)
    label[:100] = 1
    predicted = np.where(label == 1, 0.9, 0.1)
    found = compare("binary", label, predicted)
    assert [found[sex].outcomes["chosen"].value for sex in ("f", "m")] == [0.25, 0]
    assert found["f"].outcomes["chosen of the positive"].value == 1
    assert found["f"].outcomes["chosen of the negative"].value == 0
    assert found["m"].outcomes["chosen of the positive"].undefined == "no such rows"
    assert (found["f"].ratio, found["m"].ratio) == (1, 0)


@pytest.mark.parametrize("positive", range(0, len(SEX) + 1, 21))
def test_the_number_of_the_chosen_is_exact(positive: int) -> None:
    label = np.zeros(len(SEX), dtype=np.int64)
    label[:positive] = 1
    found = compare("binary", label, np.arange(len(SEX)) / len(SEX))
    chosen = sum((found[sex].outcomes["chosen"].value or 0) * found[sex].rows for sex in ("f", "m"))
    # The last 29 rows are of a group that is too small to be compared.
    assert chosen == pytest.approx(max(positive - 29, 0))


def test_where_nobody_is_chosen_there_is_no_ratio() -> None:
    found = compare("binary", np.zeros(len(SEX), dtype=np.int64), np.full(len(SEX), 0.5))
    assert [group.ratio for group in found.values()] == [None, None]


def test_of_many_classes_the_share_that_is_right_is_compared() -> None:
    label, predicted = RANDOM.integers(0, 3, len(SEX)), RANDOM.dirichlet([1, 1, 1], len(SEX))
    for sex, group in compare("multiclass", label, predicted).items():
        mine = sex == SEX
        expected = reference.accuracy_score(label[mine], predicted[mine].argmax(axis=1))
        assert {name: estimate.value for name, estimate in group.outcomes.items()} == pytest.approx({"right": expected})
        assert group.ratio is None


def test_of_numbers_means_and_mean_errors_are_compared() -> None:
    label = RANDOM.normal(10, 2, len(SEX))
    predicted = label + np.where(SEX == "m", 1.5, -0.5)
    for sex, group in compare("regression", label, predicted).items():
        mine = sex == SEX
        expected = {"label": label[mine].mean(), "prediction": predicted[mine].mean()}
        expected["mean error"] = 1.5 if sex == "m" else -0.5
        assert {name: estimate.value for name, estimate in group.outcomes.items()} == pytest.approx(expected)
        # Means of numbers may be anywhere, and shares only from 0 to 1.
        assert group.outcomes["label"].high > 1  # type: ignore[operator]


def test_rows_of_one_day_widen_the_intervals_of_a_group() -> None:
    days = np.arange(len(SEX)) % 20
    label = RANDOM.normal(0, 0.1, len(SEX)) + RANDOM.normal(0, 3, 20)[days]
    apart, together = compare("regression", label, label), compare("regression", label, label, days)

    def reach(group: ProtectedGroup) -> float:
        found = group.outcomes["label"]
        return found.high - found.low  # type: ignore[operator]

    assert all(reach(together[sex]) > 2 * reach(apart[sex]) for sex in ("f", "m"))


def describe(chosen: float, low: float | None, high: float | None, other_low: float | None = 0.38) -> list[str]:
    groups = [
        ProtectedGroup("sex", "m", 90, {"chosen": Estimate(0.4, other_low, 0.42)}, 1.0),
        ProtectedGroup("sex", "f", 90, {"chosen": Estimate(chosen, low, high)}, chosen / 0.4),
        ProtectedGroup("age", "60 to 70", 90, {"chosen": Estimate(0.9, 0.8, 1.0)}, 1.0),
        ProtectedGroup("age", "20 to 30", 90, {"right": Estimate(0.1, 0.0, 0.2)}),
    ]
    return list(describe_adverse_impact(groups))


def test_adverse_impact_is_below_four_fifths_and_beyond_chance() -> None:
    said = "sex = f is chosen 0.75 times as often as the group that is chosen most, which is below four fifths"
    assert describe(0.3, 0.25, 0.35) == [said]
    # Four fifths themselves are none, nor is a group whose interval meets that of the most chosen, or that has none.
    assert describe(0.32, 0.31, 0.33) == []
    assert describe(0.3, 0.2, 0.38) == []
    assert describe(0.3, 0.25, 0.45) == []
    assert describe(0.3, None, None) == []
    assert describe(0.3, 0.25, 0.35, other_low=None) == []
