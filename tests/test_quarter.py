"""Ninety days of a team, one after the other: new rows each night, late outcomes, drift, launches, a rollback.

The flights of the last quarter of 2013 are asked for on their day; two days later upstream knows which were late. On
one of the days the airlines change their schedules.
"""

import datetime as dt
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import baking
import duckdb
import pytest
from clock import Clocked, install_clock
from paging import mitigation
from shell import CHECK

pytestmark = [pytest.mark.slow, pytest.mark.long]

START = dt.datetime(2013, 10, 1, 9, tzinfo=dt.UTC)
NIGHTS, CHANGE_NIGHT = 90, 17
KNOWN_AFTER = dt.timedelta(days=2)
FEATURES = "carrier, origin, dest, miles, clock_minutes, scheduled_minutes, visibility, precipitation, wind"
UPSTREAM = """
    copy (select * exclude (planned_minutes) from (
        select
            concat_ws('-', make_date(year, month, day), carrier, flight, origin) as flight_key,
            make_timestamp(year, month, day, f.hour, f.minute, 0) as departure,
            carrier, origin, dest, distance as miles, f.hour * 60 + f.minute as clock_minutes,
            (sched_arr_time // 100 * 60 + sched_arr_time % 100 - clock_minutes + 1440) % 1440 as planned_minutes,
            if(departure >= timestamp '{change}', least(planned_minutes + 60, 400), planned_minutes)
                as scheduled_minutes,
            visib as visibility, precip as precipitation, wind_speed as wind, arr_delay >= 15 as is_late
        from read_parquet('{raw}/flights.parquet') as f
        left join read_parquet('{raw}/weather.parquet') using (year, month, day, hour, origin)
        where arr_delay is not null and hash(year, month, day, carrier, flight, origin) % 2 = 0
        qualify row_number() over (partition by flight_key) = 1
        order by departure, flight_key
    )) to '{target}'
"""
LOADER = """

def load_flights(source):
    \"\"\"Fetch the flights whose outcome upstream knows by now.\"\"\"
    import datetime as dt

    import duckdb

    known = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(days=2)
    return duckdb.sql(f"from '{upstream}' where departure < timestamp '{{known}}'").to_arrow_table()
"""
ASK = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
os.environ["MODEL_PIPELINE"] = "flights"
from starlette.testclient import TestClient
from mlteam.serving.app import create_app
with TestClient(create_app()) as client:
    answered = client.post("/predict", json=json.load(open("data/asked.json")))
    assert answered.status_code == 200, answered.text
"""


class Quarter:
    """A project on its way through the quarter.

    Attributes:
        commands: Runs its commands at the moment that has come.
        upstream: The file of everything that upstream will ever know.
        states: Of each night, the findings of `monitor` that were wrong: check and subject.
        champions: The version that answered on each night.
    """

    def __init__(self, commands: Clocked, upstream: Path) -> None:
        self.commands, self.upstream = commands, upstream
        self.states: list[set[tuple[str, str]]] = []
        self.champions: list[int] = []

    @property
    def project(self) -> Path:
        return self.commands.project

    def edit(self, path: str, **changes: str) -> None:
        """Replace texts that must be in a file; the keys are only for the eye."""
        text = (self.project / path).read_text(encoding="utf-8")
        for change in changes.values():
            old, _, new = change.partition(" -> ")
            assert old in text, (path, old)
            text = text.replace(old, new)
        (self.project / path).write_text(text, encoding="utf-8")

    def commit(self, message: str) -> None:
        for command in (["add", "--all"], ["commit", "--quiet", "--message", message]):
            done = baking.run(
                "git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *command, cwd=self.project
            )
            assert done.returncode == 0, done.stderr

    def ask(self) -> None:
        """The callers ask for the flights of the day."""
        day = f"select flight_key, {FEATURES}, dayofweek(departure) as departure_weekday, "
        day += f"hour(departure) as departure_hour from '{self.upstream}' where departure::date = ?"
        asked = duckdb.execute(day, [self.commands.now.date()])
        names = [column[0] for column in asked.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in asked.fetchall()]
        (self.project / "data" / "asked.json").write_text(json.dumps(rows), encoding="utf-8")
        self.commands.run("ask", call=ASK)

    def pass_night(self) -> set[tuple[str, str]]:
        """The night's jobs, then the requests of the day; what monitoring calls wrong."""
        self.commands.run("data")
        self.commands.run("monitor", allowed=(0, 1))
        found = re.findall(r"^(\w+) +(\S.*?) +WRONG ", self.commands.shell.printed, re.MULTILINE)
        self.states.append(set(found))
        self.champions.append(self.champion)
        self.ask()
        self.commands.now += dt.timedelta(days=1)
        return self.states[-1]

    @property
    def champion(self) -> int:
        live = json.loads((self.project / "data" / "serving" / "flights" / "live.json").read_text(encoding="utf-8"))
        return int(live["champion"].partition("-")[0])

    def follow(self, alert: str, by: str = "ada") -> bool:
        """Do what the runbook says under mitigation; whether the gates let the candidate pass."""
        for words in mitigation(self.project, alert):
            said = [by if word == "ada" else word for word in words]
            status = self.commands.run(*said, allowed=(0, 1))
            if said[0] == "launch" and status:
                return False
        return True


