import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import edit

from {{ cookiecutter.__package }} import bundle, launch, launches, registry, snapshot, steps
from {{ cookiecutter.__package }} import spec as specs
from {{ cookiecutter.__package }}.errors import ProjectError
from {{ cookiecutter.__package }}.spec import Spec

WHY = "better on the test rows"


@pytest.fixture
def team(spec: Spec, project: Path) -> Spec:
    """A pipeline in a repository with a clean commit, a process check that passes, and a team of one."""
    (project / "team.toml").write_text('stage = "prototype"\n[people.ada]\nname = "Ada"\n')
    (project / "process").mkdir()
    (project / "process" / "check.py").write_text("")
    (project / ".gitignore").write_text("data/\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *who, *command], check=True)
    return spec


def trained(spec: Spec) -> int:
    return steps.train(spec, snapshot.take(spec)).number


def test_a_launch_makes_a_champion_and_is_recorded(team: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    trained(team)
    record = launch.launch(team, "candidate", "ada", WHY)
    said = capsys.readouterr().out
    assert registry.open_version(team, "champion").number == 1
    assert bundle.live("flights").champion == record.folder
    (kept,) = launches.records(team)
    assert (kept.by, kept.reason, kept.version, kept.kind) == ("ada", WHY, 1, "launch")
    assert len(kept.gates) == len([line for line in said.splitlines() if " passed " in line]) == 11
    with pytest.raises(ProjectError, match="is the champion already"):
        launch.launch(team, "1", "ada", WHY)


def test_a_worse_version_is_refused_and_nothing_changes(team: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    trained(team)
    launch.launch(team, "1", "ada", WHY)
    before = (bundle.home("flights") / bundle.LIVE).read_bytes()
    worse = team.model_copy(update={"model": team.model.model_copy(update={"params": {"rounds": 1, "max_depth": 1}})})
    trained(worse)
    with pytest.raises(ProjectError, match=r"not launched: .*gain over champion"):
        launch.launch(team, "2", "ada", WHY)
    assert "REFUSED" in capsys.readouterr().out
    assert registry.open_version(team, "champion").number == 1
    assert (bundle.home("flights") / bundle.LIVE).read_bytes() == before
    assert len(launches.records(team)) == 1


def test_rollback_walks_back_champion_by_champion(team: Spec) -> None:
    for number in (1, 2, 3):
        trained(team.model_copy(update={"model": team.model.model_copy(update={"seed": number})}))
        launch.launch(team, str(number), "ada", WHY)
    start = time.perf_counter()
    launch.rollback(team, "ada", "it was wrong")
    assert time.perf_counter() - start < 5
    assert registry.open_version(team, "champion").number == 2
    launch.rollback(team, "ada", "so was this")
    assert bundle.live("flights").champion.startswith("1-")
    with pytest.raises(ProjectError, match="no earlier champion"):
        launch.rollback(team, "ada", "and this")
    assert [record.kind for record in launches.records(team)] == ["launch"] * 3 + ["rollback"] * 2


def test_a_rollback_to_what_is_not_whole_is_refused_with_what_is(team: Spec) -> None:
    for number in (1, 2, 3):
        trained(team.model_copy(update={"model": team.model.model_copy(update={"seed": number})}))
        launch.launch(team, str(number), "ada", WHY)
    second = next(bundle.home("flights").glob("2-*"))
    (second / "model" / "model.ubj").unlink()
    with pytest.raises(ProjectError) as refused:
        launch.rollback(team, "ada", "it was wrong")
    assert "is missing" in refused.value.what
    assert refused.value.fix.endswith("launch one of: 1")
    assert registry.open_version(team, "champion").number == 3


KILLED = """
import os
from {{ cookiecutter.__package }} import {module}, launch, spec
calls = []
real = {module}.{name}
def killed(*arguments):
    calls.append(arguments)
    os._exit(9) if len(calls) == {call} else real(*arguments)
{module}.{name} = killed
launch.launch(spec.choose(None), "2", "ada", "better")
"""


@pytest.mark.parametrize(
    ("module", "name", "call", "champion"),
    [("launches", "write", 1, 1), ("registry", "set_aliases", 2, 2), ("bundle", "point", 2, 2)],
)
def test_a_launch_that_is_killed_leaves_one_champion(
    team: Spec, module: str, name: str, call: int, champion: int
) -> None:
    for number in (1, 2):
        trained(team.model_copy(update={"model": team.model.model_copy(update={"seed": number})}))
    launch.launch(team, "1", "ada", WHY)
    script = KILLED.format(module=module, name=name, call=call)
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    assert bundle.load(bundle.home("flights") / bundle.live("flights").champion).about.version == 1
    launch.follow(team)
    assert registry.open_version(team, "champion").number == champion
    assert bundle.load(bundle.home("flights") / bundle.live("flights").champion).about.version == champion


def test_of_two_launches_at_once_one_is_told_so(team: Spec) -> None:
    for number in (1, 2):
        trained(team.model_copy(update={"model": team.model.model_copy(update={"seed": number})}))
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        said = pool.map(_try, ["1", "2"])
    assert len(launches.records(team)) == said.count("launched") >= 1
    champion = launches.state(team).champion
    assert champion is not None
    assert registry.open_version(team, "champion").number == champion.version
    assert bundle.live("flights").champion == champion.folder


def _try(number: str) -> str:
    try:
        launch.launch(specs.choose(None), number, "ada", WHY)
    except ProjectError as error:
        return error.what
    return "launched"


def test_a_shadow_passes_what_is_not_about_quality_and_goes_again(team: Spec) -> None:
    trained(team)
    launch.launch(team, "1", "ada", WHY)
    trained(team.model_copy(update={"model": team.model.model_copy(update={"params": {"rounds": 1, "max_depth": 1}})}))
    launch.launch(team, "2", "ada", "see how it does", shadow=True)
    assert bundle.live("flights").shadow is not None
    with pytest.raises(ProjectError, match="gain over champion"):
        launch.launch(team, "2", "ada", "see how it does", shadow=True, canary=0.1)
    launch.rollback(team, "ada", "seen enough", shadow=True)
    assert bundle.live("flights").shadow is None
    assert registry.open_version(team, "champion").number == 1


def test_a_version_of_a_dirty_tree_is_refused(team: Spec, project: Path) -> None:
    edit(project / "pipelines" / "flights.toml", "seed = 7", "seed = 8")
    trained(team)
    with pytest.raises(ProjectError, match="not launched: code"):
        launch.launch(team, "1", "ada", WHY)


def test_a_stranger_and_an_empty_reason_are_refused(team: Spec) -> None:
    with pytest.raises(ProjectError, match="nobody of the team"):
        launch.launch(team, "1", "adda", WHY)
    with pytest.raises(ProjectError, match="must say why"):
        launch.launch(team, "1", "ada", " ")


def test_the_records_are_the_json_that_they_say_they_are(team: Spec) -> None:
    trained(team)
    launch.launch(team, "1", "ada", WHY)
    (text,) = [value for key, value in registry.tags(team).items() if key.startswith(launches.PREFIX)]
    assert json.loads(text)["by"] == "ada"
    assert len(text) < 5_000
