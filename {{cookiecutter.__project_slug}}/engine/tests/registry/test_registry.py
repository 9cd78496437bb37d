"""A registry that fails is not an empty one, and a colleague's run goes on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest
from conftest import edit
from mlflow.exceptions import MlflowException, RestException

from mlteam.commands import train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, snapshot
from mlteam.modeling.baseline import GroupMean
from mlteam.registry import tracking, versions
from mlteam.registry.versions import RegisteredVersion

# Above what any system gives: the number of a process that has ended may soon be that of another.
NO_PROCESS = 2**30


def test_a_model_that_does_not_exist_has_no_tags(spec: Spec) -> None:
    assert versions.get_model_tags(spec) == {}


def test_a_server_that_fails_is_not_a_model_without_tags(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def get_registered_model(self, _: str) -> None:
            raise RestException({"error_code": "INTERNAL_ERROR", "message": "the database is away"})

    monkeypatch.setattr(versions, "create_mlflow_client", Failing)
    with pytest.raises(MlflowException, match="the database is away"):
        versions.get_model_tags(spec)


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ({"host": "another-machine", "pid": "1"}, "RUNNING"),
        ({"pid": str(os.getppid())}, "RUNNING"),
        ({}, "RUNNING"),
        ({"pid": str(NO_PROCESS)}, "KILLED"),
    ],
)
def test_only_a_dead_run_of_this_machine_is_ended(
    spec: Spec, monkeypatch: pytest.MonkeyPatch, tags: dict[str, str], status: str
) -> None:
    monkeypatch.setattr("platform.node", lambda: "this-machine")
    taken = snapshot.take(spec)
    train.train_version(spec, taken)
    client = tracking.create_mlflow_client()
    experiment = client.get_experiment_by_name(spec.name)
    assert experiment is not None
    named = {"host": "this-machine", **tags} if tags else {}
    left = client.create_run(experiment.experiment_id, tags=named).info.run_id
    train.train_version(spec, taken)
    assert client.get_run(left).info.status == status


def test_the_rows_of_a_snapshot_are_hashed_once_and_again_when_they_change(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = snapshot.take(spec)
    hashed: list[Path] = []

    def compute_another(path: Path) -> str:
        hashed.append(path)
        return "another"

    monkeypatch.setattr(snapshot, "compute_sha256", compute_another)
    for _ in range(3):
        snapshot.load("flights", taken.digest)
    assert hashed == []
    (part,) = taken.hashes
    part.write_bytes(part.read_bytes() + b" ")
    with pytest.raises(ProjectError, match="has changed"):
        snapshot.load("flights", taken.digest)
    assert len(hashed) == 1


def test_the_rows_of_a_dataset_are_read_once_and_again_when_the_file_changes(spec: Spec) -> None:
    taken = snapshot.take(spec)
    first = datasets.read_snapshot_rows(taken, spec, "test")
    assert datasets.read_snapshot_rows(snapshot.load_newest("flights"), spec, "test") is first
    (part,) = taken.hashes
    os.utime(part, (0, 0))
    again = datasets.read_snapshot_rows(taken, spec, "test")
    assert again is not first
    assert again == first


def test_an_opened_version_leaves_no_files_behind(spec: Spec, version: RegisteredVersion, tmp_path: Path) -> None:
    code = "from mlteam.config import pipelines; from mlteam.registry import versions\n"
    code += "opened = versions.open_version(pipelines.load_spec(None)); assert opened.folder.is_dir()"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(scratch)}, check=True)
    assert list(scratch.iterdir()) == []


class NeverOpens(GroupMean):
    """A model that can be saved and not be loaded."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        raise RuntimeError(f"{folder.name} is in a format of its own")


def test_a_model_that_cannot_be_opened_again_is_not_registered(spec: Spec) -> None:
    edit(spec.path, "mlteam.modeling:XGBoost", "test_registry:NeverOpens")
    edit(
        spec.path, "params = { max_depth = 3, rounds = 30, early_stopping_rounds = 5 }", 'params = { by = ["carrier"] }'
    )
    changed = pipelines.load_spec(None)
    with pytest.raises(ProjectError, match="a saved model cannot be loaded again: RuntimeError: model") as refused:
        train.train_version(changed, snapshot.take(changed))
    assert refused.value.where == "test_registry:NeverOpens"
    assert versions.list_versions(changed) == []
