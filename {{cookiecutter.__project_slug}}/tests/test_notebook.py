"""The notebook runs from its first cell to its last: with a snapshot, and where there is none yet."""

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "first_look.py"


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """The notebook in a repository of its own."""
    (tmp_path / "notebooks").mkdir()
    return Path(shutil.copy(NOTEBOOK, tmp_path / "notebooks"))


def run(notebook: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, notebook], cwd=notebook.parent, capture_output=True, text=True, check=False)


def test_the_notebook_says_what_to_do_where_there_is_no_snapshot(notebook: Path) -> None:
    assert run(notebook).returncode == 0


def test_every_cell_runs_on_the_newest_snapshot(notebook: Path) -> None:
    folder = notebook.parent.parent / "data" / "snapshots" / "delays" / "0123456789ab"
    folder.mkdir(parents=True)
    (folder.parent / "newest").write_text("0123456789ab\n", encoding="utf-8")
    rows = pa.table({"carrier": ["XX", "YY", None], "wind": [1.5, None, 3.0]})
    pyarrow.parquet.write_table(rows, folder / "data.parquet")
    done = run(notebook)
    assert done.returncode == 0, done.stderr


def test_a_cell_that_fails_makes_the_run_fail(notebook: Path) -> None:
    folder = notebook.parent.parent / "data" / "snapshots" / "delays"
    folder.mkdir(parents=True)
    (folder / "newest").write_text("gone\n", encoding="utf-8")
    assert run(notebook).returncode != 0
