"""Drills break a copy, never the project; what nobody notices is said, and fails."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import run_sql

from mlteam.commands import drills
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.paths import DATA
from mlteam.drills import faults, scratch
from mlteam.drills.faults import Drill
from mlteam.registry.versions import RegisteredVersion


@pytest.fixture
def repository(spec: Spec) -> Spec:
    """The project in a repository, which is what drills copy."""
    subprocess.run(["git", "init", "-q"], check=True)
    Path(".gitignore").write_text("data/\n")
    Path("team.toml").write_text('stage = "prototype"\n[people.ada]\nname = "Ada"\n')
    return spec


def read_files() -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in Path().rglob("*") if p.is_file() and ".git/" not in str(p)}


def break_everything(spec: Spec) -> str:
    for path in (spec.path, Path("team.toml"), DATA / "mlflow.db"):
        path.write_bytes(b"broken")
    run_sql("drop table features.flights")
    (DATA / "raw" / "rows.csv").unlink()
    return "noticed something"


def cannot_run(spec: Spec) -> str:
    raise ProjectError("no source has a limit")


def test_what_is_missed_fails_and_what_cannot_run_is_said(
    repository: Spec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def list_some(*_: object) -> Iterator[Drill]:
        yield Drill("everything", "data", break_everything)
        yield Drill("nothing to break", "data", cannot_run)
        if unnoticed:
            yield Drill("unseen", "monitor", lambda _: "")

    Path("data/raw").mkdir()
    Path("data/raw/rows.csv").write_text("a\n1\n")
    before = read_files()
    monkeypatch.setattr(drills, "list_drills", list_some)
    unnoticed = False
    assert drills.run_drills(repository)
    assert "1 noticed, 0 missed, 1 not run" in capsys.readouterr().out
    unnoticed = True
    assert not drills.run_drills(repository)
    said = capsys.readouterr().out
    assert "MISSED" in said
    assert "no source has a limit" in said
    kept = DATA / "drills" / "flights.json"
    assert kept.exists()
    kept.unlink()
    assert read_files() == before


def test_drills_need_a_repository(spec: Spec) -> None:
    with pytest.raises(ProjectError, match="git finds no repository here"), scratch.enter_scratch_copy(spec):
        pass


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("the model is as weak as its baseline", "gain over baseline: "),
        ("the files of a model were swapped", "the model's files have changed"),
        ("labels turn round", "quality: "),
        ("a feature shifts", "drift of hour: "),
        (
            "a canary fails",
            "the canary was stopped by its failures, and all 200 requests had an answer of the champion",
        ),
        ("a bad version is launched", "version 1 is the champion as before, and predicts its golden examples"),
    ],
)
def test_a_fault_is_noticed(repository: Spec, version: RegisteredVersion, name: str, expected: str) -> None:
    drill = next(drill for drill in faults.list_drills(lambda _: None, drills._roll_back) if drill.name == name)
    with scratch.enter_scratch_copy(repository) as copied:
        assert drill.run(copied).startswith(expected)


@pytest.mark.parametrize("name", ["labels turn round", "a feature shifts"])
def test_few_rows_are_said_and_not_called_missed(repository: Spec, version: RegisteredVersion, name: str) -> None:
    drill = next(drill for drill in faults.list_drills(lambda _: None, drills._roll_back) if drill.name == name)
    with scratch.enter_scratch_copy(repository) as copied:
        few = copied.model_copy(update={"monitoring": copied.monitoring.model_copy(update={"fewest_rows": 5_001})})
        with pytest.raises(ProjectError, match=r"test rows are fewer than the 5,001 of monitoring\.fewest_rows"):
            drill.run(few)
