"""The service under load for minutes, with launches, requests that deserve refusal, and a prediction log that is full.

    python benchmarks/soak.py [MINUTES] [PROJECT]

needs the packages of the group `benchmark` and wrk. Generates a project with two versions and a log of one megabyte,
or takes a PROJECT that is so. Exits with 1 unless every request got the answer that it deserved, versions changed under
the load, the log kept to its bound, and the memory did not grow.
"""

import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import served
from pipeline import edit, generate

LOG_MEGABYTES = 1
# What is held once all is warm, and what may be added until the end.
WARM_SHARE = 0.3
GROWTH_MB = 10
PAUSE_SECONDS = 0.05


@dataclass
class Seen:
    """What was seen beside the load.

    Attributes:
        memory: What the service held, in MB, each second.
        wrong: Answers to bad requests that were not the ones they deserve, by request and status.
        bad: How many bad requests were sent.
        versions: Who answered.
        launches: How many launches and rollbacks there were.
    """

    memory: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    versions: set[int] = field(default_factory=set)
    launches: int = 0


def requests(good: dict[str, object]) -> list[tuple[str, bytes, int]]:
    """Bad requests by name, and the status that each deserves."""
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


def misbehave(url: str, good: dict[str, object], seen: Seen, end: threading.Event) -> None:
    """Send bad requests in turn."""
    while not end.is_set():
        for name, body, deserved in requests(good):
            status = answered(url, body)
            seen.bad += 1
            if status != deserved:
                seen.wrong[f"{name}: {status}, deserved {deserved}"] += 1
        _, said = served.ask(url, json.dumps(good).encode())
        seen.versions.add(said["version"])
        time.sleep(PAUSE_SECONDS)


def answered(url: str, body: bytes) -> int | str:
    """The status of an answer, or why there was none."""
    try:
        return served.ask(url, body)[0]
    except OSError as error:
        return str(error)


def relaunch(project: Path, seen: Seen, end: threading.Event) -> None:
    """Let the other version answer, again and again."""
    tool = str(served.scripts(project) / project.name)
    who = ["--by", "ada", "--reason", "to soak it"]
    while not end.is_set():
        served.launch(project, "candidate")
        served.run([tool, "rollback", *who], project)
        seen.launches += 2


def watch(process: psutil.Process, seen: Seen, end: threading.Event) -> None:
    """Note each second what the service holds."""
    while not end.wait(1):
        seen.memory.append(served.memory(process))


def main(minutes: float, project: Path) -> int:
    """Soak, print what was found, and say whether all was well."""
    seen, end, port = Seen(), threading.Event(), served.free()
    url = f"http://127.0.0.1:{port}"
    command = [str(served.scripts(project) / project.name), "serve", "--port", str(port)]
    rows = served.examples(served.champion(project))
    with served.started(command, project, f"{url}/health/ready") as process:
        with ThreadPoolExecutor() as pool:
            beside = [
                pool.submit(misbehave, f"{url}/predict", rows[0], seen, end),
                pool.submit(relaunch, project, seen, end),
                pool.submit(watch, process, seen, end),
            ]
            found = served.load(f"{url}/predict", list(map(json.dumps, rows)), round(minutes * 60))
            end.set()
        for one in beside:
            one.result()  # raises what ended it before its time
    logged = sum(path.stat().st_size for path in (project / "data" / "predictions").rglob("*") if path.is_file()) / 1e6
    warm = round(len(seen.memory) * WARM_SHARE)
    tenth = max(1, len(seen.memory) // 10)
    early, late = statistics.median(seen.memory[warm : warm + tenth]), statistics.median(seen.memory[-tenth:])
    print(f"{found.rate:,.0f} answers/s, p99 {found.p99:.1f} ms, for {minutes:g} minutes")
    print(f"failed under load: {found.refused} refused, {found.broken} broken")
    print(f"{seen.bad:,} bad requests, answered otherwise than deserved: {dict(seen.wrong) or 'none'}")
    print(f"{seen.launches} launches and rollbacks; versions that answered: {sorted(seen.versions)}")
    print(f"memory: {early:.0f} MB once warm, {late:.0f} MB at the end; prediction log: {logged:.1f} MB")
    well = not (found.refused or found.broken or seen.wrong) and len(seen.versions) > 1
    return 0 if well and late - early < GROWTH_MB and 0 < logged <= LOG_MEGABYTES else 1


def prepare(home: Path) -> Path:
    """A project with two versions, one of which is the champion, and a log that is soon full."""
    project, _ = generate(home)
    edit(project / "pipelines" / "flight_delays.toml", r"\Z", f"\n[serving]\nlog_megabytes = {LOG_MEGABYTES}\n")
    served.commit(project)
    served.train(project)
    served.launch(project, "candidate")
    served.train(project)
    return project


if __name__ == "__main__":
    long = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    if len(sys.argv) > 2:  # noqa: PLR2004
        raise SystemExit(main(long, Path(sys.argv[2]).resolve()))
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(main(long, prepare(Path(folder))))
