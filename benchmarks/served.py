"""Shared by the serving benchmarks: a launched project, servers that are started and stopped, and load."""

import contextlib
import http.client
import itertools
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import projects
import psutil
from projects import run

# wrk sends the bodies in turn and prints the result as JSON.
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
    """The result of a load: answers per second, 99th percentile in ms, answers other than 2xx, requests without one."""

    rate: float
    p99: float
    refused: int
    broken: int


def train(project: Path) -> None:
    """Register one more version."""
    run([projects.locate_tool(project), "train"], project)


def launch(project: Path, version: str) -> None:
    """Promote a version to champion."""
    command = ["launch", "--version", version, "--by", "ada", "--reason", "to measure it"]
    run([projects.locate_tool(project), *command], project)


def ensure_champion(project: Path) -> None:
    """Promote a version, trained from a clean commit as a launch requires, unless there is a champion."""
    if any((project / "data" / "serving").glob("*/live.json")):
        return
    if subprocess.run(["git", "status", "--porcelain"], cwd=project, stdout=subprocess.PIPE, check=True).stdout:
        projects.commit(project)
    train(project)
    launch(project, "candidate")


def champion(project: Path) -> Path:
    """Return the folder of the bundle that is served."""
    (pointer,) = (project / "data" / "serving").glob("*/live.json")
    return pointer.parent / json.loads(pointer.read_bytes())["champion"]


def examples(bundle: Path) -> list[dict[str, Any]]:
    """Return the features of the golden examples without missing values: MLflow cannot read a null as a number."""
    rows = [row["features"] for row in json.loads((bundle / "golden.json").read_bytes())]
    return [row for row in rows if None not in row.values()]


def free() -> int:
    """Find a free port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def started(command: list[str], folder: Path, ready: str, **env: str) -> Iterator[psutil.Process]:
    """Start a server, wait until it answers `ready`, stop it afterwards; exit with its output if it never answers."""
    with tempfile.TemporaryFile() as output:
        process = psutil.Popen(command, cwd=folder, stdout=output, stderr=output, env=os.environ | env)
        try:
            until = time.monotonic() + START_SECONDS
            while not answers(ready):
                if time.monotonic() > until or process.poll() is not None:
                    output.seek(0)
                    raise SystemExit(f"{command[0]} does not answer:\n{output.read().decode()}")
                time.sleep(0.2)
            yield process
        finally:
            every = family(process)
            for one in reversed(every):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(every)


def family(process: psutil.Process) -> list[psutil.Process]:
    """List a process and its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return [process]


def answers(url: str) -> bool:
    """Whether a GET returns a status below 400."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def ask(url: str, body: bytes) -> tuple[int, Any]:
    """Send a body; return the status and the content of the answer, whatever they are."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def memory(process: psutil.Process) -> float:
    """Measure the memory of a process and its children in MB; shared pages count in parts where the system tells."""
    total = 0
    for one in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            held = one.memory_full_info()
            total += getattr(held, "pss", held.rss)
    return total / 2**20


def load(url: str, bodies: list[str], seconds: int, method: str = "POST", *, smoke: bool = False) -> Load:
    """Send requests over eight connections; a smoke run without wrk uses threads of Python instead."""
    if shutil.which("wrk") is None:
        if smoke:
            return load_from_python(url, bodies, seconds, method)
        raise SystemExit("wrk is missing: `apt install wrk`, or `brew install wrk`")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "ask.lua")
        script.write_text(SCRIPT % (", ".join(f"[==[{body}]==]" for body in bodies), method), encoding="utf-8")
        command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
        done = subprocess.run(
            [*command, "--timeout", "20s", "--script", str(script), url],
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=True,
        )
    return Load(**json.loads(done.stdout.splitlines()[-1]))


@dataclass
class Tally:
    """The requests of all threads so far: seconds of each answer, answers other than 2xx, requests without one."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    broken: int = 0


def load_from_python(url: str, bodies: list[str], seconds: int, method: str) -> Load:
    """Send the same requests as wrk, far fewer of them."""
    tally, end = Tally(), time.monotonic() + seconds
    senders = [threading.Thread(target=send_until, args=(end, url, bodies, method, tally)) for _ in range(CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if not tally.seconds:
        raise SystemExit(f"{url}: no answer in {seconds} s")
    p99 = statistics.quantiles(tally.seconds * 2, n=100)[-1] * 1e3
    return Load(len(tally.seconds) / seconds, p99, tally.refused, tally.broken)


def send_until(end: float, url: str, bodies: list[str], method: str, tally: Tally) -> None:
    """Send the bodies in turn over one connection until a point of the monotonic clock."""
    parts, turns = urllib.parse.urlsplit(url), itertools.cycle(bodies)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    while time.monotonic() < end:
        begun = time.monotonic()
        try:
            connection.request(method, parts.path, next(turns), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            tally.broken += 1
            connection.close()
            continue
        tally.refused += not 200 <= answer.status < 300  # noqa: PLR2004
        tally.seconds.append(time.monotonic() - begun)
    connection.close()
