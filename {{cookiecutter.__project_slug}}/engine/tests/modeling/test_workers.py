"""Training on disk and on several workers: as good a model, and two lines when one of them ends."""

import dataclasses
import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import edit

from mlteam.commands import train
from mlteam.config import pipelines
from mlteam.config.spec import ModelSpec, Spec
from mlteam.core.errors import ProjectError
from mlteam.core.lean_xgboost import xgboost
from mlteam.data import datasets, features, snapshot
from mlteam.data.features import Examples, Feature, Schema
from mlteam.modeling import blocks, training, workers
from mlteam.modeling.boosted_trees import XGBoost
from mlteam.modeling.category_means import CategoryMeans
from mlteam.registry import versions
from mlteam.registry.versions import RegisteredVersion

ROWS, WORKERS, CATEGORIES = 4000, 3, 400


def configure(spec: Spec, said: str) -> Spec:
    edit(spec.path, "[baseline]", f"[training]\n{said}\n\n[baseline]")
    return pipelines.load_spec(None)


def predict_test(version: RegisteredVersion, spec: Spec) -> np.ndarray:
    rows = datasets.read_snapshot_rows(snapshot.load_newest("flights"), spec, "test")
    return version.model.predict(version.schema.encode(rows))


def list_leftovers() -> list[str]:
    """Files of a training; its lock is empty, and stays."""
    found = [path for path in Path("data").rglob("*") if path.is_file() and "training" in str(path)]
    return [str(path) for path in found if path.suffix != ".lock"]


@pytest.fixture
def made() -> tuple[Schema, Examples, Examples]:
    """Rows with a column of many categories, missing values, and a label that depends on both columns."""
    random = np.random.default_rng(5)
    many = Feature(name="many", kind="categorical", categories=tuple(f"c{i:03}" for i in range(CATEGORIES)))
    few = Feature(name="few", kind="categorical", categories=("a", "b", "c"))
    number = Feature(name="number", kind="numeric", minimum=-4, maximum=4)
    schema = Schema(task="binary", classes=("no", "yes"), features=(many, few, number))
    matrix = np.column_stack(
        [random.integers(0, CATEGORIES, 2 * ROWS), random.integers(0, 3, 2 * ROWS), random.normal(size=2 * ROWS)]
    ).astype(np.float32)
    odds = matrix[:, 2] + (matrix[:, 0] % 5 == 0) * 2 + (matrix[:, 1] == 1) - 1
    label = (odds + random.logistic(size=2 * ROWS) > 0).astype(np.int64)
    matrix[::11, 2] = matrix[::13, 0] = np.nan
    return schema, Examples("train", matrix[:ROWS], label[:ROWS]), Examples("validation", matrix[ROWS:], label[ROWS:])


SETTINGS = ModelSpec(
    factory="mlteam.modeling:XGBoost", seed=3, params={"rounds": 40, "max_depth": 3, "early_stopping_rounds": 10}
)


def keep_on_disk(examples: Examples, folder: Path) -> Examples:
    matrix = np.memmap(folder / f"{examples.name}.matrix", np.float32, "w+", shape=examples.matrix.shape, order="F")
    matrix[:] = examples.matrix
    return dataclasses.replace(examples, matrix=matrix, scratch=folder)


