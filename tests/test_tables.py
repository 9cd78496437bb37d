"""Tables that nobody prepared, from packages that ship them: each becomes a evaluated model, no file edited by hand."""

import importlib.util
import json
import math
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import baking
import pytest

pytestmark = pytest.mark.slow

# Package, file, label, what else is said, and the task and split that come of it.
TABLES: dict[str, tuple[str, str, str, list[str], str, str]] = {
    "penguins": ("palmerpenguins", "data/penguins.csv", "species", [], "multiclass", "row_digest"),
    "seattle": ("vega_datasets", "_data/seattle-weather.csv", "temp_max", ["--time", "date"], "regression", "time"),
    "fair": ("statsmodels", "datasets/fair/fair.csv", "rate_marriage", [], "multiclass", "row_digest"),
    "visits": ("statsmodels", "datasets/randhie/randhie.csv", "mdvis", [], "regression", "row_digest"),
    "travel": (
        "statsmodels", "datasets/modechoice/modechoice.csv", "choice", ["--group", "individual"], "binary", "individual"
    ),
    "grunfeld": ("statsmodels", "datasets/grunfeld/grunfeld.csv", "invest", ["--group", "firm"], "regression", "firm"),
}  # fmt: skip

# Small tables fail gates by right, so that what a launch leaves behind is made by the functions that it calls.
LAUNCH = """
import sys
from mlteam.commands import launch
from mlteam.config import pipelines
from mlteam.launch import publish
from mlteam.registry import launch_log, versions
for name in sys.argv[1:]:
    spec = pipelines.load_spec(name)
    folder = publish.publish_bundle(spec, versions.open_version(spec))
    values = {"kind": "launch", "version": 1, "folder": folder.name, "by": "ada", "reason": "to try it"}
    at = launch_log.get_next_timestamp(launch_log.get_launch_state(spec))
    launch_log.append_launch_record(spec, launch_log.LaunchRecord(at=at, **values))
    launch.sync_with_launch_log(spec)
"""
# One table of each task, about which everything is asked, in one process.
ASKED = ("penguins", "seattle", "travel")
QUESTIONS = [
    "profile",
    "predict --dataset test --plot",
    "explain",
    "mistakes",
    "train --set model.params.rounds=5",
    "compare 1 2",
    "history",
    "history --rescore test",
]
ASK = """
import sys
from mlteam.cli.main import app
pipeline, *questions = sys.argv[1:]
for question in questions:
    app([*question.split(), "--pipeline", pipeline], standalone_mode=False)
"""


def located(package: str, path: str) -> Path:
    """A file of an installed package, which is not imported."""
    found = importlib.util.find_spec(package)
    assert found
    assert found.origin
    return Path(found.origin).parent / path


@pytest.fixture(scope="module")
def project(demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return baking.copy(demonstrated[0], tmp_path_factory.mktemp("tables") / "copy", ".git")


def run(project: Path, demonstrated: tuple[Path, str], *command: str | Path) -> str:
    """Run a tool of the demonstrated project's environment on the copy's own code."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(str(project / folder) for folder in ("src", "engine/src"))}
    tool, *rest = command
    done = baking.run(demonstrated[0] / ".venv" / "bin" / tool, *rest, cwd=project, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def served(project: Path, demonstrated: tuple[Path, str], name: str) -> Iterator[str]:
    """The URL of a service that answers for a pipeline."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    tool = str(demonstrated[0] / ".venv" / "bin" / "mlteam")
    command = [tool, "serve", "--pipeline", name, "--port", port]
    server = subprocess.Popen(
        command,
        cwd=project,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(project / folder) for folder in ("src", "engine/src"))},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while not answers(f"{url}/health/ready"):
            assert time.monotonic() < end
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def answers(url: str) -> bool:
    """Whether something answers there, and well."""
    try:
        asked(url)
    except urllib.error.URLError:
        return False
    return True