@pytest.fixture(scope="module")
def quarter(empty: Path, demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarter]:
    """A pipeline of what is known on the first day, launched, whose source comes again each night."""
    folder = tmp_path_factory.mktemp("quarter")
    raw, python = demonstrated[0] / "data" / "raw", demonstrated[0] / ".venv" / "bin" / "python"
    upstream, first = folder / "upstream.parquet", folder / "flights.parquet"
    change = (START + dt.timedelta(days=CHANGE_NIGHT)).date()
    duckdb.execute(UPSTREAM.format(raw=raw, change=change, target=upstream))
    known = (START - KNOWN_AFTER).replace(tzinfo=None)
    duckdb.execute(f"copy (from '{upstream}' where departure < timestamp '{known}') to '{first}'")
    project = folder / empty.name
    baking.copy(empty, project, ".git")
    commands = Clocked(project, python, install_clock(folder / "clock", python), START)
    here = Quarter(commands, upstream)
    options = f"--table {shlex.quote(str(first))} --label is_late --key flight_key --time departure"
    commands.run("new_pipeline", "flights", *shlex.split(options))
    here.edit("pipelines/flights.toml", latency="latency_ms = 50 -> latency_ms = 2000")
    (package,) = (path.parent for path in (project / "src").glob("*/loaders.py"))
    with (package / "loaders.py").open("a", encoding="utf-8") as file:
        file.write(LOADER.format(upstream=upstream))
    here.edit(
        "sql/models/sources.yml",
        loader=f"mlteam.data.loaders:load_file -> {package.name}.loaders:load_flights",
        freshness="warn_after: {count: 30, period: day} -> warn_after: {count: 20, period: hour}",
    )
    baking.run("git", "init", "--quiet", cwd=project)
    here.commit("flights")
    commands.run("pipeline")
    commands.run("launch", "--version", "candidate", "--by", "ada", "--reason", "the first")
    # So short that the new schedules are in the rows of the training before the quarter ends.
    windows = tomllib.loads((project / "pipelines" / "flights.toml").read_text(encoding="utf-8"))["splits"]
    here.edit(
        "pipelines/flights.toml",
        validation=f'"{windows["validation"]}" -> "7 days before"',
        test=f'"{windows["test"]}" -> "last 21 days"',
    )
    here.commit("shorter windows")
    yield here
    commands.shell.close()


def test_a_quarter_passes(quarter: Quarter) -> None:
    drift = ("drift", "scheduled_minutes")
    for _ in range(CHANGE_NIGHT):
        quarter.pass_night()
    # One quiet night in twenty may raise an alert.
    assert sum(map(bool, quarter.states)) <= CHANGE_NIGHT / 20, quarter.states
    assert any(drift in quarter.pass_night() for _ in range(7)), "nobody saw the new schedules within a week"
    page = (quarter.project / "data" / "reports" / "flights-monitoring.html").read_text(encoding="utf-8")
    assert "scheduled_minutes" in page
    # The runbook is followed each week: a version is launched where the gates permit it, and the alarm ends once one
    # has learned from enough rows of the new schedules.
    launched = []
    while drift in quarter.states[-1] and len(quarter.states) < NIGHTS - 10:
        if quarter.follow("FeatureDrift"):
            launched.append(quarter.champion)
        for _ in range(7):
            quarter.pass_night()
    assert drift not in quarter.states[-1], (quarter.states, launched)
    before = [1, *launched][-2]
    leave(quarter)
    rollback = ("rollback", "--reason", "rehearsal")
    quarter.commands.run(*rollback, "--by", "ada", allowed=(1,))
    quarter.commands.run(*rollback, "--by", "grace")
    assert quarter.champion == before
    while len(quarter.states) < NIGHTS:
        quarter.pass_night()
    assert quarter.champions[-1] == before
    quarter.commands.run(call=CHECK)


def leave(quarter: Quarter) -> None:
    """Ada leaves, and Grace holds her roles."""
    text = (quarter.project / "team.toml").read_text(encoding="utf-8")
    ada = re.search(r"\[people\.(\w+)\]\n", text)
    assert ada
    here = quarter.commands.now.date()
    grace = '[people.grace]\nname = "Grace Hopper"\nemail = "grace@navy.mil"\n\n'
    head, roles = text.split("[roles]", 1)
    head = head.replace(ada[0], f"{grace}{ada[0]}left = {here}\n")
    text = head + "[roles]" + re.sub(rf'"{ada[1]}"', '"grace"', roles)
    (quarter.project / "team.toml").write_text(text, encoding="utf-8")
    quarter.commands.run("--fix", call=CHECK)
    quarter.commit("Ada leaves")
