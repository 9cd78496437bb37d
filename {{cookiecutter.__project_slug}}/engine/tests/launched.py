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

from mlteam.commands import launch, train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.data import snapshot
from mlteam.launch import publish
from mlteam.registry import launch_log, versions
from mlteam.registry.launch_log import LaunchRecord
from mlteam.serving import bundle
from mlteam.serving.bundle import Bundle

GOOD = {"carrier": "XX", "hour": 12, "wind": 3.5}


SERVE = """
import sys
from mlteam.commands.serve import serve_pipeline

serve_pipeline("flights", "127.0.0.1", int(sys.argv[1]), int(sys.argv[2]))
"""


def put(spec: Spec, *, rounds: int = 30, kind: str = "launch", share: float = 0) -> Bundle:
    """Train a version of trees and launch it."""
    changed = spec.model_copy(update={"model": spec.model.model_copy(update={"params": {"rounds": rounds}})})
    return put_as_it_is(changed, kind=kind, share=share)


def put_as_it_is(spec: Spec, *, kind: str = "launch", share: float = 0) -> Bundle:
    """Train a version of the model that the spec names and launch it."""
    number = train.train_version(spec, snapshot.take(spec)).number
    folder = publish.publish_bundle(spec, versions.open_version(spec, str(number)))
    at = launch_log.get_next_timestamp(launch_log.get_launch_state(spec))
    said = {"at": at, "kind": kind, "version": number, "folder": folder.name, "canary_share": share}
    launch_log.append_launch_record(spec, LaunchRecord.model_validate({**said, "by": "ada", "reason": "test"}))
    launch.sync_with_launch_log(spec)
    return bundle.load(folder)


@contextmanager
def launched(folder: Path) -> Iterator[Bundle]:
    """A project in the folder with its first champion; the folder is the working directory meanwhile."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        lay_out(folder)
        yield put(pipelines.load_spec(None))
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
