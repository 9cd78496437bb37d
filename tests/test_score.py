"""The ML Test Score of the flights, after everything that a team does before a launch and in the days after."""

import json
from collections.abc import Iterator
from pathlib import Path

import baking
import pytest
from paging import Stage, address

pytestmark = [pytest.mark.slow, pytest.mark.long]

# Sends rows of the test set to the service, with the keys by which their outcomes are found.
ASK = """
import json, sys, urllib.request
import mlteam

project = mlteam.open("flight_delays")
rows = project.snapshot().rows("test").slice(0, 20_000).to_pylist()
names = (*project.spec.features.names, project.spec.data.key)
for first in range(0, len(rows), 500):
    body = json.dumps([{name: row[name] for name in names} for row in rows[first : first + 500]]).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"http://{sys.argv[1]}/predict", body, headers)).read()
"""


@pytest.fixture
def stage(demonstrated: tuple[Path, str], tmp_path: Path) -> Iterator[Stage]:
    """The demo's project, committed in a repository of its own."""
    project = baking.copy(demonstrated[0], tmp_path / "flights", ".git")
    stage = Stage(project, demonstrated[0] / ".venv" / "bin" / "python", address())
    baking.run("git", "init", "--quiet", cwd=project)
    yield stage
    stage.close()


def commit(stage: Stage) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("add", "--all"), ("commit", "--quiet", "--allow-empty", "--message", "all")):
        done = baking.run("git", *identity, *words, cwd=stage.project)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_flights_reach_seven_of_seven_in_each_section(stage: Stage) -> None:
    commit(stage)
    stage.run("tune", "--trials", "3")
    commit(stage)
    stage.run("pipeline")
    stage.run("time_travel")
    name = "flight_delays"
    stage.run("launch", "--pipeline", name, "--version", "candidate", "--by", "ada", "--reason", "it is the first one")
    stage.serve()
    done = baking.run(stage.python, "-c", ASK, stage.service, cwd=stage.project, env=stage.env)
    assert done.returncode == 0, done.stderr
    # Without an earlier snapshot, one check has no result.
    stage.run("monitor", allowed=(0, 2))
    stage.run("scorecard")
    scored = json.loads((stage.project / "data" / "scorecard" / f"{name}.json").read_text(encoding="utf-8"))
    lost = {test["number"]: test["message"] for test in scored["tests"] if test["points"] < 1}
    assert lost == {}
    assert scored["sections"] == {"data": 7, "model": 7, "infrastructure": 7, "monitoring": 7}
