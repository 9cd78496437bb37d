"""The score counts what ran on the code as it is, and nothing else."""

import datetime as dt
import json
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from conftest import edit, run_sql

from mlteam.commands import evaluate, scorecard
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.config.team import Team
from mlteam.core.paths import DATA
from mlteam.data import snapshot
from mlteam.data.features import Examples
from mlteam.modeling.training import load_training_examples
from mlteam.registry import versions
from mlteam.registry.versions import RegisteredVersion
from mlteam.scorecard import experiments
from mlteam.scorecard.evidence import Evidence, find_owner
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
    assert points["M7"] == 1, "no column looks personal, and slices were evaluated"
    assert points["M1"] == 0.5, "nobody owns the file: the team has no people"
    assert (points["M6"], points["I1"], points["I2"], points["I3"], points["I5"]) == (1, 1, 1, 1, 1)
    assert (points["I7"], points["O7"], points["D1"]) == (0, 0, 0)
    kept = json.loads((DATA / "scorecard" / "flights.json").read_text())
    assert kept["score"] == min(kept["sections"].values())
    assert "score: " in capsys.readouterr().out
    edit(committed.path, "max_depth = 3", "max_depth = 2")
    points = get_points(pipelines.load_spec(None))
    assert (points["M1"], points["M5"], points["M6"], points["I3"]) == (0, 0, 0, 0)
    assert points["M7"] == 0.5, "a sentence is evidence by hand"


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
    # 59 days of January and February in four parts; the validation begins on the first of March.
    assert [age["days"] for age in kept["ages"]] == [45, 30, 15, 1]


def test_the_owner_of_a_file_is_that_of_the_last_line_that_matches(tmp_path: Path) -> None:
    owners = tmp_path / "CODEOWNERS"
    assert find_owner(owners, Path("pipelines/flights.toml")) == ""
    owners.write_text("# who reviews what\n* ada@example.org\n/pipelines/ grace@example.org\n/docs/ lin@example.org\n")
    assert find_owner(owners, Path("pipelines/flights.toml")) == "grace@example.org"
    assert find_owner(owners, Path("README.md")) == "ada@example.org"
    owners.write_text("/docs/ lin@example.org\n")
    assert find_owner(owners, Path("pipelines/flights.toml")) == ""


def test_a_feature_that_takes_long_to_add_gives_no_point() -> None:
    def ask(seconds: float) -> float:
        name = "a feature looks ahead"
        found = SimpleNamespace(drills={name: "noticed"}, drill_seconds={name: seconds})
        return TESTS["D6"][1](cast(Evidence, found))[0]

    assert (ask(20), ask(601)) == (1, 0)


@pytest.mark.parametrize(
    ("owner", "column_is_gone", "expected"),
    [
        ("data_engineer", "noticed", (1, "; 1 sources with an owner; drill: a column is gone: noticed")),
        ("data_engineer", "missed", (0.5, "dependabot.yml is configured; drill: a column is gone: missed")),
        ("ml_engineer", "noticed", (0, "nobody owns shop.orders")),
        ("", "noticed", (0.5, "no source is declared")),
    ],
)
def test_a_change_upstream_is_noticed_and_somebody_owns_it(
    project: Path, owner: str, column_is_gone: str, expected: tuple[float, str]
) -> None:
    Path(".github").mkdir()
    Path(".github/dependabot.yml").touch()
    found = SimpleNamespace(
        sources=[SimpleNamespace(name="shop.orders", owner=owner)] if owner else [],
        team=Team({"ada": {"name": "Ada"}}, {"data_engineer": ["ada"]}),
        drills={"a column is gone": column_is_gone},
        drill_seconds={"a column is gone": 1},
    )
    points, message = TESTS["O1"][1](cast(Evidence, found))
    assert points == expected[0]
    assert expected[1] in message
    Path(".github/dependabot.yml").unlink()
    assert TESTS["O1"][1](cast(Evidence, found))[0] == 0


@pytest.mark.parametrize(
    ("changed", "slices", "expected"),
    [({}, 3, 1), ({}, 0, 0.5), ({"not_personal": ("name",)}, 3, 0.5), ({"none_because": ""}, 3, 0)],
)
def test_inclusion_is_a_search_for_personal_columns_and_slices(
    spec: Spec, changed: dict[str, Any], slices: int, expected: float
) -> None:
    found = SimpleNamespace(
        spec=spec.model_copy(update={"privacy": spec.privacy.model_copy(update=changed)}),
        taken=SimpleNamespace(metadata={"privacy": {"scanned": 6}}),
        evaluation={"slices": [{"column": "carrier"}] * slices},
    )
    assert TESTS["M7"][1](cast(Evidence, found))[0] == expected


@pytest.mark.parametrize(
    ("number", "drill", "kind"), [("I6", "a canary fails", "shadow"), ("I7", "a bad version is launched", "rollback")]
)
def test_a_rehearsal_counts_whole_and_a_launch_of_another_day_half(number: str, drill: str, kind: str) -> None:
    def ask(drills: dict[str, str], kinds: list[str]) -> float:
        records = [SimpleNamespace(kind=kind, at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC)) for kind in kinds]
        found = SimpleNamespace(drills=drills, drill_seconds={drill: 2}, launches=records)
        return TESTS[number][1](cast(Evidence, found))[0]

    assert ask({drill: "noticed"}, []) == 1
    assert ask({drill: "missed"}, ["launch"]) == 0
    assert ask({}, ["launch", kind]) == 0.5


def test_models_of_one_label_do_not_stop_the_score(committed: Spec) -> None:
    """A metric that is undefined on the few rows gives no point, and no traceback."""
    run_sql("update features.flights set late = false where day < date '2013-01-20'")
    schema, train, _ = load_training_examples(committed, snapshot.take(committed))
    few = Examples("train", train.matrix[:100], train.label[:100])
    assert set(few.label) == {0}
    assert not experiments._learns_by_heart(committed, schema, few)


def test_rows_on_disk_give_the_same_experiments(
    spec: Spec, version: RegisteredVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    def load(*given: Any) -> Any:
        folders.append(given[-1])
        return load_training_examples(*given)

    monkeypatch.setattr(experiments, "load_training_examples", load)
    found = []
    for memory in ("ram", "disk"):
        training = spec.training.model_copy(update={"memory": memory})
        own = spec.model_copy(update={"training": training})
        made = experiments.run_experiments(own, snapshot.load_newest("flights"), lambda _: None)
        found.append([(one.name, one.gain, one.missing) for one in made.features] + [*made.ages, made.learns_by_heart])
    assert found[0] == found[1]
    assert [folder is None for folder in folders] == [True, False]
    assert not folders[1].exists()
