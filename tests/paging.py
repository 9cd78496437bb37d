"""A project with its service, watched by a real Prometheus and Alertmanager that write to a test.

What takes minutes or days in the project's own files is shortened here by replacing text; nothing else is changed.
"""

import http.client
import json
import os
import random
import re
import shlex
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_tools import Tools
from shell import CALL, Shell

# A disk that alters the bundle of another version between the moment it is written and the moment it answers.
BAD_DISK = f"""
from mlteam.serving import bundle
write = bundle.write_live_pointer
def spoil(pipeline, live):
    if live.champion != bundle.read_live_pointer(pipeline).champion:
        (bundle.get_bundles_folder(pipeline) / live.champion / bundle.GOLDEN_FILE).write_bytes(b"[]")
    write(pipeline, live)
bundle.write_live_pointer = spoil
{CALL}
"""
# Only a failure waits so long; a busy machine must not look like one.
SECONDS = 90


def address() -> str:
    """A free port of this machine, as host:port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listening.getsockname()[1]}"


def get(at: str, path: str, content: Any = None) -> str:
    """What is answered with status 200, or nothing."""
    asking = http.client.HTTPConnection(at, timeout=10)
    body = None if content is None else json.dumps(content)
    try:
        asking.request("POST" if body else "GET", path, body, {"Content-Type": "application/json"})
        answer = asking.getresponse()
        return answer.read().decode() if answer.status == 200 else ""
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        asking.close()


def wait(what: str, true: Callable[[], object]) -> None:
    until = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < until, f"waited {SECONDS} s in vain: {what}"
        time.sleep(0.1)


@dataclass
class Stage:
    """A project whose service is watched, and everything that rang.

    Attributes:
        project: Its folder.
        python: The interpreter of an environment that has all its libraries.
        service: Where the service answers, as host:port.
        rang: Each message: the receiver, and its title such as `firing: ModelDown`.
        server: The service's process.
        shell: Runs the project's commands.
    """

    project: Path
    python: Path
    service: str
    rang: list[tuple[str, str]] = field(default_factory=list)
    server: subprocess.Popen[bytes] | None = None
    shell: Shell = field(init=False)

    def __post_init__(self) -> None:
        self.shell = Shell(self.project, self.python, self.env)

    @property
    def env(self) -> dict[str, str]:
        own = {
            "PYTHONPATH": os.pathsep.join(str(self.project / folder) for folder in ("src", "engine/src")),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return os.environ | own | {"MLFLOW_DISABLE_TELEMETRY": "true"}

    def run(self, *words: str, call: str = CALL, allowed: tuple[int, ...] = (0,)) -> None:
        """Run a command of the project."""
        self.shell.run(*words, call=call, allowed=allowed)

    def close(self) -> None:
        """End its processes."""
        self.shell.close()
        if self.server:
            self.server.kill()

    def serve(self) -> None:
        """Start the service and wait until it has a model."""
        command = [str(self.python), "-c", CALL, "serve", "--port", self.service.rpartition(":")[2]]
        with (self.project / "data" / "serve.log").open("ab") as log:
            self.server = subprocess.Popen(command, cwd=self.project, env=self.env, stdout=log, stderr=log)
        wait("the service answers", lambda: self.get("/health/ready"))

    def get(self, path: str, content: Any = None) -> str:
        return get(self.service, path, content)

    @property
    def version(self) -> int:
        return int(json.loads(self.get("/version"))["version"])

    def ask(self) -> None:
        """Callers ask, all of them for parcels that go far."""
        asked = [features for _, features, _ in parcels(800, nearest=700)]
        assert self.get("/predict", asked)
        time.sleep(1)  # answers are logged a moment later

    def notifies(self, receiver: str, title: str) -> None:
        wait(
            f"{receiver}: {title}; rang: {self.rang}",
            lambda: (receiver, title) in [(r, t.strip()) for r, t in self.rang],
        )

    def follow(self, alert: str) -> None:
        """Do what the runbook says under mitigation, word for word but for the address of the service."""
        for words in mitigation(self.project, alert):
            if words == ["serve"]:
                self.serve()
            elif words[0] == "monitor":
                self.ask()
                self.run(*words, allowed=(0, 1))
            else:
                self.run(*words, *(["--url", f"http://{self.service}"] if words[0] == "verify" else []))
                wait("the service follows", lambda: self.get("/health/ready"))
                time.sleep(1.5)  # it looks at the pointer each second


def mitigation(project: Path, alert: str) -> list[list[str]]:
    """The commands under an alert's mitigation; `nox -s NAME -- WORDS` runs the project's command NAME with WORDS."""
    page = (project / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = page[page.index(f"### {alert}\n") :]
    part = section[section.index("**Mitigation:**") :]
    lines = [shlex.split(line) for line in re.split(r"```sh .*\n", part)[1].split("```")[0].splitlines()]
    assert all(words[:2] == ["nox", "-s"] for words in lines)
    return [["ada" if word == "YOU" else word for word in words[2:] if word != "--"] for words in lines]


def parcels(count: int, nearest: float) -> list[tuple[int, dict[str, Any], bool]]:
    """Rows with their key and whether the parcel came late: from far away, in the evening, or by chance."""
    drawn = random.Random(count)  # noqa: S311
    rows = []
    for key in range(count):
        km, hour = drawn.uniform(nearest, 1000), drawn.uniform(0, 24)
        features = {"km": round(km, 1), "clock": round(hour, 2), "carrier": drawn.choice(["A", "B", "C"])}
        rows.append((key, features, km / 1000 + hour / 24 + drawn.gauss(0, 0.2) > 1.1))
    return rows


def deliver(table: Path, nearest: float) -> None:
    """Upstream delivers its table, with parcels from a distance on."""
    lines = ["id,km,clock,carrier,late"]
    lines += [",".join([str(key), *map(str, row.values()), str(late)]) for key, row, late in parcels(3000, nearest)]
    # Both ends of each feature, so that what is asked for lies between them.
    lines += ["3000,0,0,A,False", "3001,1000,24,B,True"]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")


def allow_slow_answers(pipeline: Path) -> None:
    """Raise the limit of the latency gate: other tests may share the processor."""
    text = pipeline.read_text(encoding="utf-8")
    assert "latency_ms = 50\n" in text
    pipeline.write_text(text.replace("latency_ms = 50\n", "latency_ms = 2000\n"), encoding="utf-8")


def shorten(text: str) -> str:
    """Rules and routes in seconds instead of minutes and days."""
    text = re.sub(r"\bfor: \w+", "for: 1s", text)
    text = re.sub(r"\[\d+[mh]\]", "[10s]", text)
    return re.sub(r"\b(group_wait|group_interval|scrape_interval|evaluation_interval): \w+", r"\1: 1s", text)


def watch(here: Stage, tools: Tools, folder: Path, stack: ExitStack) -> None:
    """Start the receiver, Alertmanager and Prometheus with the project's files, shortened."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.rang.append((self.path.strip("/"), said["attachments"][0]["title"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    stack.callback(receiver.shutdown)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    deploy, manager, own = here.project / "deploy", address(), address()
    for name in ("page", "ticket"):
        (folder / f"{name}_url").write_text(f"http://127.0.0.1:{receiver.server_port}/{name}")
    files = {
        "alerts.yml": (here.project / "monitoring" / "alerts.yml").read_text(encoding="utf-8"),
        "alertmanager.yml": (deploy / "alertmanager.yml").read_text().replace("/run/secrets", str(folder)),
        "prometheus.yml": (deploy / "prometheus.yml").read_text().replace("../monitoring/", "")
        .replace("server:8000", here.service).replace("alertmanager:9093", manager),
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(shorten(text), encoding="utf-8")
    started = {
        "alertmanager": [f"--storage.path={folder}/am", f"--web.listen-address={manager}", "--cluster.listen-address="],
        "prometheus": [f"--storage.tsdb.path={folder}/prom", f"--web.listen-address={own}"],
    }
    for name, options in started.items():
        with (folder / f"{name}.log").open("wb") as log:
            command = [tools[name], f"--config.file={folder}/{name}.yml", *options]
            stack.callback(subprocess.Popen(command, cwd=tools.folder, stdout=log, stderr=log).kill)
    wait("Alertmanager is ready", lambda: get(manager, "/-/ready"))
    asked = urllib.parse.urlencode({"query": 'up{job="model"} == 1'})
    wait("Prometheus asks the service", lambda: '"value"' in get(own, f"/api/v1/query?{asked}"))
