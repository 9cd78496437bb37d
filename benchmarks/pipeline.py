"""What the generated project costs: against the bare script, from nothing to a judged model, and in memory.

    python benchmarks/pipeline.py [RUNS]

needs the packages of the group `test` and prints ratios of one run on one machine; wall times are noisy, CPU seconds
less so.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Users have compiled modules; without them, each command would compile its libraries anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

TEMPLATE = Path(__file__).parents[1]
BARE = Path(__file__).with_name("bare.py")
# A process of its own, which is small: the system counts what a parent holds among the peak of its child.
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
    """What one process took: wall and CPU seconds, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def run(command: list[str], folder: Path) -> Cost:
    """Run a command to its end and measure it; what it prints is shown if it fails."""
    with tempfile.TemporaryFile() as said, tempfile.NamedTemporaryFile() as measured:
        watched = [sys.executable, "-c", WATCH, measured.name, *command]
        done = subprocess.run(watched, cwd=folder, stdout=said, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode())
        return Cost(*json.loads(measured.read()))


def generate(home: Path) -> tuple[Path, float]:
    """A project with the defaults, and the seconds from the template to its first judged model."""
    start = time.perf_counter()
    clone, projects = home / "template", home / "projects"
    projects.mkdir()
    # A clone, as users have it: the caches of a working folder are no part of the template.
    subprocess.run(["git", "clone", "--quiet", str(TEMPLATE), str(clone)], check=True)
    make = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config", "-o", str(projects), str(clone)]
    subprocess.run(make, check=True)
    (project,) = projects.iterdir()
    run([sys.executable, "-m", "nox", "-s", "pipeline"], project)
    return project, time.perf_counter() - start


def edit(path: Path, pattern: str, change: Callable[[re.Match[str]], str]) -> None:
    """Change what a pattern finds in a file."""
    path.write_text(re.sub(pattern, change, path.read_text(encoding="utf-8")), encoding="utf-8")


def main(runs: int) -> None:
    """Generate, compare in turns, print."""
    with tempfile.TemporaryDirectory() as home:
        project, seconds = generate(Path(home))
        print(f"from the template to a judged model, packages in the cache: {seconds:.1f} s")
        scripts = project / ".venv" / ("Scripts" if os.name == "nt" else "bin")
        command, python = str(scripts / project.name), str(scripts / "python")
        bare = [python, str(BARE), project.name.replace("-", "_")]
        pairs = [(run([command, "pipeline"], project), run(bare, project)) for _ in range(runs)]
        for what in ("wall", "cpu"):
            ratios = [getattr(ours, what) / getattr(theirs, what) for ours, theirs in pairs]
            ends = [statistics.median(getattr(pair[side], what) for pair in pairs) for side in (0, 1)]
            ratio = f"{statistics.median(ratios):.2f} ({ends[0]:.1f} s over {ends[1]:.1f} s)"
            print(f"pipeline over bare script, {what}: {ratio}")
        for step in ("data", "train", "evaluate"):
            cost = run([command, step], project)
            print(f"{step}: {cost.wall:.1f} s, {cost.cpu:.1f} s CPU, peak {cost.memory:.0f} MB")
        print(f"bare script: peak {statistics.median(theirs.memory for _, theirs in pairs):.0f} MB")
        session = run([sys.executable, "-m", "nox", "-s", "evaluate"], project)
        direct = run([command, "evaluate"], project)
        print(f"nox -s evaluate over the bare command: {session.wall - direct.wall:+.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
