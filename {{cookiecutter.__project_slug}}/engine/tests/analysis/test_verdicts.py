"""What is said of two versions, with versions whose predictions are known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlteam.analysis import comparison
from mlteam.analysis.comparison import VersionComparison, compare_versions
from mlteam.config.spec import Evaluation
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, snapshot
from mlteam.data.features import EvaluationRows
from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.evaluator import MetricComparison

ROWS = 800
RANDOM = np.random.default_rng(15)
SHOP = RANDOM.choice(["north", "south"], ROWS)
LABEL = RANDOM.normal(size=ROWS)
UNKNOWN = Estimate(None, None, None, "one class")


class Settings(SimpleNamespace):
    """What a comparison asks of a pipeline file."""

    def model_copy(self, update: dict[str, Any]) -> "Settings":
        return Settings(**{**vars(self), **update})

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return self.said  # type: ignore[no-any-return]


def make_spec(name: str = "flights", label: str = "late", **said: Any) -> Any:
    evaluation = Evaluation(
        primary="mean_absolute_error", metrics=("mean_absolute_error", "r2"), slices=("shop", "town"), cluster="row"
    )
    return Settings(
        name=name,
        evaluation=evaluation,
        task="regression",
        data=SimpleNamespace(label=label, key="id", time=None),
        splits=SimpleNamespace(by="key", column="id"),
        model=SimpleNamespace(seed=1),
        path="p.toml",
        said=said,
    )


def make_version(number: int, error: float = 0.0, spec: Any = None, classes: Any = (), **tags: str) -> Any:
    model = SimpleNamespace(predict=lambda matrix: LABEL + error * (1 + matrix[:, 0]))
    schema = SimpleNamespace(task="regression", classes=classes)
    return SimpleNamespace(
        number=number, model=model, spec=spec or make_spec(), schema=schema, snapshot="f" * 64, tags=tags
    )


def describe(gain: Estimate, first: Any = None, second: Any = None, **more: Any) -> VersionComparison:
    metrics = [
        MetricComparison("r2", UNKNOWN, UNKNOWN, UNKNOWN),
        MetricComparison("roc_auc", Estimate(0.7, 0.6, 0.8), Estimate(0.6, 0.5, 0.7), gain),
    ]
    said: dict[str, Any] = {"slice_note": "", "training_rows": (0, 0), "dataset": "test", "rows": 9} | more
    return VersionComparison(
        first or make_version(3), second or make_version(4), metrics=metrics, slices=[], differences=[], **said
    )


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (Estimate(0.1, 0.01, 0.2), "version 4 is better than version 3 by roc_auc: +0.1000 [0.0100, 0.2000]"),
        (Estimate(-0.1, -0.2, -0.01), "version 4 is worse than version 3 by roc_auc: -0.1000 [-0.2000, -0.0100]"),
        (Estimate(0.1, 0.0, 0.2), "version 4 and version 3 do not differ by roc_auc above sampling noise: +0.1000"),
        (Estimate(-0.1, -0.2, 0.0), "version 4 and version 3 do not differ by roc_auc above sampling noise: -0.1000"),
        (Estimate(0.1, None, None, "few days"), "no verdict by roc_auc: +0.1000, no interval: few days"),
        (UNKNOWN, "no verdict: roc_auc is not defined on these rows (one class)"),
    ],
)
def test_the_verdict_is_that_of_the_interval(gain: Estimate, said: str) -> None:
    assert describe(gain).format_verdict("roc_auc").startswith(said)


def test_versions_of_two_pipelines_are_called_by_both() -> None:
    other = make_version(4, spec=make_spec("delays"))
    assert describe(UNKNOWN).names == ("version 3", "version 4")
    assert describe(UNKNOWN, second=other).names == ("flights version 3", "delays version 4")


def test_notes_are_those_that_there_are() -> None:
    assert describe(UNKNOWN).collect_notes(make_spec()) == []
    noted = describe(UNKNOWN, slice_note="the rows have no town", training_rows=(1_200, None))
    assert noted.collect_notes(make_spec()) == [
        "the rows have no town",
        "version 3 was trained on 1,200 of these rows",
        "without id it is unknown whether version 4 was trained on these rows",
    ]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> EvaluationRows:
    """Rows of the newest snapshot, of which the first version was trained on 5 and the second on 7."""
    shift = (SHOP == "south").astype(np.float32)[:, None]
    data = EvaluationRows("test", shift, LABEL, pa.table({"shop": SHOP, "id": np.arange(ROWS)}))
    monkeypatch.setattr(snapshot, "load_newest", lambda name: name)
    monkeypatch.setattr(datasets, "load_evaluation_rows", lambda *_: data)
    seen = iter([5, 7])
    monkeypatch.setattr(datasets, "count_training_overlap", lambda *_: next(seen))
    return data


@pytest.mark.usefixtures("rows")
def test_gains_are_those_of_the_second_version() -> None:
    spec = make_spec()
    found = compare_versions(spec, make_version(3, 0.5), make_version(4, 0.2), "test")
    south = np.mean(SHOP == "south")
    error, squares = found.metrics
    assert (error.metric, squares.metric) == ("mean_absolute_error", "r2")
    expected = [scale * (1 + south) for scale in (0.5, 0.2, 0.3)]
    assert [error.baseline.value, error.model.value, error.gain.value] == pytest.approx(expected)
    assert (found.rows, found.training_rows, found.dataset) == (ROWS, (5, 7), "test")
    assert found.slice_note == "the rows have no town: no slices by it"
    assert {(part.value, round(part.gain.value or 0, 6)) for part in found.slices} == {("north", 0.3), ("south", 0.6)}
    assert sum(part.rows for part in found.slices) == ROWS


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("second", "said"),
    [
        (make_version(4, spec=make_spec(label="cancelled")), "version 3 predicts late, version 4 predicts cancelled"),
        (make_version(4, spec=make_spec(label="tired")), "version 3 predicts late, version 4 predicts tired"),
        (make_version(4, classes=("a", "b")), "the versions differ in classes: they predict different things"),
    ],
)
def test_versions_that_predict_different_things_are_not_compared(second: Any, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        compare_versions(make_spec(), make_version(3), second, "test")


def test_differences_are_what_was_said_differently() -> None:
    old = make_version(3, spec=make_spec(model={"params": {"depth": 3, "rounds": 9}}, features=["a", "b", "c"], gone=1))
    new = make_version(
        4, spec=make_spec(model={"params": {"depth": 4, "rounds": 9}}, features=["b", "c", "d"]), parent="3"
    )
    new.snapshot = "e" * 64
    assert list(comparison._list_differences(old, new)) == [
        ("features", "a", "d"),
        ("gone", "1", ""),
        ("model.params.depth", "3", "4"),
        ("snapshot", "f" * 12, "e" * 12),
        ("trained further: parent", "", "3"),
    ]
    assert list(comparison._list_differences(old, old)) == []


def test_lists_of_the_same_in_another_order_show_both() -> None:
    old, new = (make_version(n, spec=make_spec(features=order)) for n, order in ((3, ["a", "b"]), (4, ["b", "a"])))
    assert list(comparison._list_differences(old, new)) == [("features", "a, b", "b, a")]
    longer = make_version(5, spec=make_spec(features=["a", "b", "c"]))
    assert list(comparison._list_differences(old, longer)) == [("features", "", "c")]
    none = make_version(6, spec=make_spec(features="all"))
    assert list(comparison._list_differences(old, none)) == [("features", "['a', 'b']", "all")]
