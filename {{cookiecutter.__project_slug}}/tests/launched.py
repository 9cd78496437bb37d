"""A launched version without gates, which have tests of their own, and a server that answers with it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from conftest import lay_out

from {{ cookiecutter.__package }} import bundle, launch, launches, registry, snapshot, steps
from {{ cookiecutter.__package }} import spec as specs
from {{ cookiecutter.__package }}.bundle import Bundle
from {{ cookiecutter.__package }}.launches import Record
from {{ cookiecutter.__package }}.spec import Spec

GOOD = {"carrier": "XX", "hour": 12, "wind": 3.5}
SERVE = """
import sys
from {{ cookiecutter.__package }}.serving.run import serve

serve("flights", "127.0.0.1", int(sys.argv[1]), int(sys.argv[2]))
"""


def put(spec: Spec, *, rounds: int = 30, kind: str = "launch", share: float = 0) -> Bundle:
    """Train a version and let it answer."""
    changed = spec.model_copy(update={"model": spec.model.model_copy(update={"params": {"rounds": rounds}})})
    number = steps.train(changed, snapshot.take(spec)).number
    folder = bundle.publish(spec, registry.open_version(spec, str(number)))
    at = launches.now(launches.state(spec))
    said = {"at": at, "kind": kind, "version": number, "folder": folder.name, "canary_share": share}
    launches.write(spec, Record.model_validate({**said, "by": "ada", "reason": "test"}))
    launch.follow(spec)
    return bundle.load(folder)


@contextmanager
def launched(folder: Path) -> Iterator[Bundle]:
    """A project in the folder with its first champion; the folder is the working directory meanwhile."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        lay_out(folder)
        yield put(specs.choose(None))
    finally:
        os.chdir(before)


@contextmanager
def served(workers: int = 1, **variables: str) -> Iterator[httpx.Client]:
    """A server of its own process, and a client of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = Path("server.log").open("w")  # noqa: SIM115
    command = [sys.executable, "-c", SERVE, str(port), str(workers)]
    process = subprocess.Popen(command, env=os.environ | variables, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            until(lambda: client.get("/health/live").status_code == 200)
            client.headers["x-pid"] = str(process.pid)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        log.close()


def until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come true in time: " + Path("server.log").read_text())


def predict(client: httpx.Client, content: Any) -> httpx.Response:
    return client.post("/predict", json=content)
