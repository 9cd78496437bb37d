"""Shared by the benchmarks: options, a generated project, and the cost of a command."""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Users have compiled modules; without them, each command would compile its libraries again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

TEMPLATE = Path(__file__).parents[1]
PIPELINE = Path("pipelines", "flight_delays.toml")
SMOKE_MARK = Path("data", "generated-for-smoke")
# The project's environment and its Python are its own, not those of the benchmark.
OWN = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON")
# A small process of its own: the system counts the memory of a parent in the peak of its child.
WATCH = """
import json, os, subprocess, sys, time

begun = time.perf_counter()
started = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(started.pid, 0)
cost = [time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]
with open(sys.argv[1], "w") as file:
    json.dump(cost, file)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


@dataclass(frozen=True)
class Cost:
    """The cost of one process: wall and CPU seconds, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def build_parser(description: str | None) -> argparse.ArgumentParser:
    """Build a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="run every step once and short: the numbers do not count")
    parser.add_argument("--project", type=Path, help="reuse this project; generate it there if it does not exist")
    return parser


@contextlib.contextmanager
def open_project(path: Path | None, *, smoke: bool, build: bool = True) -> Iterator[Path]:
    """Yield the project at `path`, or a new one that is removed afterwards.

    Args:
        path: Reused if it exists, else generated there.
        smoke: Whether a new project has a short evaluation.
        build: Whether the pipeline is run if it has not run yet.
    """
    if path is None:
        with tempfile.TemporaryDirectory() as home:
            project = bake(Path(home))
            prepare(project, smoke=smoke, build=build)
            yield project
        return
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as home:
            project = bake(Path(home)).rename(path)
        try:
            prepare(project, smoke=smoke, build=build)
        except BaseException:
            shutil.rmtree(path)
            raise
    if (path / SMOKE_MARK).exists() and not smoke:
        raise SystemExit(f"{path}: generated with --smoke, so its numbers do not count; use another --project")
    if build and not any(path.glob("data/reports/*.html")):
        run([sys.executable, "-m", "nox", "-s", "pipeline"], path)
    yield path.resolve()


def bake(home: Path, *answers: str) -> Path:
    """Generate a project from the files that git tracks or would add, with the defaults but for some answers."""
    copy, output = home / "template", home / "projects"
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=TEMPLATE, stdout=subprocess.PIPE, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (TEMPLATE / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((TEMPLATE / name).read_bytes())
    output.mkdir()
    make = [
        sys.executable,
        "-m",
        "cookiecutter",
        "--no-input",
        "--default-config",
        "-o",
        str(output),
        str(copy),
        *answers,
    ]
    subprocess.run(make, check=True)
    (project,) = output.iterdir()
    return project


def prepare(project: Path, *, smoke: bool, build: bool) -> None:
    """Install a project and run its pipeline; for smoke runs with few resamples and a lenient latency gate."""
    if smoke:
        edit(project / PIPELINE, r"(?m)^resamples = \d+$", lambda _: "resamples = 20")
        edit(project / PIPELINE, r"(?m)^latency_ms = \d+$", lambda _: "latency_ms = 5000")
        # The limit that soak.py needs: a change later would need one more commit, training and launch.
        edit(project / PIPELINE, r"\Z", lambda _: "\n[serving]\nlog_megabytes = 1\n")
        commit(project)
        (project / SMOKE_MARK).parent.mkdir(exist_ok=True)
        (project / SMOKE_MARK).touch()
    command = ["nox", "-s", "pipeline"] if build else ["uv", "sync", "--quiet"]
    run([sys.executable, "-m", *command], project)


def forget_build(project: Path) -> None:
    """Have the next command build the SQL again, although nothing has changed."""
    (project / "data" / "dbt" / "built.json").unlink(missing_ok=True)


def commit(project: Path) -> None:
    """Commit all changes of a project, which a launch requires."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--no-verify", "--message", "Measured"], cwd=project, check=True)


def edit(path: Path, pattern: str, change: Callable[[re.Match[str]], str]) -> None:
    """Replace the matches of a pattern in a file; fail if there is none."""
    text, count = re.subn(pattern, change, path.read_text(encoding="utf-8"))
    if not count:
        raise SystemExit(f"{path}: no match for {pattern!r}; adapt the benchmark to the new file")
    path.write_text(text, encoding="utf-8")


def locate_scripts(project: Path) -> Path:
    """Return the folder of the commands in the project's environment."""
    return project / ".venv" / ("Scripts" if os.name == "nt" else "bin")


def locate_tool(project: Path) -> str:
    """Return the path of the project's `mlteam`."""
    return str(locate_scripts(project) / "mlteam")


def locate_python(project: Path) -> str:
    """Return the path of the project's interpreter."""
    return str(locate_scripts(project) / "python")


def run(command: list[str], folder: Path) -> Cost:
    """Run a command to its end and measure it; exit with its output if it fails."""
    env = {name: value for name, value in os.environ.items() if name not in OWN}
    with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile() as measured:
        watched = [sys.executable, "-c", WATCH, measured.name, *command]
        done = subprocess.run(watched, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False, env=env)
        if done.returncode:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)[:200]}\n{output.read().decode(errors='replace')}")
        return Cost(*json.loads(measured.read()))
