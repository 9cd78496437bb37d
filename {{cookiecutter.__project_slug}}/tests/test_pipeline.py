import dataclasses
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import xgboost
from conftest import edit
from mlflow.exceptions import MlflowException

from {{ cookiecutter.__package }} import registry, snapshot, steps, tracking, warehouse
from {{ cookiecutter.__package }} import spec as specs
from {{ cookiecutter.__package }}.errors import ProjectError
from {{ cookiecutter.__package }}.model import XGBoost
from {{ cookiecutter.__package }}.paths import ARTIFACTS, TRACKING
from {{ cookiecutter.__package }}.registry import Version
from {{ cookiecutter.__package }}.spec import Spec


def test_rows_become_a_registered_version_with_a_report(spec: Spec, version: Version) -> None:
    page = steps.evaluate(spec, registry.open_version(spec))
    judged = json.loads(page.with_suffix(".json").read_text())
    auc = judged["datasets"][0]["metrics"][0]["model"]
    assert (judged["version"], judged["datasets"][0]["dataset"]) == (1, "test")
    assert 0.6 < auc["low"] < auc["value"] < auc["high"] < 1
    html = page.read_text()
    assert html.count("<svg") == 2 * (4 + 1) + 1
    assert "http://" not in html.replace("http://www.w3.org/", "")
    assert "<script" not in html
    assert len(html) < 3_000_000


def test_a_pipeline_beside_others_builds_what_it_needs(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[list[str]] = []
    monkeypatch.setattr(warehouse, "build", lambda _, select: built.append(list(select)))
    steps.data(spec)
    shutil.copy(spec.path, spec.path.with_name("other.toml"))
    steps.data(spec)
    assert built == [[], ["+flights"]]


def test_a_version_knows_what_it_was_made_from(spec: Spec, version: Version) -> None:
    tags = tracking.client().get_model_version_by_alias("flights", "candidate").tags
    assert tags["snapshot"] == snapshot.newest("flights").digest
    assert {"git_commit", "content_sha256", "libraries.mlflow", "param.max_depth", "created_by"} <= set(tags)


def test_training_again_makes_the_next_version_the_candidate(spec: Spec, version: Version) -> None:
    assert steps.train(spec, snapshot.newest("flights")).number == 2
    assert registry.open_version(spec).number == 2
    assert registry.open_version(spec, "1").number == 1


def test_a_version_is_judged_on_the_splits_that_it_was_trained_by(spec: Spec, version: Version) -> None:
    edit(spec.path, "from = 2013-01-01, until = 2013-03-01", "from = 2013-01-01, until = 2013-01-15")
    edit(spec.path, "from = 2013-03-01, until = 2013-04-01", "from = 2013-01-15, until = 2013-02-01")
    edit(spec.path, "from = 2013-04-01", "from = 2013-02-01")
    page = steps.evaluate(specs.choose(None), registry.open_version(spec))
    assert json.loads(page.with_suffix(".json").read_text())["datasets"][0]["rows"] == 600


@pytest.mark.parametrize("dirty", ["True", "False"])
def test_the_page_names_the_commit_that_the_version_was_trained_at(spec: Spec, version: Version, dirty: str) -> None:
    assert "no commit yet" in steps.evaluate(spec, version).read_text()
    tags = {**version.tags, "git_commit": "c0ffee" * 7, "git_dirty": dirty}
    page = steps.evaluate(spec, dataclasses.replace(version, tags=tags)).read_text()
    assert "<code>c0ffeec0ffee</code>" in page
    assert ("with uncommitted changes" in page) == (dirty == "True")


@pytest.mark.parametrize("file", ["model.ubj", "schema.json", "spec.json"])
def test_altered_files_are_refused_before_they_are_read(spec: Spec, version: Version, file: str) -> None:
    (found,) = ARTIFACTS.rglob(f"{version.run}/**/{file}")
    found.write_bytes(found.read_bytes() + b" ")
    with pytest.raises(ProjectError, match="are not those that were registered"):
        registry.open_version(spec)


def test_a_pickle_under_the_name_of_the_model_runs_nothing(spec: Spec, version: Version) -> None:
    (found,) = ARTIFACTS.rglob(f"{version.run}/**/model.ubj")
    found.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(ProjectError, match="are not those that were registered"):
        registry.open_version(spec)
    with pytest.raises(xgboost.core.XGBoostError):
        XGBoost.load(found.parent)
    assert not Path("ran").exists()


def test_missing_files_are_refused(spec: Spec, version: Version) -> None:
    (found,) = ARTIFACTS.rglob(f"{version.run}/**/model.ubj")
    found.unlink()
    with pytest.raises(ProjectError, match="are not those that were registered"):
        registry.open_version(spec)


def test_a_version_that_does_not_exist_is_refused(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match="flights has no version '7'"):
        registry.open_version(spec, "7")


@pytest.mark.parametrize("which", ["../../x", "a/b", "..", "x" * 300, "\u0441andidate", "1' or '1'='1", ""])
def test_a_version_that_cannot_be_a_name_is_refused(spec: Spec, version: Version, which: str) -> None:
    with pytest.raises(ProjectError, match="flights has no version"):
        registry.open_version(spec, which)


def test_a_file_that_is_no_registry_is_named(spec: Spec, version: Version) -> None:
    TRACKING.rename("kept.db")
    for content in (b"", b"edited by hand" * 1000):
        TRACKING.write_bytes(content)
        with pytest.raises(ProjectError, match="is no registry of MLflow") as refused:
            registry.open_version(spec)
        assert "restore it from a backup" in str(refused.value)
    Path("kept.db").replace(TRACKING)
    assert registry.open_version(spec).number == 1


def test_a_registry_of_another_mlflow_says_how_to_bring_it_along(
    spec: Spec, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / TRACKING
    other.parent.mkdir(parents=True)
    shutil.copy(TRACKING, other)
    with closing(sqlite3.connect(other)) as store, store:
        store.execute("update alembic_version set version_num = 'bd07f7e963c5'")
    monkeypatch.chdir(tmp_path / "other")
    with pytest.raises(MlflowException) as raised:
        registry.versions(spec)
    assert "mlflow db upgrade" in str(tracking.explained(raised.value))


def test_a_moved_repository_keeps_its_models(
    spec: Spec, version: Version, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = project.rename(project.with_name("moved"))
    monkeypatch.chdir(moved)
    assert registry.open_version(spec, "1").number == 1
    assert steps.train(spec, snapshot.newest("flights")).number == 2
    assert not project.exists()


def test_a_run_that_was_killed_is_not_left_running(spec: Spec, version: Version) -> None:
    store = tracking.client()
    experiment = store.get_experiment_by_name("flights").experiment_id
    left = store.create_run(experiment).info.run_id
    steps.train(spec, snapshot.newest("flights"))
    assert store.get_run(left).info.status == "KILLED"


def test_a_failed_training_registers_nothing(spec: Spec, version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = snapshot.newest("flights")
    with monkeypatch.context() as broken:
        broken.setattr(registry, "content_digest", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            steps.train(spec, taken)
    assert len(tracking.client().search_model_versions("name='flights'")) == 1
    assert not list(Path("data").rglob("*.part"))


def test_hostile_texts_are_shown_as_they_are(spec: Spec, version: Version) -> None:
    hostile = spec.model_copy(update={"description": "<script>alert(1)</script>"})
    version = steps.train(hostile, snapshot.newest("flights"))
    assert "<script" not in steps.evaluate(hostile, version).read_text()