def asked(url: str, body: bytes | None = None) -> Any:
    """What is answered, read from JSON."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.loads(answer.read())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_becomes_a_judged_model(project: Path, demonstrated: tuple[Path, str], name: str) -> None:
    package, path, label, options, task, split = TABLES[name]
    table = located(package, path)
    made = run(project, demonstrated, "mlteam", "new_pipeline", name, "--table", table, "--label", label, *options)
    assert f"task {task}" in made
    for step in ("train", "evaluate"):
        run(project, demonstrated, "mlteam", step, "--pipeline", name)
    (report,) = (project / "data" / "reports").glob(f"{name}-v1.html")
    datasets = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))["datasets"]
    values = [metric["model"]["value"] for dataset in datasets for metric in dataset["metrics"]]
    assert values
    assert all(math.isfinite(value) for value in values)
    written = (project / "pipelines" / f"{name}.toml").read_text(encoding="utf-8")
    assert ('by = "time"' if split == "time" else f'column = "{split}"') in written


def test_every_judged_model_is_launched(project: Path, demonstrated: tuple[Path, str]) -> None:
    run(project, demonstrated, "python", "-c", LAUNCH, *TABLES)
    assert all((project / "data" / "serving" / name / "live.json").is_file() for name in TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_service_answers_as_the_command_does(project: Path, demonstrated: tuple[Path, str], name: str) -> None:
    package, path, _, _, task, _ = TABLES[name]
    example = Path("examples", f"{name}.json")
    printed = run(project, demonstrated, "mlteam", "predict", "--pipeline", name, "--example", example)
    offline = [float(number) for number in re.findall(r"^pr.* (-?[\d,.]+)$", printed.replace(",", ""), re.MULTILINE)]
    with served(project, demonstrated, name) as url:
        said = asked(f"{url}/predict", (project / example).read_bytes())["prediction"]
        described = asked(f"{url}/openapi.json")["components"]["schemas"]["Example"]["properties"]
        if name in ASKED:
            run(project, demonstrated, "mlteam", "verify", "--pipeline", name, "--url", url)
    online = list(said.values()) if task == "multiclass" else [said]
    assert online == pytest.approx(offline, abs=1e-4)
    if task != "regression":
        assert all(0 <= number <= 1 for number in online)
    if task == "multiclass":
        assert sum(online) == pytest.approx(1, abs=1e-4)
    with located(package, path).open(encoding="utf-8-sig") as rows:
        upstream = [column.strip('" ') for column in re.split("[,;]", next(rows).strip())]
    for field in json.loads((project / example).read_text(encoding="utf-8")):
        assert field in upstream or any(f"column {raw!r}" in described[field]["description"] for raw in upstream)


@pytest.mark.parametrize("name", ASKED)
def test_every_question_about_a_brought_table_has_an_answer(
    project: Path, demonstrated: tuple[Path, str], name: str
) -> None:
    run(project, demonstrated, "python", "-c", ASK, name, *QUESTIONS)
    pages = " ".join(path.name for path in (project / "data" / "reports").glob(f"{name}-*.html"))
    assert all(word in pages for word in ("profile", "explain", "mistakes", "history", "rescored"))
    command = demonstrated[0] / ".venv" / "bin" / "mlteam"
    done = baking.run(command, "monitor", "--pipeline", name, cwd=project)
    # The tables are old, and so is what a model of them knows; nothing else is wrong.
    wrong = {line.split()[0] for line in done.stdout.splitlines() if " WRONG " in line}
    assert wrong == ({"age"} if TABLES[name][5] == "time" else set()), done.stdout
    assert done.returncode == len(wrong), done.stdout + done.stderr


def test_a_relation_of_the_warehouse_becomes_a_judged_model(project: Path, demonstrated: tuple[Path, str]) -> None:
    relation = ["--table", "features.seattle_features", "--label", "weather", "--time", "date"]
    run(project, demonstrated, "mlteam", "new_pipeline", "rain", *relation)
    run(project, demonstrated, "mlteam", "pipeline", "--pipeline", "rain")
    assert (project / "data" / "reports" / "rain-v1.html").is_file()


def test_without_a_name_all_pipelines_are_listed(project: Path, demonstrated: tuple[Path, str]) -> None:
    command = demonstrated[0] / ".venv" / "bin" / "mlteam"
    done = baking.run(command, "rollback", "--by", "ada", "--reason", "to see", cwd=project)
    assert done.returncode == 1
    assert all(name in done.stderr for name in (*TABLES, "flight_delays"))
    # The first pipeline became the default of other commands when the second was brought.
    assert 'pipeline = "flight_delays"' in (project / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        ("sqlfluff", "lint", "--disable-progress-bar", "sql"),
        ("ruff", "check", "."),
        ("python", "-m", "mlteam.process"),
        ("pytest", "-q", "tests/test_pipelines.py"),
    ],
    ids=" ".join,
)
def test_the_project_stays_green(project: Path, demonstrated: tuple[Path, str], command: tuple[str, ...]) -> None:
    # The flights, the tables, and the relation of the warehouse.
    assert len(list((project / "pipelines").glob("*.toml"))) == len(TABLES) + 2
    run(project, demonstrated, *command)


def test_rows_of_a_group_stand_in_one_split(project: Path, demonstrated: tuple[Path, str]) -> None:
    code = """
from mlteam.config import pipelines
from mlteam.data import datasets, snapshot
spec, newest = pipelines.load_spec("travel"), snapshot.load_newest("travel")
rows = [datasets.read_snapshot_rows(newest, spec, name) for name in ("train", "validation", "test")]
splits = [set(part["individual"].to_pylist()) for part in rows]
assert all(splits) and sum(map(len, splits)) == len(set.union(*splits)) == 210, splits
"""
    run(project, demonstrated, "python", "-c", code)


def test_an_empty_project_begins_with_a_table(empty: Path, demonstrated: tuple[Path, str], tmp_path: Path) -> None:
    package, path, label, *_ = TABLES["penguins"]
    copy = tmp_path / "copy"
    baking.copy(empty, copy, ".git")
    table = located(package, path)
    run(copy, demonstrated, "mlteam", "new_pipeline", "penguins", "--table", table, "--label", label)
    run(copy, demonstrated, "mlteam", "pipeline")
    assert (copy / "data" / "reports" / "penguins-v1.html").is_file()
    run(copy, demonstrated, "python", "-m", "mlteam.process")
