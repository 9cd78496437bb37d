"""What a command says about a broken source, a wrong file or a kill: what, where, what to do; nothing half-written."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import baking
import duckdb
import pytest

pytestmark = pytest.mark.slow

FLIGHTS = "data/raw/flights.parquet"
WEATHER = "data/raw/weather.parquet"


@dataclass(frozen=True)
class Project:
    """A copy of the demonstrated project; its command is that of the original's environment."""

    root: Path
    command: Path

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return baking.run(self.command, *words, cwd=self.root)

    def path(self, name: str) -> Path:
        return self.root / name

    def results(self) -> dict[str, bytes]:
        """What commands leave behind for others: snapshots, the registry, models, reports."""
        kept = ("snapshots/", "artifacts/", "reports/", "mlflow.db")
        return {name: content for name, content in baking.tree(self.root / "data").items() if name.startswith(kept)}

    def rewrite(self, name: str, query: str) -> None:
        """Replace a Parquet file by what a query makes of it, in which it is called `old`."""
        new = self.path(name).with_suffix(".new")
        old = duckdb.read_parquet(str(self.path(name)))
        rows = old.query("old", query)
        assert rows is not None
        rows.write_parquet(str(new))
        new.replace(self.path(name))

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.path(name).read_text(encoding="utf-8")
        assert old in text
        self.path(name).write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(demonstrated: tuple[Path, str], tmp_path: Path) -> Project:
    original = demonstrated[0]
    return Project(baking.copy(original, tmp_path / "copy", ".git", "dbt"), original / ".venv" / "bin" / "mlteam")


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """The one or two lines that a failed command says."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: "), done.stderr
    assert len(lines) == 2, done.stderr
    return done.stderr


def truncate(project: Project) -> None:
    whole = project.path(WEATHER).read_bytes()
    project.path(WEATHER).write_bytes(whole[: len(whole) // 2])


def lose(project: Project) -> None:
    project.path(WEATHER).unlink()
    project.edit("sql/models/sources.yml", "    loader: flight_delays.loaders:nycflights13\n", "")


def grow_old(project: Project) -> None:
    project.rewrite(WEATHER, "select * replace (timestamp '2020-01-01' as _loaded_at) from old")
    project.edit("sql/models/sources.yml", "    loader: flight_delays.loaders:nycflights13\n", "")


FAULTS: dict[str, tuple[Callable[[Project], object], list[str]]] = {
    "a truncated source": (truncate, [WEATHER, "nycflights.weather is not a whole Parquet file", "fetch it again"]),
    "an emptied source": (lambda p: p.path(WEATHER).write_bytes(b""), [WEATHER, "nycflights.weather is not a whole"]),
    "a source without rows": (
        lambda p: p.rewrite(WEATHER, "from old where false"),
        [WEATHER, "nycflights.weather has no rows", "data_engineer"],
    ),
    "a missing source": (lose, [WEATHER, "nycflights.weather is missing", "data_engineer"]),
    "a renamed column": (
        lambda p: p.rewrite(FLIGHTS, "select * rename (arr_delay as arrival_delay) from old"),
        ["sql/models/staging/stg_flights.sql", "arr_delay"],
    ),
    "a tenth of the rows": (
        lambda p: p.rewrite(FLIGHTS, "from old limit 30000"),
        ["row_count_between", "nycflights_flights"],
    ),
    "rows that came twice": (lambda p: p.rewrite(WEATHER, "from old union all from old"), ["weather"]),
    "rows of long ago that nobody can fetch": (
        grow_old,
        ["sql/models/sources.yml", "nycflights.weather is stale", "data_engineer"],
    ),
    "a label of one class": (
        lambda p: p.rewrite(FLIGHTS, "select * replace (least(arr_delay, 0) as arr_delay) from old"),
        ["is_late"],
    ),
    "a misspelt table in the spec": (
        lambda p: p.edit("pipelines/flight_delays.toml", "[evaluation]", "[evalution]"),
        ["pipelines/flight_delays.toml:", "evalution", "did you mean", "evaluation"],
    ),
    "a misspelt key in the spec": (
        lambda p: p.edit("pipelines/flight_delays.toml", "label =", "lable ="),
        ["pipelines/flight_delays.toml:", "lable", "did you mean", "label"],
    ),
    "a misspelt feature in the spec": (
        lambda p: p.edit("pipelines/flight_delays.toml", '"humidity_pct"', '"humidty_pct"'),
        ["pipelines/flight_delays.toml", "humidty_pct", "did you mean", "humidity_pct"],
    ),
    "a spec that is not TOML": (
        lambda p: p.edit("pipelines/flight_delays.toml", 'task = "binary"', "task = binary"),
        ["pipelines/flight_delays.toml:3", "not TOML"],
    ),
    "SQL that does not parse": (
        lambda p: p.edit("sql/models/staging/stg_planes.sql", "select", "selct"),
        ["sql/models/staging/stg_planes.sql"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_place_and_its_cure(project: Project, fault: str) -> None:
    spoil, said = FAULTS[fault]
    before = project.results()
    spoil(project)
    text = complaint(project.run("pipeline"))
    assert [words for words in said if words not in text] == [], text
    assert project.results() == before


def test_rows_of_long_ago_are_fetched_again(project: Project) -> None:
    before = project.results()
    project.rewrite(WEATHER, "select * replace (timestamp '2020-01-01' as _loaded_at) from old")
    done = project.run("data", "--no-log")
    assert done.returncode == 0, done.stderr
    assert "fetch nycflights.weather" in done.stdout
    assert project.results().keys() == before.keys()


def test_after_the_cure_the_data_is_what_it_was(project: Project) -> None:
    before = project.results()
    truncate(project)
    complaint(project.run("data", "--no-log"))
    project.path(WEATHER).unlink()
    assert project.run("data").returncode == 0
    assert project.results().keys() == before.keys()


def test_a_command_outside_of_a_project_says_so(project: Project, tmp_path: Path) -> None:
    done = baking.run(project.command, "data", cwd=tmp_path)
    assert "run the command inside the repository" in complaint(done)


def kill_during(project: Project, step: str, line: str, seconds: float) -> None:
    """Kill a command without warning, some seconds after it has said a line."""
    process = subprocess.Popen(
        [project.command, *step.split()], cwd=project.root, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    while line not in (said := process.stdout.readline()):
        assert said, f"{step} ended without saying {line!r}"
    time.sleep(seconds)
    assert process.poll() is None, f"{step} had ended before it was killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def parts(project: Project) -> list[Path]:
    return list(project.path("data").rglob("*.part"))


def evaluated(root: Path) -> object:
    (numbers,) = (root / "data" / "reports").glob("*-v1.json")
    return json.loads(numbers.read_text(encoding="utf-8"))["datasets"]


def test_data_that_was_killed_half_way_is_made_whole_by_the_next_run(project: Project) -> None:
    before = project.results()
    shutil.rmtree(project.path("data"))
    for line, seconds in (("fetch nycflights.flights", 0.0), ("fetch", 2.5), ("build and test the SQL", 0.1)):
        kill_during(project, "data --no-log", line, seconds)
        assert list(project.path("data").glob("snapshots/*/*/metadata.json")) == []
        for source in project.path("data/raw").glob("*.parquet"):
            duckdb.read_parquet(str(source)).count("*").fetchall()
        shutil.rmtree(project.path("data/raw"))
    done = project.run("data")
    assert done.returncode == 0, done.stderr
    taken = {name: content for name, content in before.items() if "/rows/" in name}
    assert {name: content for name, content in project.results().items() if "/rows/" in name} == taken
    assert parts(project) == []


def test_a_training_and_an_evaluation_that_were_killed_half_way_leave_no_trace(
    project: Project, demonstrated: tuple[Path, str]
) -> None:
    for made in ("artifacts", "reports", "mlflow.db"):
        path = project.path("data") / made
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for line, seconds in (("read and encode", 0.5), ("train on", 0.3)):
        kill_during(project, "train", line, seconds)
    assert "run `nox -s train`" in complaint(project.run("evaluate"))
    assert project.run("train").returncode == 0
    for line, seconds in (("evaluate on test", 0.3), ("evaluate on validation", 0.1)):
        kill_during(project, "evaluate", line, seconds)
        assert list(project.path("data/reports").glob("*.html")) == []
    done = project.run("evaluate")
    assert done.returncode == 0, done.stderr
    assert evaluated(project.root) == evaluated(demonstrated[0])
    assert parts(project) == []
