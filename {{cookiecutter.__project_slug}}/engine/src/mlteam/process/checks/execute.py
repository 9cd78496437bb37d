"""Runs what the pages promise: each shell block tagged `run`, in a copy of the repository.

After the word `run` a block may say what comes of it:

exit=1           the exit code, 0 where nothing is said
creates=PATTERN  files that must be there afterwards
needs=pipeline   left out, and said so, where pipelines/ holds none
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mlteam.process.checks.errors import CannotRunError
from mlteam.process.checks.page import Fence
from mlteam.process.checks.project import Project

# A block may come from a change that nobody has read yet, so it gets to see nothing that opens a door.
SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE_KEY|AUTH", re.IGNORECASE)
LIMIT_SECONDS = 1800
TAIL_LINES = 12


@dataclass(frozen=True)
class Promise:
    """A block that can be run, and what comes of it."""

    path: str
    line: int
    commands: tuple[tuple[str, ...], ...]
    exit: int
    creates: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where the block stands."""
        return f"{self.path}:{self.line}"


def promises(project: Project) -> list[Promise]:
    """Every runnable block, PROCESS.md first, in the order of the pages."""
    pages = sorted(project.pages.items(), key=lambda item: (item[0] != "PROCESS.md", item[0]))
    return [promise(path, f) for path, page in pages for f in page.fences if f.language == "sh" and "run" in f.words]


def promise(path: str, fence: Fence) -> Promise:
    """Read a block's commands and the words after `run`.

    Raises:
        CannotRunError: A word is none that a runnable block may say, or a quote does not close.
    """
    said: dict[str, list[str]] = {"exit": [], "creates": [], "needs": []}
    for word in fence.words:
        key, _, value = word.partition("=")
        if word != "run" and (key not in said or not value):
            raise CannotRunError(f"{path}:{fence.line} says {word!r}; known: run, exit=, creates=, needs=")
        said.setdefault(key, []).append(value)
    lines = [words for _, words in fence.commands]
    if None in lines:
        raise CannotRunError(f"{path}:{fence.line} holds a quote that does not close")
    commands = tuple(tuple(words) for words in lines if words)
    wanted = int(said["exit"][0]) if said["exit"] else 0
    return Promise(path, fence.line, commands, wanted, tuple(said["creates"]), tuple(said["needs"]))


def execute(root: Path) -> int:
    """Run every runnable block in one copy of the repository; 0 if each kept its promise, else 1."""
    project = Project(root)
    broken = 0
    with tempfile.TemporaryDirectory(prefix="process-") as scratch:
        copy = Path(scratch) / root.name
        duplicate(project, copy)
        done: dict[tuple[tuple[str, ...], ...], str] = {}
        for each in promises(project):
            if "pipeline" in each.needs and not project.pipelines:
                print(f"left out  {each.place}: there is no pipeline yet")
                continue
            started = time.monotonic()
            if each.commands not in done:
                done[each.commands] = run(each, copy)
            problem = done[each.commands] or missing(each, copy)
            broken += bool(problem)
            shown = "; ".join(" ".join(command) for command in each.commands)
            seconds = f"{time.monotonic() - started:.0f} s"
            print(f"{'broken' if problem else 'kept':<9} {each.place}: {shown} ({seconds})")
            print(problem + "\n" if problem else "", end="", flush=True)
    return 1 if broken else 0


def duplicate(project: Project, copy: Path) -> None:
    """Copy the repository's files, and its history where git is there: some commands record the commit."""
    for path in project.files:
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project.root / path, target)
    if (project.root / ".git").is_dir():
        shutil.copytree(project.root / ".git", copy / ".git", symlinks=True)


def run(promised: Promise, folder: Path) -> str:
    """Run a block's commands one after the other; what went otherwise than promised, or nothing."""
    code, output = 0, ""
    for command in promised.commands:
        code, output = _run_one(command, folder)
        if code:
            break
    if code == promised.exit:
        return ""
    tail = "\n".join(f"  | {line}" for line in output.splitlines()[-TAIL_LINES:])
    return f"  expected: exit {promised.exit}\n  found:    exit {code}\n{tail}"


def _run_one(command: tuple[str, ...], folder: Path) -> tuple[int, str]:
    python = {"nox": ("-m", "nox"), "uv": ("-m", "uv"), "python": (), "python3": ()}
    words = [sys.executable, *python[command[0]], *command[1:]] if command[0] in python else list(command)
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"not done after {LIMIT_SECONDS} seconds"
    except OSError as error:
        return -1, str(error)
    return done.returncode, done.stdout


def environment() -> dict[str, str]:
    """The environment without what looks like a secret, and without the one environment that is active."""
    kept = {name: value for name, value in os.environ.items() if not SECRET.search(name)}
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "NOX_CURRENT_SESSION"):
        kept.pop(name, None)
    return kept


def missing(promised: Promise, folder: Path) -> str:
    """Which promised files are not there, or nothing."""
    absent = [pattern for pattern in promised.creates if not any(folder.glob(pattern))]
    return f"  expected: {', '.join(absent)}\n  found:    no such file" if absent else ""
