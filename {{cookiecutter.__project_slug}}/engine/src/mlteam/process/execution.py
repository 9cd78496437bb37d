"""Runs the documented commands: each block of shell or Python tagged `run`, in a copy of the repository.

After the word `run` a block may state the outcome: `exit=1` is the exit code (0 by default), `creates=PATTERN` names
files that it creates, and `needs=pipeline` skips it if pipelines/ is empty. A block that cannot run here says
`skip=REASON` instead, and is listed as not run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mlteam.core.errors import ProjectError
from mlteam.core.paths import STORE_VARIABLE, TRACKING_VARIABLE
from mlteam.repository.command_lines import split_words
from mlteam.repository.page import Fence
from mlteam.repository.project import PROCESS, Project
from mlteam.repository.toml_files import get_table

# A block may come from a change that nobody has read yet, so it must not see credentials.
SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE_KEY|AUTH", re.IGNORECASE)
ACTIVATED = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "NOX_CURRENT_SESSION")
KEYS = ("exit", "creates", "needs")
FILE = re.compile(r"\.(csv|parquet|pq)$", re.IGNORECASE)
LIMIT_SECONDS = 1800
SHOWN_LINES = 12


def execute_blocks(root: Path) -> int:
    """Run every block in one copy of the repository; return 0 if each has its documented outcome, else 1.

    Raises:
        ProjectError: The words after `run` cannot be understood.
    """
    project = Project(root)
    pages = sorted(project.pages.items(), key=lambda item: (item[0] != PROCESS, item[0]))
    blocks = [(f"{path}:{f.line}", f) for path, page in pages for f in page.fences if "run" in f.words]
    parsed = [(place, fence, parse_outcome(place, fence)) for place, fence in blocks]
    for reason, count in Counter(r for _, page in pages for f in page.fences for r in list_skip_reasons(f)).items():
        print(f"not run  {count} blocks: {reason}")
    missing, chosen = _explain_missing_data(project), _choose_pipeline(project)
    failed = False
    with tempfile.TemporaryDirectory(prefix="process-") as scratch:
        copy = Path(scratch) / root.name
        copy_repository(project, copy)
        done: dict[str, tuple[int, str]] = {}
        for place, fence, outcome in parsed:
            if "pipeline" in outcome["needs"] and missing:
                print(f"skipped  {place}: {missing}")
                continue
            started = time.monotonic()
            if fence.content not in done:
                done[fence.content] = _run_block(fence, copy, chosen)
            problem = _find_problem(done[fence.content], outcome, copy)
            failed = failed or bool(problem)
            shown = "; ".join(command.text for command in fence.commands) or f"{fence.language} block"
            state = "failed" if problem else "passed"
            print(f"{state:<8} {place}: {shown} ({time.monotonic() - started:.0f} s)\n{problem}", end="", flush=True)
    return int(failed)


def _explain_missing_data(project: Project) -> str:
    """Return why no pipeline can run in a copy of the repository, or an empty text."""
    if not project.pipelines:
        return "there is no pipeline yet"
    for source in project.dbt.sources.values():
        if source.secret:
            return f"the source {source.name} needs {source.secret}, and a copy sees no secret"
        if FILE.search(source.origin) and source.origin not in project.files:
            return f"the file of the source {source.name} is not in the repository"
    return ""


def _choose_pipeline(project: Project) -> str:
    """Return the pipeline that commands mean where pyproject.toml names none of several, or an empty text."""
    settings = get_table(project.read_tables("pyproject.toml"), "tool", "mlteam")
    return "" if "pipeline" in settings or len(project.pipelines) < 2 else next(iter(project.pipelines))  # noqa: PLR2004


def list_skip_reasons(fence: Fence) -> list[str]:
    """Return why a block is not run, from its words `skip=REASON`."""
    return [word.partition("=")[2].replace("-", " ") for word in fence.words if word.startswith("skip=")]


def parse_outcome(place: str, fence: Fence) -> dict[str, list[str]]:
    """Parse the words after `run`.

    Raises:
        ProjectError: A word is unknown or has no value.
    """
    outcome: dict[str, list[str]] = {key: [] for key in KEYS}
    for word in fence.words:
        key, _, value = word.partition("=")
        if word != "run" and (key not in KEYS or not value):
            raise ProjectError(f"unknown word {word!r} after run", where=place, fix=f"known: {'=, '.join(KEYS)}=")
        if word != "run":
            outcome[key].append(value)
    return outcome


def copy_repository(project: Project, copy: Path) -> None:
    """Copy the repository's files, and its history if there is one, since some commands record the commit."""
    for path in project.files:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project.root / path, copy / path)
    if (project.root / ".git").is_dir():
        shutil.copytree(project.root / ".git", copy / ".git", symlinks=True)


def _run_block(fence: Fence, folder: Path, pipeline: str) -> tuple[int, str]:
    """Run the commands of a block until one fails; return its exit code and output."""
    kept = {name: value for name, value in os.environ.items() if not SECRET.search(name) and name not in ACTIVATED}
    # What a copy does must not reach the colleagues.
    kept |= {STORE_VARIABLE: ""} | ({"MODEL_PIPELINE": pipeline} if pipeline else {})
    kept.pop(TRACKING_VARIABLE, None)
    code, output = 0, ""
    if fence.language == "python":
        calls = [[sys.executable, "-m", "uv", "run", "--quiet", "python", "-c", fence.content]]
    else:
        calls = [split_words(command.text) for command in fence.commands]
    for words in calls:
        # These come from the environment that runs the check, whatever PATH names.
        if words[0] in ("nox", "uv", "python", "python3"):
            words[:1] = [sys.executable, *([] if "python" in words[0] else ["-m", words[0]])]
        try:
            done = subprocess.run(
                words,
                cwd=folder,
                env=kept,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=LIMIT_SECONDS,
                check=False,
            )
            code, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired:
            code, output = -1, f"not done after {LIMIT_SECONDS} seconds"
        except OSError as error:
            code, output = -1, str(error)
        if code:
            break
    return code, output


def _find_problem(result: tuple[int, str], outcome: dict[str, list[str]], folder: Path) -> str:
    code, output = result
    expected = int((outcome["exit"] or ["0"])[0])
    if code != expected:
        tail = "\n".join(f"  | {line}" for line in output.splitlines()[-SHOWN_LINES:])
        return f"  expected: exit {expected}\n  found:    exit {code}\n{tail}\n"
    missing = [pattern for pattern in outcome["creates"] if not any(folder.glob(pattern))]
    return f"  expected: {', '.join(missing)}\n  found:    no such file\n" if missing else ""
