"""Numbers that decide: intervals hold their level with dependent rows, and small losses do not add up unseen."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlteam.analysis.weak_slices import find_weak_slices
from mlteam.config.operations import Gates
from mlteam.config.spec import Evaluation
from mlteam.core.errors import ProjectError
from mlteam.core.sql import connect_duckdb
from mlteam.data import datasets, features, snapshot
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.clusters import find_clusters
from mlteam.evaluation.evaluator import compute_slice_gains, group_rows
from mlteam.evaluation.metrics import BUILTIN_METRICS
from mlteam.launch import evidence
from mlteam.modeling.tuning import Trial, estimate_selected_gain

AUC, ERROR = BUILTIN_METRICS["roc_auc"], BUILTIN_METRICS["mean_absolute_error"]
SETTINGS = Evaluation(primary="roc_auc", metrics=("roc_auc",))


def fake_spec(by: str = "time", cluster: str | None = None, **evaluation: Any) -> Any:
    """What clusters, slices and the search read of a pipeline file."""
    settings = Evaluation(primary="roc_auc", metrics=("roc_auc",), cluster=cluster, **evaluation)
    splits = SimpleNamespace(by=by, column="shop")
    data = SimpleNamespace(time="day", label="late")
    return SimpleNamespace(
        evaluation=settings,
        splits=splits,
        data=data,
        task="binary",
        model=SimpleNamespace(seed=1),
        path="p.toml",
        name="p",
    )


# Errors of a day share a part: the true mean absolute error follows from 400,000 days.
def draw_days(random: np.random.Generator, days: int, rows: int, shared: float) -> tuple[Any, Any]:
    day = np.repeat(np.arange(days), rows)
    errors = shared * random.normal(size=days)[day] + np.sqrt(1 - shared**2) * random.normal(size=days * rows)
    return errors, day


TRUE_ERROR = np.sqrt(2 / np.pi)  # of a standard normal distribution, whatever part of it is shared


def measure_coverage(days: int, rows: int, shared: float, *, clustered: bool, tries: int = 400) -> float:
    """The share of 95 % intervals that contain the true error."""
    random, covered = np.random.default_rng(days), 0
    for _ in range(tries):
        errors, day = draw_days(random, days, rows, shared)
        found = Bootstrap(np.zeros(len(errors)), SETTINGS, 1, day if clustered else None).estimate(ERROR, errors)
        covered += found.low is not None and found.high is not None and found.low <= TRUE_ERROR <= found.high
    return covered / tries


@pytest.mark.parametrize("days", [8, 10, 15, 20, 30, 45, 60])
def test_intervals_by_day_hold_their_level_when_rows_of_a_day_depend_on_each_other(days: int) -> None:
    assert 0.92 <= measure_coverage(days, 20, 0.7, clustered=True, tries=800) <= 0.97


def test_intervals_by_row_do_not_when_rows_depend_on_each_other() -> None:
    assert measure_coverage(30, 20, 0.7, clustered=False, tries=200) < 0.7


@pytest.mark.parametrize("clustered", [True, False])
def test_intervals_hold_their_level_with_independent_rows(*, clustered: bool) -> None:
    assert 0.92 <= measure_coverage(40, 10, 0.0, clustered=clustered) <= 0.97


def test_too_few_clusters_are_said_instead_of_an_interval() -> None:
    found = Bootstrap(np.zeros(100), SETTINGS, 1, np.arange(100) % 4).estimate(ERROR, np.ones(100))
    assert found == Estimate(1.0, None, None, "too few days or groups: 4, at least 5 are needed")
    assert found.format() == "1.0000, no interval: too few days or groups: 4, at least 5 are needed"


def test_a_prediction_that_is_not_a_number_has_no_metric() -> None:
    label, prediction = np.array([0, 1] * 20), np.linspace(0, 1, 40)
    prediction[3] = np.nan
    assert Bootstrap(label, SETTINGS).estimate(AUC, prediction).undefined == "some predictions are not finite numbers"


TABLE = pa.table(
    {
        "day": pa.array(np.arange(6) * 43_200, pa.timestamp("s")),  # two rows a day
        "shop": ["a", "a", None, None, "b", "b"],
        "x": [1, 2, 3, 4, 5, 6],
    }
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (fake_spec(), [0, 0, 1, 1, 2, 2]),
        (fake_spec("group"), [0, 0, 8, 9, 1, 1]),
        (fake_spec("key"), None),
        (fake_spec(cluster="row"), None),
        (fake_spec("key", "shop"), [0, 0, 8, 9, 1, 1]),
        (fake_spec(cluster="x"), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_clusters_follow_from_the_splits_unless_they_are_declared(spec: Any, expected: list[int] | None) -> None:
    found = find_clusters(spec, TABLE)
    assert (None if found is None else found.tolist()) == expected


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(ProjectError, match=r"evaluation\.cluster: no such column: 'shops'\ndid you mean 'shop'\?"):
        find_clusters(fake_spec(cluster="shops"), TABLE)
    assert find_clusters(fake_spec(), TABLE.drop_columns(["day"])) is None, "a file may lack the time"


def test_rows_without_a_value_are_a_slice() -> None:
    assert [(name, len(rows)) for name, rows in group_rows(TABLE["shop"])] == [("a", 2), ("b", 2), ("missing", 2)]
    numbers = pa.chunked_array([[1.0, float("nan"), None, 2.0]])
    assert [(name, rows.tolist()) for name, rows in group_rows(numbers)] == [
        ("1.0", [0]),
        ("2.0", [3]),
        ("missing", [1, 2]),
    ]


def compare_equal_models(random: np.random.Generator, positives: float, slices: int) -> list[Any]:
    """The gains on each slice of a model that is exactly as good as another."""
    rows = 3_000
    label = (random.random(rows) < positives).astype(np.int64)
    table = pa.table({"part": random.integers(slices, size=rows).astype(str)})
    scores = [label + random.normal(size=rows) for _ in range(2)]
    data: Any = SimpleNamespace(label=label, table=table)
    return list(compute_slice_gains(fake_spec("key", slices=("part",)), data, scores))


@pytest.mark.parametrize(("positives", "slices"), [(0.02, 24), (0.25, 24)])
def test_equal_models_seldom_differ_on_any_slice(positives: float, slices: int) -> None:
    """With an interval of each slice by itself, 70 % of such pairs were refused at two percent of positives."""
    random = np.random.default_rng(3)
    worse = 0
    for _ in range(40):
        gains = [part.gain for part in compare_equal_models(random, positives, slices)]
        worse += any(gain.high is not None and gain.high < 0 for gain in gains)
    assert worse <= 2


def test_a_slice_with_few_of_a_class_says_so() -> None:
    gains = compare_equal_models(np.random.default_rng(4), 0.02, 24)
    texts = [part.gain.undefined for part in gains if part.gain.value is None]
    assert texts
    assert all("in the rarer class, at least 10 are needed" in text for text in texts)


def count_noisy_slices(*, clustered: bool) -> int:
    """How many of 20 tables have a weak slice although the loss is noise that the rows of a day share."""
    random, found = np.random.default_rng(10), 0
    day = np.repeat(np.arange(60), 40)
    for _ in range(20):
        loss = np.abs(random.normal(size=60))[day] + 0.1 * random.random(len(day))
        columns = {
            "weekday": pa.chunked_array([(day % 7).astype(str)]),
            "temperature": pa.chunked_array([random.normal(size=60)[day]]),
        }
        weak, _ = find_weak_slices(columns, loss, 0.95, 12, day if clustered else None)
        found += bool(weak)
    return found


def test_noise_that_the_rows_of_a_day_share_is_not_a_weak_slice() -> None:
    assert count_noisy_slices(clustered=False) >= 18, "row by row, nearly each table had one"
    assert count_noisy_slices(clustered=True) <= 3


def test_a_slice_that_is_weak_on_every_day_is_found() -> None:
    random = np.random.default_rng(11)
    day = np.repeat(np.arange(60), 40)
    shop = random.choice(["a", "b"], len(day))
    loss = np.abs(random.normal(size=60))[day] + random.random(len(day)) + 2.0 * (shop == "b")
    weak, _ = find_weak_slices({"shop": pa.chunked_array([shop])}, loss, 0.95, 12, day)
    assert [part.name for part in weak] == ["shop = b"]


def make_version(number: int, quality: float, *, label: str = "late") -> Any:
    """A version whose predictions follow the label by a given strength."""

    def predict(matrix: Any) -> Any:
        return quality * matrix[:, 0] + np.random.default_rng(number).normal(size=len(matrix))

    model = SimpleNamespace(predict=predict)
    return SimpleNamespace(
        number=number, model=model, schema=SimpleNamespace(classes=("no", "yes")), spec=fake_spec_with_label(label)
    )


def fake_spec_with_label(label: str) -> Any:
    return SimpleNamespace(data=SimpleNamespace(label=label))


@pytest.fixture
def test_rows(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The newest snapshot has 20,000 test rows, whose only feature is the label."""
    label = (np.random.default_rng(5).random(20_000) < 0.3).astype(np.int64)
    rows = SimpleNamespace(label=label, matrix=label[:, None].astype(float))
    monkeypatch.setattr(snapshot, "load_newest", lambda _: None)
    monkeypatch.setattr(datasets, "load_evaluation_rows", lambda *_: rows)
    return lambda: None