@pytest.mark.parametrize("rows", [700, ROWS, 10 * ROWS])
def test_blocks_from_disk_give_the_model_of_the_rows_in_memory(
    made: tuple[Schema, Examples, Examples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    schema, learn, watch = made
    monkeypatch.setattr(blocks, "BLOCK_ROWS", rows)
    ours = XGBoost.fit(keep_on_disk(learn, tmp_path), keep_on_disk(watch, tmp_path), schema, SETTINGS)
    theirs = XGBoost.fit(learn, watch, schema, SETTINGS)
    assert ours.means.dump() == theirs.means.dump() != ""
    np.testing.assert_allclose(ours.predict(watch.matrix), theirs.predict(watch.matrix), atol=0.03)
    assert np.abs(ours.predict(watch.matrix) - theirs.predict(watch.matrix)).mean() < 0.003


def test_rows_are_encoded_alike_whole_and_in_parts(made: tuple[Schema, Examples, Examples]) -> None:
    schema, learn, _ = made
    encode = CategoryMeans.fit(learn, schema).prepare_training(learn, 3)
    whole = encode(slice(None))
    parts = [encode(slice(begin, begin + 900)) for begin in range(0, ROWS, 900)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    chosen = np.array([5, 17, 3999])
    np.testing.assert_array_equal(encode(chosen), whole[chosen])


def share_among_threads(work: Callable[[int], bytes]) -> list[bytes]:
    """What each of several workers returns, whose sums XGBoost adds up."""
    tracker = xgboost.tracker.RabitTracker(WORKERS, "127.0.0.1", sortby="task")
    tracker.start()

    def run(rank: int) -> bytes:
        with xgboost.collective.CommunicatorContext(dmlc_task_id=f"{rank:05d}", **tracker.worker_args()):
            return work(rank)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, range(WORKERS)))


def test_all_workers_end_with_the_same_model_as_good_as_that_of_one(made: tuple[Schema, Examples, Examples]) -> None:
    schema, learn, watch = made

    def fit(rank: int) -> bytes:
        own, other = (Examples(e.name, e.matrix[rank::WORKERS], e.label[rank::WORKERS]) for e in (learn, watch))
        return bytes(XGBoost.fit(own, other, schema, SETTINGS).booster.save_raw("ubj"))

    first, *others = share_among_threads(fit)
    assert others == [first] * (WORKERS - 1)
    alone, shared = XGBoost.fit(learn, watch, schema, SETTINGS), XGBoost(xgboost.Booster(model_file=bytearray(first)))
    assert shared.means.dump() == alone.means.dump()
    losses = [-np.log(np.abs(watch.label - 1 + m.predict(watch.matrix))).mean() for m in (alone, shared)]
    assert losses[1] == pytest.approx(losses[0], abs=0.005)


def test_shares_are_all_rows_and_none_twice(spec: Spec) -> None:
    whole, _ = training.open_training_rows(spec, snapshot.take(spec))
    shares = [workers.Share(whole, rank, 4) for rank in range(4)]
    assert sorted(value for share in shares for value in share["id"].to_pylist()) == sorted(whole["id"].to_pylist())
    assert [share.num_rows for share in shares] == [len(share["id"]) for share in shares]
    schema = features.learn_schema(spec, whole)
    assert len(features.build_examples(spec, schema, "train", shares[3]).label) == shares[3].num_rows


@pytest.mark.parametrize("said", ['memory = "disk"', "workers = 2", 'memory = "disk"\nworkers = 2'])
def test_a_pipeline_that_says_so_trains_elsewhere_and_leaves_nothing(version: RegisteredVersion, said: str) -> None:
    spec = configure(version.spec, said)
    begun = Path("data/training/.flights.killed.part")
    begun.mkdir(parents=True)
    again = train.train_version(spec, snapshot.load_newest("flights"))
    assert again.number == version.number + 1
    np.testing.assert_allclose(predict_test(again, spec), predict_test(version, spec), atol=0.05)
    assert list_leftovers() == []
    assert begun.exists() == ("disk" not in said)
    assert not list(Path("data").glob(".training-*"))


def test_of_two_trainings_on_disk_the_second_waits_for_its_turn(spec: Spec) -> None:
    spec = configure(spec, 'memory = "disk"')
    taken = snapshot.take(spec)
    with training.reserve_scratch(spec) as first:
        assert first is not None
        with pytest.raises(ProjectError, match="the training files of flights are used by another process") as caught:
            train.train_version(spec, taken)
        assert first.is_dir()
    assert caught.value.exit_code == 75
    assert train.train_version(spec, taken).number == 1


def test_the_same_rows_and_workers_give_the_same_model(spec: Spec) -> None:
    spec = configure(spec, "workers = 2")
    taken = snapshot.take(spec)
    schema = features.learn_schema(spec, training.open_training_rows(spec, taken)[0])
    made = [workers.fit_on_workers(spec, taken, schema) for _ in range(2)]
    first, second = (
        hashlib.sha256(model.booster.save_raw("ubj")).hexdigest() for model in made if isinstance(model, XGBoost)
    )
    assert first == second


def test_settings_that_differ_train_again(version: RegisteredVersion) -> None:
    assert train.find_version_of_same_rows(version.spec, snapshot.load_newest("flights")) is not None
    spec = configure(version.spec, "workers = 2")
    assert train.find_version_of_same_rows(spec, snapshot.load_newest("flights")) is None


def kill_second_worker() -> None:
    until = time.monotonic() + 60
    while len(found := multiprocessing.active_children()) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert found[1].pid
    os.kill(found[1].pid, signal.SIGKILL)


def test_a_worker_that_is_killed_ends_the_training(spec: Spec) -> None:
    spec = configure(spec, "workers = 2")
    taken = snapshot.take(spec)
    thread = threading.Thread(target=kill_second_worker)
    thread.start()
    with pytest.raises(ProjectError, match=r"worker \d of 2 was ended by signal 9") as caught:
        train.train_version(spec, taken)
    thread.join()
    assert "memory" in str(caught.value)
    assert multiprocessing.active_children() == []
    assert versions.list_versions(spec) == []
    assert not list(Path("data").glob(".training-*"))


def test_a_worker_says_what_is_wrong(spec: Spec) -> None:
    spec = configure(spec, "workers = 2")
    taken = snapshot.take(spec)
    schema = features.learn_schema(spec, training.open_training_rows(spec, taken)[0])
    lost = dataclasses.replace(taken, metadata=dict(taken.metadata) | {"digest": "0" * 64})
    with pytest.raises(ProjectError, match=r"a worker failed: \S*flights/0+: no such snapshot: 0+\nrestore"):
        workers.fit_on_workers(spec, lost, schema)


@pytest.mark.parametrize(
    ("old", "new", "said", "message"),
    [
        ("mlteam.modeling:XGBoost", "mlteam.modeling:LightGBM", "workers = 2", "LightGBM trains in one process"),
        ("max_depth = 3", "max_dept = 3", "workers = 2", "unknown key model.params.max_dept"),
        ("seed = 7", "seed = 7", "workers = 700", "training.workers is 700, and only 310 rows can be shared"),
        ("seed = 7", "seed = 7", 'target = "dev"', "training.target dev is of type duckdb, which does not train"),
    ],
)
def test_what_does_not_fit_is_named(spec: Spec, old: str, new: str, said: str, message: str) -> None:
    edit(spec.path, old, new)
    spec = configure(spec, said)
    with pytest.raises(ProjectError, match=message) as caught:
        train.train_version(spec, snapshot.take(spec))
    assert "flights.toml" in str(caught.value)
