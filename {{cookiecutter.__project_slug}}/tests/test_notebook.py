"""The notebooks run from their first cell to their last: with what they open, and where it is not there yet."""

import datetime as dt
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The notebooks in a repository of their own."""
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    return tmp_path


def run(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "notebooks" / name)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", [path.name for path in sorted(NOTEBOOKS.glob("*.py"))])
def test_a_notebook_says_what_to_do_where_there_is_nothing_to_open(folder: Path, name: str) -> None:
    assert run(folder, name).returncode == 0


def test_every_cell_runs_on_the_newest_snapshot(folder: Path) -> None:
    taken = folder / "data" / "snapshots" / "delays" / "0123456789ab"
    taken.mkdir(parents=True)
    (taken.parent / "newest").write_text("0123456789ab\n", encoding="utf-8")
    rows = pa.table({"carrier": ["XX", "YY", None], "wind": [1.5, None, 3.0]})
    pyarrow.parquet.write_table(rows, taken / "data.parquet")
    done = run(folder, "first_look.py")
    assert done.returncode == 0, done.stderr


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
    assert run(folder, "first_look.py").returncode != 0
