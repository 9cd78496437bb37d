"""A project that was generated for the warehouse of another engine, with what the demo's project has made."""

import shutil
import sys
from pathlib import Path

import baking

UV = (sys.executable, "-m", "uv")


def generate_for_engine(
    bake: baking.Bake, demonstrated: Path, folder: Path, kind: str, load: str, env: dict[str, str]
) -> Path:
    """Generate a project for an engine, and let the engine have the demo's raw files instead of the project.

    Args:
        bake: Generates it.
        demonstrated: The project of the demo.
        folder: Where it is generated.
        kind: The engine, as the question names it.
        load: A Python script that loads the files of the folder in its first argument.
        env: The environment of the commands.
    """
    project = bake(folder, warehouse=kind)
    baking.copy(demonstrated / "data", project / "data", "warehouse.duckdb")
    for command in (("sync", "--quiet"), ("run", "python", "-c", load, "data/raw")):
        done = baking.run(*UV, *command, cwd=project, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(project / "data" / "raw")
    return project


def check_own_tests(project: Path, env: dict[str, str]) -> None:
    """Run what the project has to say about its own code and SQL."""
    for command in (
        ("sqlfluff", "lint", "--disable-progress-bar", "sql"),
        ("pytest", "-q", "tests"),
        ("ruff", "check"),
    ):
        done = baking.run(*UV, "run", "--quiet", *command, cwd=project, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
