import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from conftest import edit

from mlteam.commands import train, tune
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, snapshot
from mlteam.data.snapshot import Snapshot
from mlteam.modeling import training, tuning

INLINE = "params = { max_depth = 3, rounds = 30, early_stopping_rounds = 5 }"


POOR = """
[model.params]
# One split a tree is too few.
max_depth = 1       # see the report
learning_rate = 0.01

rounds = 2
early_stopping_rounds = 5

# What comes next is not touched.
[tune.params]
max_depth = [2, 4]
learning_rate = [0.1, 1.0, "log"]
"""


def with_search(spec: Spec, params: str) -> Spec:
    edit(spec.path, INLINE, params)
    return pipelines.load_spec(None)


@pytest.fixture
def poor(spec: Spec) -> Spec:
    """A pipeline whose parameters are poor, with a snapshot."""
    spec = with_search(spec, POOR)
    snapshot.take(spec)
    return spec


def test_the_winner_is_kept_and_nothing_else_changes(poor: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    poor.path.write_bytes(poor.path.read_text().replace("\n", "\r\n").encode())
    before = poor.path.read_bytes().decode().splitlines(keepends=True)
    page = tune.tune_model(poor, 6)
    after = poor.path.read_bytes().decode().splitlines(keepends=True)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [old for old, _ in changed] == ["max_depth = 1       # see the report\r\n", "learning_rate = 0.01\r\n"]
    assert all(new.endswith("       # see the report\r\n") for _, new in changed[:1])
    kept = pipelines.load_spec(None).model.params
    assert kept["rounds"] == 2
    said = capsys.readouterr().out
    assert "is better than the present parameters by roc_auc on validation: +0." in said
    assert "pipelines/flights.toml now has these parameters" in said
    trials = pyarrow.parquet.read_table(page.with_suffix(".parquet")).to_pylist()
    assert [trial["trial"] for trial in trials] == list(range(7))
    best = max(trials, key=lambda trial: trial["roc_auc"])
    assert {name: kept[name] for name in poor.tune.params} == {n: best[f"model.params.{n}"] for n in poor.tune.params}
    html = page.read_text()
    assert html.count("<svg") == 3
    assert "<script" not in html
    assert train.train_version(pipelines.load_spec(None), snapshot.load_newest("flights")).spec.model.params == kept


def test_what_is_not_better_by_more_than_chance_changes_nothing(spec: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    searched = "[tune.params]\nmax_depth = [2, 4]\n"
    spec = with_search(spec, f"{INLINE}\n{searched}")
    snapshot.take(spec)
    before = spec.path.read_bytes()
    tune.tune_model(spec, 4)
    assert spec.path.read_bytes() == before
    assert "pipelines/flights.toml was not changed" in capsys.readouterr().out


def test_only_training_and_validation_rows_are_read(poor: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Noted(datasets.LazySnapshotTable):
        def __init__(self, taken: Snapshot, spec: Spec, dataset: str) -> None:
            seen.append(dataset)
            super().__init__(taken, spec, dataset)

    monkeypatch.setattr(datasets, "LazySnapshotTable", Noted)
    monkeypatch.delattr(datasets, "read_snapshot_rows")
    tune.tune_model(poor, 1)
    assert seen == ["train", "validation"]


def test_the_same_seed_tries_the_same(poor: Spec) -> None:
    schema, *rows = training.load_training_examples(poor, snapshot.load_newest("flights"))
    tried = [tuning.search_parameters(poor, schema, (rows[0], rows[1]), 4).trials for _ in range(2)]
    assert [trial.params for trial in tried[0]] == [trial.params for trial in tried[1]]
    assert len({str(trial.params) for trial in tried[0]}) > 3


def test_rows_on_disk_give_the_same_trials(poor: Spec) -> None:
    pages = [tune.tune_model(poor, 3)]
    edit(poor.path, "[model]", '[training]\nmemory = "disk"\n\n[model]')
    poor = poor.model_copy(update={"training": pipelines.load_spec(None).training})
    assert poor.training.memory == "disk"
    pages.append(tune.tune_model(poor, 3))
    here, there = (pyarrow.parquet.read_table(page.with_suffix(".parquet")).to_pylist() for page in pages)
    for one, other in zip(here, there, strict=True):
        assert all(one[f"model.params.{name}"] == other[f"model.params.{name}"] for name in poor.tune.params)
        assert other["roc_auc"] == pytest.approx(one["roc_auc"], abs=0.01)
    assert [path.name for path in Path("data/training").iterdir()] == ["flights-tune.lock"]


def test_no_trial_begins_after_the_minutes(poor: Spec) -> None:
    schema, learn, watch = training.load_training_examples(poor, snapshot.load_newest("flights"))
    assert len(tuning.search_parameters(poor, schema, (learn, watch), 500, 0.01).trials) < 400


def test_inline_parameters_are_kept_where_they_stand(spec: Spec) -> None:
    spec = with_search(spec, INLINE + "\n[tune.params]\nmax_depth = { among = [1, 2] }\n")
    tune.write_parameters(spec, {"max_depth": 2})
    assert INLINE.replace("max_depth = 3", "max_depth = 2") in spec.path.read_text()


KILLED = """
import os
from pathlib import Path
from mlteam.commands import tune
from mlteam.config import pipelines

def killed(path, content):
    path.open("wb").write(content[:40])
    os._exit(9)

Path.write_bytes = killed
tune.write_parameters(pipelines.load_spec(None), {"max_depth": 2})
"""


def test_a_search_that_is_killed_leaves_the_whole_file(poor: Spec) -> None:
    before = poor.path.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    assert poor.path.read_bytes() == before
    tune.write_parameters(poor, {"max_depth": 2})
    assert list(Path("pipelines").iterdir()) == [poor.path]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("max_dept = [3, 10]", "unknown key tune.params.max_dept\ndid you mean 'max_depth'"),
        ("max_depth = [3, 99]", "tune.params.max_depth: Input should be less than or equal to 30"),
        ("max_depth = [3.5, 5]", "tune.params.max_depth: Input should be a valid integer"),
        ("gamma = [0, 1]", "model.params. has no current value\nadd gamma = … there"),
        ("max_depth = [10, 3]", "max_depth runs from 10 to 3: nothing lies there"),
        ('gamma = [0, 1, "log"]', "gamma runs from 0 to 1, log: nothing lies there"),
        ("max_depth = 3", 'max_depth: say .from, to., .from, to, "log"., or'),
        ("max_depth = [3, 4, 5]", "max_depth: say .from, to."),
        ("max_depth = { among = [3] }", "max_depth: say .from, to."),
        ("", "is missing or empty\nadd the table with a line such as max_depth"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused_before_it_begins(spec: Spec, params: str, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        tune.tune_model(with_search(spec, f"{INLINE}\n[tune.params]\n{params}\n"), 1)


def test_texts_and_numbers_can_be_chosen_among(spec: Spec) -> None:
    said = '[tune.params]\nmax_depth = { among = [1, 3, 5] }\nrounds = [5, 40, "log"]'
    spec = with_search(spec, f"{INLINE}\n{said}\n")
    snapshot.take(spec)
    page = tune.tune_model(spec, 5)
    trials = pyarrow.parquet.read_table(page.with_suffix(".parquet")).to_pylist()
    assert {trial["model.params.max_depth"] for trial in trials} <= {"1", "3", "5"}
    assert {type(trial["model.params.rounds"]) for trial in trials} == {int}