@pytest.mark.usefixtures("test_rows")
def test_a_new_version_is_compared_with_the_best_champion_so_far() -> None:
    """Else ten launches could each lose a little, and together much."""
    best, middle, present = make_version(1, 1.0), make_version(2, 0.9), make_version(3, 0.8)
    assert evidence.find_best_champion(fake_spec(), present, [middle, best]) is best
    assert evidence.find_best_champion(fake_spec(), best, [middle, present]) is best
    other = make_version(4, 2.0, label="cancelled")
    assert evidence.find_best_champion(fake_spec(), present, [other, middle]) is middle


def test_a_chain_of_small_losses_ends_within_one_margin() -> None:
    """Each version is worse by 0.004; compared with the best champion, at most two of them are launched."""
    random, rows, margin = np.random.default_rng(6), 20_000, Gates.model_validate({"champion": {"margin": 0.01}})
    label = (random.random(rows) < 0.3).astype(np.int64)
    shared = random.normal(size=rows)
    assert margin.champion != "better"
    launched = 0
    bootstrap = Bootstrap(label, SETTINGS, 1)
    best = bootstrap.compute_samples(AUC, label + shared + 0.3 * random.normal(size=rows))
    for step in range(1, 11):
        worse = bootstrap.compute_samples(AUC, (1 - 0.02 * step) * label + shared + 0.3 * random.normal(size=rows))
        gain = bootstrap.summarize(worse - best)
        if gain.low is None or gain.low <= -0.01:
            break
        launched += 1
    assert launched <= 2


