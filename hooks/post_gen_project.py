"""Take out what was not chosen, start a repository outside of one, and let the new project check itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NOT_CHOSEN = {"github": ".gitlab-ci.yml", "gitlab": ".github/workflows/checks.yml"}["{{cookiecutter.ci}}"]
# The checker is part of the engine, which is not installed yet.
ENVIRONMENT = os.environ | {"PYTHONPATH": "engine/src"}
WITHOUT_EXAMPLE = {"yes": False, "no": True}["{{cookiecutter.flights_example}}"]


def main() -> None:
    """Do all three, silently unless something fails; doing them again changes nothing."""
    remove(Path(NOT_CHOSEN))
    if WITHOUT_EXAMPLE:
        subprocess.run([sys.executable, "-B", "process/remove_example.py"], env=ENVIRONMENT, check=True)
    start_repository()
    sys.exit(
        subprocess.run(
            [sys.executable, "-B", "-m", "mlteam.process", "--fix", "--quiet"], env=ENVIRONMENT, check=False
        ).returncode
    )


def remove(path: Path) -> None:
    """Remove a file, and the folders that held nothing else."""
    path.unlink(missing_ok=True)
    for folder in path.parents[:-1]:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def start_repository() -> None:
    """Make the folder a git repository, where git is there and no repository holds the folder already."""
    git = shutil.which("git")
    if git and subprocess.run([git, "rev-parse", "--git-dir"], capture_output=True, check=False).returncode:
        subprocess.run([git, "-c", "init.defaultBranch=main", "init", "--quiet"], check=True)


if __name__ == "__main__":
    main()
