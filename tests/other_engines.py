"""The demo's project with a warehouse of another engine, as the engine's page says."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import baking

UV = (sys.executable, "-m", "uv")


def move_to_engine(demonstrated: Path, folder: Path, kind: str, load: str, env: dict[str, str]) -> Path:
    """Copy a project, add the target of its page, and let the engine have the raw files instead of the project.

    Args:
        demonstrated: The project of the demo.
        folder: Where the copy is made.
        kind: The type of the target, which is the extra of the packages as well.
        load: A Python script that loads the files of the folder in its first argument.
        env: The environment of the commands.
    """
    project = folder / demonstrated.name
    baking.copy(demonstrated, project, "warehouse.duckdb")
    page = (project / "engine" / "README.md").read_text(encoding="utf-8")
    (install,) = re.findall(rf"`uv (add \"mlteam\[{kind}\]\")`", page)
    (output,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if f"type: {kind}" in block]
    with (project / "sql" / "profiles.yml").open("a", encoding="utf-8") as file:
        file.write(output)
    for command in ((*UV, *shlex.split(install)), (*UV, "run", "python", "-c", load, "data/raw")):
        done = baking.run(*command, cwd=project, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(project / "data" / "raw")
    return project
