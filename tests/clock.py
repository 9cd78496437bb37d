"""A project whose commands believe in another day."""

import os
import sys
from datetime import datetime
from pathlib import Path

import baking
from shell import CALL, Shell

# The warehouse asks DuckDB for the time, which the library does not reach: macros of these names come first.
TRAVEL = """
import datetime
import duckdb, time_machine
time_machine.travel(datetime.datetime.fromisoformat({moment!r}), tick=True).start()
with duckdb.connect("data/warehouse.duckdb") as connection:
    for name in ("now", "get_current_timestamp"):
        connection.execute(f"create or replace macro {{name}}() as timestamptz {moment!r}")
"""


def install_clock(folder: Path, python: Path) -> Path:
    """Install the library that changes the time for an interpreter, beside its environment, which stays as it is."""
    options = ["--target", str(folder), "--python", str(python), "--group", f"{baking.ROOT / 'pyproject.toml'}:clock"]
    done = baking.run(sys.executable, "-m", "uv", "pip", "install", "--quiet", *options, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return folder


class Clocked:
    """A project and the moment that its commands take for now.

    Args:
        project: Its folder.
        python: The interpreter of an environment that has all its libraries.
        clock: The folder with the library that changes the time.
        now: The moment, UTC.
    """

    def __init__(self, project: Path, python: Path, clock: Path, now: datetime) -> None:
        self.project, self.now = project, now
        paths = os.pathsep.join(map(str, (project / "src", project / "engine/src", clock)))
        self.shell = Shell(project, python, os.environ | {"PYTHONPATH": paths, "MLFLOW_DISABLE_TELEMETRY": "true"})

    def run(self, *words: str, call: str = CALL, allowed: tuple[int, ...] = (0,)) -> int:
        """Run a command of the project at its moment; its exit code."""
        return self.shell.run(*words, call=TRAVEL.format(moment=self.now.isoformat()) + call, allowed=allowed)
