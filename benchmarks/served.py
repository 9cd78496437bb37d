"""What the serving benchmarks share: a launched project, servers that are started and ended, and load from wrk."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from pipeline import run

# wrk asks each of the bodies in turn and says at its end, in JSON, what came of it.
SCRIPT = """
local bodies = { %s }
local turn = 0
wrk.headers["Content-Type"] = "application/json"
request = function()
  turn = turn %% #bodies + 1
  return wrk.format("%s", nil, nil, bodies[turn])
end
done = function(summary, latency)
  local failed = summary.errors
  io.write(string.format('{"rate": %%f, "p99": %%f, "refused": %%d, "broken": %%d}\\n',
    summary.requests / summary.duration * 1e6, latency:percentile(99) / 1e3,
    failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
"""
CONNECTIONS = 8
START_SECONDS = 120


@dataclass(frozen=True)
class Load:
    """What came of a load: answers a second, the 99th percentile in ms, answers that were no 2xx, none at all."""

    rate: float
    p99: float
    refused: int
    broken: int


def train(project: Path) -> None:
    """Register one more version."""
    run([str(scripts(project) / project.name), "train"], project)


def launch(project: Path, version: str) -> None:
    """Make a version the champion."""
    tool = str(scripts(project) / project.name)
    run([tool, "launch", "--version", version, "--by", "ada", "--reason", "to measure it"], project)


def commit(project: Path) -> None:
    """Commit all that a pipeline wrote, as a launch demands it."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--no-verify", "--message", "Measured"], cwd=project, check=True)


def scripts(project: Path) -> Path:
    """Where the commands of the project's environment stand."""
    return project / ".venv" / ("Scripts" if os.name == "nt" else "bin")


def champion(project: Path) -> Path:
    """The folder of the bundle that answers."""
    (pointer,) = (project / "data" / "serving").glob("*/live.json")
    return pointer.parent / json.loads(pointer.read_bytes())["champion"]


def examples(bundle: Path) -> list[dict[str, Any]]:
    """The features of the bundle's golden examples that lack none: MLflow cannot read a null in JSON as a number."""
    rows = [row["features"] for row in json.loads((bundle / "golden.json").read_bytes())]
    return [row for row in rows if None not in row.values()]


def free() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def started(command: list[str], folder: Path, ready: str, **env: str) -> Iterator[psutil.Process]:
    """A server that answers `ready`, ended with all its processes; what it says is shown if it never answers."""
    with tempfile.TemporaryFile() as said:
        process = psutil.Popen(command, cwd=folder, stdout=said, stderr=said, env=os.environ | env)
        try:
            until = time.monotonic() + START_SECONDS
            while not answers(ready):
                if time.monotonic() > until or process.poll() is not None:
                    said.seek(0)
                    raise SystemExit(f"{command[0]} does not answer:\n{said.read().decode()}")
                time.sleep(0.2)
            yield process
        finally:
            every = family(process)
            for one in reversed(every):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(every)


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process with all that it started and that still run."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return [process]


def answers(url: str) -> bool:
    """Whether something answers there with a status below 400."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def ask(url: str, body: bytes) -> tuple[int, Any]:
    """The status and the content of an answer, whatever it is."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def memory(process: psutil.Process) -> float:
    """What a process and its children hold, in MB; what they share is divided among them where the system says so."""
    total = 0
    for one in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            held = one.memory_full_info()
            total += getattr(held, "pss", held.rss)
    return total / 2**20


def load(url: str, bodies: list[str], seconds: int, method: str = "POST") -> Load:
    """Ask from eight connections for so long."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "ask.lua")
        script.write_text(SCRIPT % (", ".join(f"[==[{body}]==]" for body in bodies), method), encoding="utf-8")
        command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
        try:
            done = subprocess.run(
                [*command, "--timeout", "20s", "--script", str(script), url],
                stdout=subprocess.PIPE,
                encoding="utf-8",
                check=True,
            )
        except FileNotFoundError:
            print("wrk is missing: `apt install wrk`, or `brew install wrk`", file=sys.stderr)
            raise SystemExit(2) from None
    return Load(**json.loads(done.stdout.splitlines()[-1]))
