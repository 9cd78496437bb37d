"""Every runnable block of a fresh project has its documented outcome, in a copy, from the first to the last."""

import re
import shutil
import sys
from pathlib import Path

import baking
import duckdb
import pytest

PARCELS = """
select
    i as id,
    date '2024-01-01' + (i // 10)::int as day,
    (i * 7) % 13 as size,
    (i * 7) % 13 + hash(i) % 10 > 11 as late
from range(3000) numbers (i)
"""


@pytest.mark.slow
def test_every_runnable_block_of_a_fresh_project_has_its_outcome(demonstrated: tuple[Path, str]) -> None:
    project, _ = demonstrated
    done = baking.run(
        sys.executable, "-m", "nox", "-s", "process", "--", "--execute", cwd=project, env=baking.fresh_machine()
    )
    assert done.returncode == 0, done.stdout
    passed = re.findall(r"(?m)^passed +(\S+):\d+: (.*) \(\d+ s\)$", done.stdout)
    assert {"nox -s data", "nox -s lint", "nox -s pipeline", "nox -s train", "nox -s evaluate"} <= {
        c for _, c in passed
    }
    assert "failed" not in done.stdout


@pytest.mark.slow
def test_with_two_pipelines_every_block_has_its_outcome_too(demonstrated: tuple[Path, str], tmp_path: Path) -> None:
    origin, _ = demonstrated
    project = baking.copy(origin, tmp_path / origin.name)
    shutil.rmtree(project / "data")
    parcels = duckdb.sql(PARCELS)
    assert parcels is not None
    parcels.write_csv(str(project / "parcels.csv"))
    options = ("--table", "parcels.csv", "--label", "late", "--key", "id", "--time", "day")
    words = ("new_pipeline", "--", "parcels", *options)
    for command in (words, ("process", "--", "--fix"), ("process", "--", "--execute")):
        done = baking.run(sys.executable, "-m", "nox", "-s", *command, cwd=project, env=baking.fresh_machine())
        assert done.returncode == 0, done.stdout
        baking.run("git", "add", "--all", cwd=project)
    passed = re.findall(r"(?m)^passed +(\S+):\d+: (.*) \(\d+ s\)$", done.stdout)
    assert len(passed) > 20
    assert {"nox -s data", "nox -s pipeline", "nox -s compare -- 1 candidate"} <= {command for _, command in passed}
