import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import xgboost
from conftest import edit
from mlflow.exceptions import MlflowException

from mlteam.commands import data, evaluate, train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.paths import ARTIFACTS, TRACKING
from mlteam.data import snapshot, warehouse
from mlteam.modeling.boosted_trees import XGBoost
from mlteam.registry import tracking, versions
from mlteam.registry.versions import RegisteredVersion


def test_rows_become_a_registered_version_with_a_report(spec: Spec, version: RegisteredVersion) -> None:
    page = evaluate.evaluate_version(spec, versions.open_version(spec))
    evaluated = json.loads(page.with_suffix(".json").read_text())
    auc = evaluated["datasets"][0]["metrics"][0]["model"]
    assert (evaluated["version"], evaluated["datasets"][0]["dataset"]) == (1, "test")
    assert 0.6 < auc["low"] < auc["value"] < auc["high"] < 1
    html = page.read_text()
    assert html.count("<svg") == 2 * (4 + 1) + 1
    assert "http://" not in html.replace("http://www.w3.org/", "")
    assert "<script" not in html
    assert len(html) < 3_000_000


def test_a_pipeline_beside_others_builds_what_it_needs(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[list[str]] = []

    def build(_: object, select: Sequence[str], *__: object) -> set[str]:
        built.append(list(select))
        return set()

    monkeypatch.setattr(warehouse, "build", build)
    monkeypatch.setattr(warehouse, "parse", lambda _: None)
    monkeypatch.setattr(warehouse, "find_upstream_sources", lambda _: set())
    data.generate_data(spec)
    shutil.copy(spec.path, spec.path.with_name("other.toml"))
    data.generate_data(spec)
    assert built == [[], ["+flights"]]


def test_a_version_knows_what_it_was_made_from(spec: Spec, version: RegisteredVersion) -> None:
    tags = tracking.create_mlflow_client().get_model_version_by_alias("flights", "candidate").tags
    assert tags["snapshot"] == snapshot.load_newest("flights").digest
    assert {"git_commit", "content_sha256", "libraries.mlflow", "param.max_depth", "created_by"} <= set(tags)


def test_training_again_makes_the_next_version_the_candidate(spec: Spec, version: RegisteredVersion) -> None:
    assert train.train_version(spec, snapshot.load_newest("flights")).number == 2
    assert versions.open_version(spec).number == 2
    assert versions.open_version(spec, "1").number == 1


def test_a_version_is_judged_on_the_splits_that_it_was_trained_by(spec: Spec, version: RegisteredVersion) -> None:
    edit(spec.path, "from = 2013-01-01, until = 2013-03-01", "from = 2013-01-01, until = 2013-01-15")
    edit(spec.path, "from = 2013-03-01, until = 2013-04-01", "from = 2013-01-15, until = 2013-02-01")
    edit(spec.path, "from = 2013-04-01", "from = 2013-02-01")
    page = evaluate.evaluate_version(pipelines.load_spec(None), versions.open_version(spec))
    assert json.loads(page.with_suffix(".json").read_text())["datasets"][0]["rows"] == 600


@pytest.mark.parametrize("dirty", ["True", "False"])
def test_the_page_names_the_commit_that_the_version_was_trained_at(
    spec: Spec, version: RegisteredVersion, dirty: str
) -> None:
    assert "no commit yet" in evaluate.evaluate_version(spec, version).read_text()
    tags = {**version.tags, "git_commit": "c0ffee" * 7, "git_dirty": dirty}
    page = evaluate.evaluate_version(spec, dataclasses.replace(version, tags=tags)).read_text()
    assert "<code>c0ffeec0ffee</code>" in page
    assert ("with uncommitted changes" in page) == (dirty == "True")


@pytest.mark.parametrize("file", ["model.ubj", "schema.json", "spec.json"])
def test_altered_files_are_refused_before_they_are_read(spec: Spec, version: RegisteredVersion, file: str) -> None:
    (found,) = ARTIFACTS.rglob(f"{version.run_id}/**/{file}")
    found.write_bytes(found.read_bytes() + b" ")
    with pytest.raises(ProjectError, match="have changed since they were registered"):
        versions.open_version(spec)


def test_a_pickle_under_the_name_of_the_model_runs_nothing(spec: Spec, version: RegisteredVersion) -> None:
    (found,) = ARTIFACTS.rglob(f"{version.run_id}/**/model.ubj")
    found.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(ProjectError, match="have changed since they were registered"):
        versions.open_version(spec)
    with pytest.raises(xgboost.core.XGBoostError):
        XGBoost.load(found.parent)
    assert not Path("ran").exists()


def test_missing_files_are_refused(spec: Spec, version: RegisteredVersion) -> None:
    (found,) = ARTIFACTS.rglob(f"{version.run_id}/**/model.ubj")
    found.unlink()
    with pytest.raises(ProjectError, match="have changed since they were registered"):
        versions.open_version(spec)


def test_a_version_that_does_not_exist_is_refused(spec: Spec, version: RegisteredVersion) -> None:
    with pytest.raises(ProjectError, match="flights has no version '7'"):
        versions.open_version(spec, "7")


@pytest.mark.parametrize("which", ["../../x", "a/b", "..", "x" * 300, "\u0441andidate", "1' or '1'='1", ""])
def test_a_version_that_cannot_be_a_name_is_refused(spec: Spec, version: RegisteredVersion, which: str) -> None:
    with pytest.raises(ProjectError, match="flights has no version"):
        versions.open_version(spec, which)


def test_a_file_that_is_no_registry_is_named(spec: Spec, version: RegisteredVersion) -> None:
    TRACKING.rename("kept.db")
    for content in (b"", b"edited by hand" * 1000):
        TRACKING.write_bytes(content)
        with pytest.raises(ProjectError, match="is not an MLflow registry") as refused:
            versions.open_version(spec)
        assert "restore it from a backup" in str(refused.value)
    Path("kept.db").replace(TRACKING)
    assert versions.open_version(spec).number == 1


def test_a_registry_of_another_mlflow_says_how_to_bring_it_along(
    spec: Spec, version: RegisteredVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / TRACKING
    other.parent.mkdir(parents=True)
    shutil.copy(TRACKING, other)
    with closing(sqlite3.connect(other)) as store, store:
        store.execute("update alembic_version set version_num = 'bd07f7e963c5'")
    monkeypatch.chdir(tmp_path / "other")
    with pytest.raises(MlflowException) as raised:
        versions.list_versions(spec)
    assert "mlflow db upgrade" in str(tracking.convert_mlflow_error(raised.value))


def test_a_moved_repository_keeps_its_models(
    spec: Spec, version: RegisteredVersion, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = project.rename(project.with_name("moved"))
    monkeypatch.chdir(moved)
    assert versions.open_version(spec, "1").number == 1
    assert train.train_version(spec, snapshot.load_newest("flights")).number == 2
    assert not project.exists()


def test_a_failed_training_registers_nothing(
    spec: Spec, version: RegisteredVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = snapshot.load_newest("flights")
    with monkeypatch.context() as broken:
        broken.setattr(versions, "hash_folder", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train.train_version(spec, taken)
    assert len(tracking.create_mlflow_client().search_model_versions("name='flights'")) == 1
    assert not list(Path("data").rglob("*.part"))


def test_hostile_texts_are_shown_as_they_are(spec: Spec, version: RegisteredVersion) -> None:
    hostile = spec.model_copy(update={"description": "<script>alert(1)</script>"})
    version = train.train_version(hostile, snapshot.load_newest("flights"))
    assert "<script" not in evaluate.evaluate_version(hostile, version).read_text()
