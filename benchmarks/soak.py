"""The service under load for minutes, with launches, bad requests, and a prediction log that is full.

    python benchmarks/soak.py [--minutes 5] [--project PATH] [--smoke]

needs the packages of the group `benchmark` and wrk. Adds to the project a second version, and a limit of one megabyte
for the log. Exits with 1 unless every request gets the expected answer, versions change under the load, the log keeps
to its limit, and the memory does not grow. `--smoke` uses threads of Python where wrk is missing.
"""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import projects
import psutil
import served

LOG_MEGABYTES = 1
# The share of the run after which memory may grow no further than this. Until the second version has answered, the
# service has not yet held two versions at once.
WARM_SHARE = 0.3
GROWTH_MB = 10
PAUSE_SECONDS = 0.05
# The lowest of so many values is what the service holds: while it opens a version, it takes more for a second.
FEWEST_SAMPLES = 10
SMOKE_MINUTES, PATIENCE_SECONDS = 0.3, 60


@dataclass
class Observed:
    """What is observed beside the load.

    Attributes:
        memory: Memory of the service in MB, each second.
        wrong: Count of unexpected answers to bad requests, by request and status.
        bad: Count of bad requests.
        versions: Versions that answered.
        warm: Count of the values of `memory` when a second version answered for the first time, or None before.
        launches: Count of launches and rollbacks.
    """

    memory: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    versions: set[int] = field(default_factory=set)
    warm: int | None = None
    launches: int = 0


def build_bad_requests(good: dict[str, object]) -> list[tuple[str, bytes, int]]:
    """Build bad requests: name, body, expected status."""
    name, value = next((name, value) for name, value in good.items() if isinstance(value, int | float))
    return [
        ("no JSON", b"{", 400),
        ("not UTF-8", json.dumps(good).encode("utf-16"), 400),
        ("NaN", json.dumps(good | {name: float("nan")}).encode(), 400),
        ("a key twice", json.dumps(good).encode()[:-1] + f', "{name}": {value}}}'.encode(), 400),
        ("deep", b"[" * 100_000, 400),
        ("an empty list", b"[]", 422),
        ("a text for a number", json.dumps(good | {name: "x" * 1_000}).encode(), 422),
        ("out of range", json.dumps(good | {name: 1e300}).encode(), 422),
        ("an unknown field", json.dumps(good | {"\u001b[31m\n": 1}).encode(), 422),
        ("a field is missing", json.dumps({key: value for key, value in good.items() if key != name}).encode(), 422),
        ("too large", b" " * 2_000_000, 413),
        ("too many rows", json.dumps([good] * 1_001).encode(), 413),
    ]


def send_bad_requests(url: str, good: dict[str, object], observed: Observed, end: threading.Event) -> None:
    """Send bad requests in turn."""
    while not end.is_set():
        for name, body, expected in build_bad_requests(good):
            status = get_status(url, body)
            observed.bad += 1
            if status != expected:
                observed.wrong[f"{name}: {status}, expected {expected}"] += 1
        _, answer = served.ask(url, json.dumps(good).encode())
        observed.versions.add(answer["version"])
        if observed.warm is None and len(observed.versions) > 1:
            observed.warm = len(observed.memory)
        time.sleep(PAUSE_SECONDS)


def get_status(url: str, body: bytes) -> int | str:
    """Return the status of the answer, or the reason why there is none."""
    try:
        return served.ask(url, body)[0]
    except OSError as error:
        return str(error)


def relaunch(project: Path, observed: Observed, end: threading.Event) -> None:
    """Promote the other version and roll back, again and again."""
    tool = projects.locate_tool(project)
    who = ["--by", "ada", "--reason", "to soak it"]
    while not end.is_set():
        served.launch(project, "candidate")
        projects.run([tool, "rollback", *who], project)
        observed.launches += 2


def watch(process: psutil.Process, observed: Observed, end: threading.Event) -> None:
    """Record the memory of the service each second."""
    while not end.wait(1):
        observed.memory.append(served.memory(process))


def has_enough_samples(observed: Observed) -> bool:
    """Whether memory was recorded for a while after the second version answered."""
    return observed.warm is not None and len(observed.memory) >= observed.warm + 2 * FEWEST_SAMPLES


def main(minutes: float, project: Path, *, smoke: bool) -> int:
    """Soak, print the findings, and return the exit code."""
    observed, end, port = Observed(), threading.Event(), served.free()
    url = f"http://127.0.0.1:{port}"
    command = [projects.locate_tool(project), "serve", "--port", str(port)]
    rows = served.examples(served.champion(project))
    with served.started(command, project, f"{url}/health/ready") as process:
        with ThreadPoolExecutor() as pool:
            beside = [
                pool.submit(send_bad_requests, f"{url}/predict", rows[0], observed, end),
                pool.submit(relaunch, project, observed, end),
                pool.submit(watch, process, observed, end),
            ]
            found = served.load(f"{url}/predict", list(map(json.dumps, rows)), round(minutes * 60), smoke=smoke)
            # A launch on a busy machine may take longer than a short load.
            until = time.monotonic() + PATIENCE_SECONDS
            while smoke and not has_enough_samples(observed) and time.monotonic() < until:
                time.sleep(1)
            end.set()
        for one in beside:
            one.result()  # raises the error of a thread that failed
    logged = sum(path.stat().st_size for path in (project / "data" / "predictions").rglob("*") if path.is_file()) / 1e6
    warm = max(round(len(observed.memory) * WARM_SHARE), observed.warm or 0)
    tenth = max(FEWEST_SAMPLES, len(observed.memory) // 10)
    early, late = min(observed.memory[warm : warm + tenth]), min(observed.memory[-tenth:])
    print(f"{found.rate:,.0f} answers/s, p99 {found.p99:.1f} ms, for {minutes:g} minutes")
    print(f"failed under load: {found.refused} refused, {found.broken} broken")
    print(f"{observed.bad:,} bad requests, unexpected answers: {dict(observed.wrong) or 'none'}")
    print(f"{observed.launches} launches and rollbacks; versions that answered: {sorted(observed.versions)}")
    print(f"memory: {early:.0f} MB once warm, {late:.0f} MB at the end; prediction log: {logged:.1f} MB")
    passed = not (found.refused or found.broken or observed.wrong) and len(observed.versions) > 1
    return 0 if passed and late - early < GROWTH_MB and 0 < logged <= LOG_MEGABYTES else 1


def prepare(project: Path) -> None:
    """Limit the log, promote a version from that commit, and register one more."""
    settings = project / projects.PIPELINE
    if "log_megabytes" not in settings.read_text(encoding="utf-8"):
        projects.edit(settings, r"\Z", lambda _: f"\n[serving]\nlog_megabytes = {LOG_MEGABYTES}\n")
        projects.commit(project)
        served.train(project)
        served.launch(project, "candidate")
    served.ensure_champion(project)
    served.train(project)


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="length of the load")
    given = parser.parse_args()
    with projects.open_project(given.project, smoke=given.smoke) as opened:
        prepare(opened)
        raise SystemExit(main(SMOKE_MINUTES if given.smoke else given.minutes, opened, smoke=given.smoke))
