"""Two clones of a repository that share one store: what one person makes, the other one opens."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from conftest import lay_out
from launched import put

from mlteam.commands import launch
from mlteam.config import pipelines
from mlteam.core.errors import ProjectError
from mlteam.core.paths import SNAPSHOTS, STORE_VARIABLE, TRACKING_VARIABLE
from mlteam.core.store import Store, open_store, sync_file
from mlteam.data import loaders, parts, snapshot
from mlteam.data.sources import Source
from mlteam.drills.scratch import enter_scratch_copy
from mlteam.registry import launch_log, versions
from mlteam.registry.tracking import create_mlflow_client
from mlteam.serving import bundle
from mlteam.serving.service import Service


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The clones of Ada, which is the working directory, and of Grace, with a folder as their store."""
    (tmp_path / "store").mkdir()
    monkeypatch.delenv(TRACKING_VARIABLE, raising=False)
    for name in ("grace", "ada"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        lay_out(tmp_path / name)
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    return tmp_path / "ada", tmp_path / "grace"


def list_shared_files() -> set[Path]:
    return {path for path in Path(os.environ[STORE_VARIABLE]).rglob("*") if path.is_file()}


def test_what_one_person_launches_the_other_one_opens(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = pipelines.load_spec(None)
    first = put(spec)
    put(spec, rounds=3)
    digest = snapshot.load_newest("flights").digest
    monkeypatch.chdir(clones[1])
    assert bundle.is_launched("flights")
    live = bundle.read_live_pointer("flights")
    assert bundle.load(bundle.get_bundles_folder("flights") / live.champion).manifest.version == 2
    assert versions.open_version(spec, "2").snapshot == digest
    assert snapshot.load("flights", digest).metadata["rows"] == 1500
    Path("team.toml").write_text('stage = "prototype"\n[people.grace]\nname = "Grace"\n')
    launch.roll_back(spec, "grace", "the first one was better")
    monkeypatch.chdir(clones[0])
    service = Service("flights")
    service.pull_launches()
    service.reload_if_changed()
    assert service.active
    assert service.active.champion.bundle.folder.name == first.folder.name
    assert [record.by for record in launch_log.list_launch_records(spec)] == ["ada", "ada", "grace"]
    assert not list(Path("data").glob("mlflow.db-*"))


def test_numbers_of_versions_are_those_of_the_team(clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = pipelines.load_spec(None)
    assert put(spec).manifest.version == 1
    monkeypatch.chdir(clones[1])
    assert put(spec, rounds=3).manifest.version == 2
    assert [number for number, _ in versions.list_versions(spec)] == [1, 2]


def test_a_damaged_snapshot_comes_back_from_the_store(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 700)
    monkeypatch.setattr(snapshot, "BATCH_ROWS", 300)
    taken = snapshot.take(pipelines.load_spec(None))
    shutil.rmtree(taken.folder)
    assert len(snapshot.load("flights", taken.digest).hashes) == 3
    # One of which the last file is missing does not count, here as there.
    shared = Path(os.environ[STORE_VARIABLE], "snapshots", "flights", taken.folder.name)
    shutil.rmtree(taken.folder)
    (shared / "metadata.json").unlink()
    with pytest.raises(ProjectError, match="no such snapshot"):
        snapshot.load("flights", taken.digest)
    assert not list(SNAPSHOTS.rglob("*.part"))


def test_the_newer_table_is_that_of_all(clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def write(rows: str, ago: float) -> None:
        Path("data/tables").mkdir(exist_ok=True)
        table.write_text(f"id\n{rows}\n")
        os.utime(table, (time.time() - ago,) * 2)

    table = Path("data/tables/orders.csv")
    source = Source("orders", "orders", "", "data_engineer", str(table), Path("data/raw/orders.parquet"), "")
    write("1", ago=60)
    assert loaders.load_file(source)["id"].to_pylist() == ["1"]
    monkeypatch.chdir(clones[1])
    assert loaders.load_file(source)["id"].to_pylist() == ["1"]
    assert sync_file(table) == ""
    write("2", ago=-5)
    assert loaders.load_file(source)["id"].to_pylist() == ["2"]
    # A bucket tells time in seconds, and the test is faster.
    os.utime(Path(os.environ[STORE_VARIABLE], "tables", "orders.csv"), (time.time() + 60,) * 2)
    monkeypatch.chdir(clones[0])
    assert sync_file(table) == "pulled"
    assert loaders.load_file(source)["id"].to_pylist() == ["2"]


def test_a_drill_stays_away_from_the_store(clones: tuple[Path, Path]) -> None:
    spec = pipelines.load_spec(None)
    put(spec)
    before = list_shared_files()
    Path(".gitignore").write_text("data/\n")
    subprocess.run(["git", "init", "-q"], check=True)
    with enter_scratch_copy(spec) as copied:
        assert open_store() is None
        assert versions.open_version(copied).number == 1
        snapshot.take(copied)
    assert versions.open_version(spec).number == 1
    assert list_shared_files() == before


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/nowhere/at/all", "there is no folder /nowhere/at/all"),
        ("shared", "neither an absolute path nor an address"),
        ("ftp://there/x", "ftp"),
        ("s3://", "s3"),
    ],
)
def test_an_address_that_is_none_is_named_with_its_setting(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, address: str, expected: str
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, address)
    with pytest.raises(ProjectError, match=expected) as refused:
        snapshot.take(pipelines.load_spec(None))
    assert STORE_VARIABLE in refused.value.where
    monkeypatch.setenv(STORE_VARIABLE, "")
    assert snapshot.take(pipelines.load_spec(None)).metadata["rows"] == 1500


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("AWS Error ACCESS_DENIED during PutObject operation: Access Denied", 1),
        ("AWS Error INVALID_ACCESS_KEY_ID during CreateMultipartUpload operation", 1),
        ("AWS Error SIGNATURE_DOES_NOT_MATCH during PutObject operation", 1),
        ("AWS Error NO_SUCH_BUCKET during CreateMultipartUpload operation", 1),
        ("AWS Error UNKNOWN (HTTP status 403) during HeadObject operation", 1),
        ("[Errno 13] Permission denied", 1),
        ("[Errno 30] Read-only file system", 1),
        ("AWS Error NETWORK_CONNECTION during CreateMultipartUpload operation: curlCode: 7", 75),
        ("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation", 75),
        ("AWS Error SLOW_DOWN during PutObject operation", 75),
    ],
)
def test_a_store_that_denies_access_is_not_asked_again(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, message: str, code: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(message)

    monkeypatch.setattr(Store, "_upload", fail)
    with pytest.raises(ProjectError, match=re.escape(message)) as refused:
        snapshot.take(pipelines.load_spec(None))
    assert refused.value.exit_code == code
    assert list_shared_files() == set()


def test_a_bucket_asks_for_a_server(clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORE_VARIABLE, "s3://bucket/folder?region=eu-west-1")
    with pytest.raises(ProjectError, match="the registry needs a server") as refused:
        create_mlflow_client()
    assert TRACKING_VARIABLE in refused.value.fix


def test_pyproject_names_the_store(clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address = os.environ[STORE_VARIABLE]
    monkeypatch.delenv(STORE_VARIABLE)
    assert open_store() is None
    Path("pyproject.toml").write_text(f'[tool.mlteam]\nstore = "{address}"\n')
    opened = open_store()
    assert opened
    assert opened.folder == Path(address)
    Path("pyproject.toml").write_text(f'[tool.mlteam]\nstoer = "{address}"\n')
    with pytest.raises(ProjectError, match="unknown key 'stoer'") as refused:
        open_store()
    assert refused.value.fix == "did you mean 'store'?"
