"""The score counts what ran on the code as it is, and nothing else."""

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import edit

from mlteam.commands import evaluate, scorecard
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.paths import DATA
from mlteam.registry import versions
from mlteam.registry.versions import RegisteredVersion
from mlteam.scorecard.score import SECTIONS, TESTS, Score, sum_sections


def commit() -> None:
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "add", "."], check=True)
    subprocess.run(["git", *who, "commit", "-qm", "all"], check=True)


@pytest.fixture
def committed(spec: Spec) -> Spec:
    subprocess.run(["git", "init", "-q"], check=True)
    Path(".gitignore").write_text("data/\n")
    commit()
    return spec


def get_points(spec: Spec) -> dict[str, float]:
    return {score.number: score.points for score in scorecard.compute_scorecard(spec, drills=False)}


def test_there_are_seven_tests_in_each_section() -> None:
    assert Counter(number[0] for number in TESTS) == dict.fromkeys(SECTIONS, 7)


def test_the_score_is_the_least_section() -> None:
    scores = [Score(number, "", 0.5 if number == "I3" else 1, "") for number in TESTS]
    assert sum_sections(scores) == {"data": 7, "model": 7, "infrastructure": 6.5, "monitoring": 7}


def test_points_are_lost_when_the_code_changes(committed: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    from mlteam.commands import train
    from mlteam.data import snapshot

    made = train.train_version(committed, snapshot.take(committed))
    evaluate.evaluate_version(committed, made)
    points = get_points(committed)
    assert points["M7"] == 0.5, "a sentence is evidence by hand"
    assert (points["M1"], points["M6"], points["I1"], points["I2"], points["I3"], points["I5"]) == (1, 1, 1, 1, 1, 1)
    assert (points["I7"], points["O7"], points["D1"]) == (0, 0, 0)
    kept = json.loads((DATA / "scorecard" / "flights.json").read_text())
    assert kept["score"] == min(kept["sections"].values())
    assert "score: " in capsys.readouterr().out
    edit(committed.path, "max_depth = 3", "max_depth = 2")
    points = get_points(pipelines.load_spec(None))
    assert (points["M1"], points["M5"], points["M6"], points["I3"]) == (0, 0, 0, 0)


def test_drills_count_on_the_code_that_they_ran_on(committed: Spec, version: RegisteredVersion) -> None:
    commit_now = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    drill = {"name": "labels turn round", "command": "monitor", "state": "noticed", "seconds": 1.0, "message": "x"}
    content = {"made": {"git_commit": commit_now, "git_dirty": False}, "drills": [drill]}
    path = DATA / "drills" / "flights.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    assert get_points(committed)["O7"] == 1
    path.write_text(json.dumps(content | {"drills": [drill | {"state": "missed"}]}))
    assert get_points(committed)["O7"] == 0
    path.write_text(json.dumps(content | {"made": {"git_commit": commit_now, "git_dirty": True}}))
    assert get_points(committed)["O7"] == 0
    assert versions.open_version(committed).number == version.number


def test_each_feature_has_its_value_its_cost_and_the_age_of_rows_its_effect(
    committed: Spec, version: RegisteredVersion
) -> None:
    scorecard.compute_scorecard(committed, drills=False)
    kept = json.loads((DATA / "scorecard" / "flights.json").read_text())
    gains = {feature["name"]: feature["gain"]["value"] for feature in kept["features"]}
    assert list(gains) == ["carrier", "hour", "wind"]
    assert gains["hour"] > 0.05 > abs(gains["wind"])
    missing = {feature["name"]: feature["missing"] for feature in kept["features"]}
    assert missing["wind"] == pytest.approx(1 / 7, abs=0.01)
    assert missing["hour"] == 0
    assert [age["share"] for age in kept["ages"]] == [0.25, 0.5, 0.75, 1]