def test_a_search_promises_no_gain_that_only_its_own_rows_show() -> None:
    """The best of twenty equal trials: by its own interval it was called better in 17 of 100 searches."""
    random, better, promised = np.random.default_rng(7), 0, []
    for _ in range(40):
        label = (random.random(150) < 0.3).astype(np.int64)
        shared = random.normal(size=150)
        trials = [
            Trial(number, {}, 0.0, 0.0, label + 0.8 * shared + 0.6 * random.normal(size=150)) for number in range(21)
        ]
        gain = estimate_selected_gain(fake_spec("key"), AUC, label, trials)
        better += gain.low is not None and gain.low > 0
        promised.append(gain.value or 0)
    assert better <= 2, "one in forty is what the level allows"
    assert abs(np.mean(promised)) < 0.01


def test_a_search_resamples_days() -> None:
    """One good day does not justify other parameters, and few days do not give an interval."""
    random = np.random.default_rng(9)
    day = np.repeat(np.arange(12), 50)
    label = (random.random(600) < 0.3).astype(np.int64)
    noise = random.normal(size=600)
    lucky = label * 3.0 * (day < 2) + noise
    trials = [Trial(0, {}, 0.0, 0.0, noise), Trial(1, {}, 0.0, 0.0, lucky)]
    by_row, by_day = (estimate_selected_gain(fake_spec("key"), AUC, label, trials, rows) for rows in (None, day))
    assert by_row.low is not None
    assert by_day.low is not None
    assert by_day.low < by_row.low
    few = estimate_selected_gain(fake_spec("key"), AUC, label, trials, day % 3)
    assert few.undefined == "too few days or groups: 3, at least 5 are needed"


def test_a_search_says_that_a_trial_is_better_if_it_is() -> None:
    random = np.random.default_rng(8)
    label = (random.random(600) < 0.3).astype(np.int64)
    noise = random.normal(size=600)
    trials = [Trial(number, {}, 0.0, 0.0, (2 if number == 5 else 0.5) * label + noise) for number in range(8)]
    gain = estimate_selected_gain(fake_spec("key"), AUC, label, trials)
    assert gain.low is not None
    assert gain.low > 0


@pytest.mark.parametrize("values", [[0.0, 1.0, 1.0], [1.0, 2.0, 3.5]])
@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
def test_labels_that_are_floats_are_classes(values: list[float], kind: pa.DataType) -> None:
    """pandas writes 0.0 and 1.0 as soon as one label is missing."""
    spec: Any = SimpleNamespace(
        task="multiclass", data=SimpleNamespace(label="y", positive=None), features=SimpleNamespace(names=()), path="p"
    )
    table = pa.table({"y": pa.array(values, kind)})
    classes = features._learn_classes(spec, table)
    assert classes == tuple(str(value) for value in sorted(set(values)))
    schema: Any = SimpleNamespace(classes=classes, encode=lambda *_: np.zeros((3, 0)))
    found = features.build_examples(spec, schema, "train", table)
    assert [classes[code] for code in found.label] == [str(value) for value in values]


def test_a_day_begins_at_midnight_utc_whatever_the_machine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    with connect_duckdb() as connection:
        found = connection.execute("select cast(timestamptz '2026-01-01 20:00:00+00' as date)").fetchone()
    monkeypatch.undo()
    time.tzset()
    assert str(found) == "(datetime.date(2026, 1, 1),)"
