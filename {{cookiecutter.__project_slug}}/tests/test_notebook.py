"""The notebooks run from their first cell to their last: with what they open, and where it is not there yet."""

import datetime as dt
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
PIPELINE = """
description = "Will the parcel be late?"
task = "binary"

[data]
relation = "features.delays"
key = "id"
time = "day"
label = "late"

[privacy]
none_because = "made up"

[features]
categorical = ["carrier"]
numeric = ["wind"]

[splits]
by = "time"
train = { from = 2013-01-01, until = 2013-03-01 }
validation = { from = 2013-03-01, until = 2013-04-01 }
test = { from = 2013-04-01, until = 2013-06-01 }

[model]
factory = "mlteam.modeling:XGBoost"
seed = 7

[baseline]
factory = "mlteam.modeling:GroupMean"
params = { by = ["carrier"] }

[evaluation]
primary = "roc_auc"
metrics = ["roc_auc"]
"""


# Runs a notebook as `python NOTEBOOK` does, and prints what its cells show.
SHOW = """
import runpy, sys
outputs, _ = runpy.run_path(sys.argv[1])["app"].run()
print(*(getattr(output, "text", "") for output in outputs if output is not None), sep="\\n")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The notebooks in a repository of their own, with a pipeline that has created nothing yet."""
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    (tmp_path / "team.toml").write_text('stage = "prototype"\n', encoding="utf-8")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "delays.toml").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


def run(folder: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, str(folder / "notebooks" / name)]
    return subprocess.run(command, cwd=folder.anchor, capture_output=True, text=True, check=False)


def write_snapshot(folder: Path, digest: str) -> None:
    """A snapshot as `mlteam data` writes it, with the metadata that opening it needs."""
    taken = folder / "data" / "snapshots" / "delays" / digest[:12]
    (taken / "rows").mkdir(parents=True)
    (taken.parent / "newest").write_text(f"{digest[:12]}\n", encoding="utf-8")
    rows = pa.table({"carrier": ["XX", "YY", None], "wind": [1.5, None, 3.0]})
    part = "rows/part-00000.parquet"
    pyarrow.parquet.write_table(rows, taken / part)
    files = {part: hashlib.sha256((taken / part).read_bytes()).hexdigest()}
    metadata = {"digest": digest, "files": files, "pipeline": "delays", "rows": 3}
    (taken / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")


@pytest.mark.parametrize(("name", "fix"), [("first_look.py", "nox -s data"), ("look_back.py", "nox -s history")])
def test_a_notebook_says_what_to_do_where_there_is_nothing_to_open(folder: Path, name: str, fix: str) -> None:
    done = run(folder, name)
    assert done.returncode == 0, done.stderr
    assert fix in run(folder, name, "-c", SHOW).stdout
    (folder / "pipelines" / "delays.toml").unlink()
    shown = run(folder, name, "-c", SHOW)
    assert shown.returncode == 0, shown.stderr
    assert "nox -s new_pipeline" in shown.stdout


def test_every_cell_runs_on_the_newest_snapshot(folder: Path) -> None:
    write_snapshot(folder, "0123456789ab" + 52 * "0")
    write_snapshot(folder, "ba9876543210" + 52 * "0")
    done = run(folder, "first_look.py", "-c", SHOW)
    assert done.returncode == 0, done.stderr
    assert "ba9876543210" in done.stdout


def test_every_cell_runs_on_a_table_of_versions(folder: Path) -> None:
    reports = folder / "data" / "reports"
    reports.mkdir(parents=True)
    fixed = {"when": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "dataset": "test", "snapshot": "0123"}
    known = {**fixed, "metric": "roc_auc", "value": 0.7, "low": 0.6, "high": 0.8, "undefined": None}
    lost = {**fixed, "metric": "roc_auc", "value": None, "low": None, "high": None, "undefined": "it was altered"}
    table = pa.Table.from_pylist([{**known, "version": 1}, {**lost, "version": 2}])
    pyarrow.parquet.write_table(table, reports / "delays-rescored-test.parquet")
    done = run(folder, "look_back.py")
    assert done.returncode == 0, done.stderr


def test_a_cell_that_fails_makes_the_run_fail(folder: Path) -> None:
    snapshots = folder / "data" / "snapshots" / "delays"
    snapshots.mkdir(parents=True)
    (snapshots / "newest").write_text("gone\n", encoding="utf-8")
    done = run(folder, "first_look.py")
    assert done.returncode != 0
    assert "no such snapshot: gone" in done.stderr
