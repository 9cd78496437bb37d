import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import run_sql
from launched import put

import mlteam
from mlteam.commands.evaluate import evaluate_version
from mlteam.config.spec import Spec
from mlteam.data import snapshot
from mlteam.registry.versions import RegisteredVersion

LIGHT = """
import sys
import mlteam
heavy = {"duckdb", "numpy", "pyarrow", "pydantic", "mlflow"} & set(sys.modules)
assert not heavy, heavy
mlteam.open
assert "pyarrow" in sys.modules
"""


@pytest.fixture
def below(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory below the repository's root."""
    folder = project / "notebooks" / "own"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_the_import_of_the_package_loads_no_library() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)


def test_snapshots_open_by_digest_or_as_the_newest(spec: Spec, project: Path, below: Path) -> None:
    opened = mlteam.open("flights")
    with pytest.raises(mlteam.NotCreatedError, match="no snapshot yet"):
        opened.snapshot()
    take_snapshots(spec, project)
    newest = opened.snapshot()
    rows = newest.rows()
    assert rows.num_rows == newest.metadata["rows"] == 1499
    assert pa.parquet.read_table(newest.files).equals(rows)
    assert all(Path(file).is_absolute() for file in newest.files)
    (older,) = {path.name for path in (project / "data/snapshots/flights").iterdir() if path.is_dir()} - {
        newest.digest[:12]
    }
    assert opened.snapshot(older).rows().num_rows == 1500
    test = newest.rows("test", "hour = 3")
    assert set(test["hour"].to_pylist()) == {3}
    assert 0 < test.num_rows < newest.rows("test").num_rows
    assert Path.cwd() == below


def take_snapshots(spec: Spec, project: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(project)
        snapshot.take(spec)
        run_sql("delete from features.flights where id = 'F7'")
        snapshot.take(spec)


def test_a_version_predicts_tables_and_knows_its_snapshot(spec: Spec, project: Path, below: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(project)
        bundle = put(spec)
    version = mlteam.open().version("champion")
    assert version.number == 1
    features = [golden.features for golden in bundle.golden_examples]
    predicted = version.predict(pa.Table.from_pylist(features))
    expected = [golden.prediction[0] for golden in bundle.golden_examples]
    assert predicted["probability_of_true"].to_pylist() == pytest.approx(expected, abs=1e-6)
    assert set(predicted["model_version"].to_pylist()) == {1}
    one = version.predict({"carrier": ["XX"], "hour": [3], "wind": [None]})
    assert one.num_rows == 1
    assert mlteam.open().snapshot(version.snapshot).digest == version.snapshot
    assert sorted(version.features) == ["carrier", "hour", "wind"]
    with pytest.raises(mlteam.ProjectError, match="has no column wind"):
        version.predict({"carrier": ["XX"], "hour": [3]})
    with pytest.raises(mlteam.ProjectError, match="not a table"):
        version.predict(5)
    assert Path.cwd() == below


def test_evaluations_are_a_table(spec: Spec, version: RegisteredVersion, below: Path, project: Path) -> None:
    opened = mlteam.open()
    with pytest.raises(mlteam.NotCreatedError, match="no evaluation yet"):
        opened.evaluation()
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(project)
        evaluate_version(spec, version, ("test",))
    rows = opened.evaluation("candidate")
    assert set(rows["metric"].to_pylist()) == set(spec.evaluation.metrics)
    assert rows.equals(opened.evaluation())
    assert rows.equals(opened.evaluation(1))
    assert list(opened.reports.glob("flights-v1-test.html"))
    with pytest.raises(mlteam.ProjectError, match="no version '7'"):
        opened.evaluation(7)


def test_the_repository_is_found_from_a_file(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    with pytest.raises(mlteam.ProjectError, match=r"no team\.toml and pipelines/"):
        mlteam.open()
    assert mlteam.open(start=project / "pipelines" / "flights.toml").name == "flights"
    assert mlteam.list_pipelines(start=project) == ["flights"]
    with pytest.raises(mlteam.ProjectError, match="no pipeline 'flight'"):
        mlteam.open("flight", start=project)
    (project / "pipelines" / "flights.toml").unlink()
    with pytest.raises(mlteam.NotCreatedError, match="no pipeline yet"):
        mlteam.open(start=project)
    assert Path.cwd() == elsewhere


def test_a_server_that_does_not_answer_is_a_project_error(
    project: Path, below: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(mlteam.ProjectError, match="failed"):
        mlteam.open().evaluation()
    assert Path.cwd() == below
