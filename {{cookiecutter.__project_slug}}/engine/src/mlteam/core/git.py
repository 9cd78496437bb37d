"""What git knows of the repository's files."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from mlteam.core.errors import ProjectError


def list_files() -> list[Path]:
    """Return the files that git tracks or would add, but those of the engine, in alphabetical order.

    Raises:
        ProjectError: Git finds no repository.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise ProjectError(
            "the command works on what git lists, and git finds no repository here", fix="run `git init`"
        )
    names = sorted({*listed.stdout.split("\0")} - {""})
    return [Path(name) for name in names if Path(name).is_file() and not name.startswith("engine/")]


def reject_uncommitted(files: Sequence[Path]) -> None:
    """Refuse to change or delete what git could not bring back.

    Raises:
        ProjectError: A file is not committed as it is; names it.
    """
    command = ["git", "status", "--porcelain", "--", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or done.stdout.strip():
        changed = done.stdout.split("\n")[0][3:] or str(files[0])
        raise ProjectError("git does not hold this file as it is", where=changed, fix="commit it first")
