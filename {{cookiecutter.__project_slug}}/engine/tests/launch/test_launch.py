import json
import multiprocessing
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import edit

from mlteam.commands import launch, train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot
from mlteam.launch import evidence
from mlteam.registry import launch_log, versions
from mlteam.serving import bundle

WHY = "better on the test rows"


def pass_process(pipeline: str) -> str:
    """Stand in for a process check without findings."""
    return ""


@pytest.fixture
def team(spec: Spec, project: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """A pipeline in a repository with a clean commit, a process check that passes, and a team of one."""
    (project / "team.toml").write_text('stage = "prototype"\n[people.ada]\nname = "Ada"\n')
    monkeypatch.setattr(evidence, "_check_process", pass_process)
    (project / ".gitignore").write_text("data/\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *who, *command], check=True)
    return spec


def trained(spec: Spec) -> int:
    return train.train_version(spec, snapshot.take(spec)).number


def test_a_launch_makes_a_champion_and_is_recorded(team: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    trained(team)
    record = launch.launch_version(team, "candidate", "ada", WHY)
    said = capsys.readouterr().out
    assert versions.open_version(team, "champion").number == 1
    assert bundle.read_live_pointer("flights").champion == record.folder
    (kept,) = launch_log.list_launch_records(team)
    assert (kept.by, kept.reason, kept.version, kept.kind) == ("ada", WHY, 1, "launch")
    assert len(kept.gates) == len([line for line in said.splitlines() if " passed " in line]) == 14
    (linear,) = [gate for gate in kept.gates if gate.startswith("gain over linear model")]
    assert "must not be <" in linear
    with pytest.raises(ProjectError, match="already is the champion"):
        launch.launch_version(team, "1", "ada", WHY)


def test_a_champion_whose_bundle_is_damaged_is_launched_again(team: Spec) -> None:
    trained(team)
    record = launch.launch_version(team, "candidate", "ada", WHY)
    folder = bundle.get_bundles_folder("flights") / record.folder
    (folder / "golden.json").unlink()
    assert launch.launch_version(team, "1", "ada", WHY) == record
    assert bundle.is_intact(folder)
    assert len(launch_log.list_launch_records(team)) == 1
    (folder / "golden.json").unlink()
    changed = team.model_copy(update={"serving": team.serving.model_copy(update={"batch_rows": 7})})
    with pytest.raises(ProjectError, match="other settings"):
        launch.launch_version(changed, "1", "ada", WHY)


def test_a_worse_version_is_refused_and_nothing_changes(team: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    trained(team)
    launch.launch_version(team, "1", "ada", WHY)
    before = (bundle.get_bundles_folder("flights") / bundle.LIVE_FILE).read_bytes()
    worse = team.model_copy(update={"model": team.model.model_copy(update={"params": {"rounds": 1, "max_depth": 1}})})
    trained(worse)
    with pytest.raises(ProjectError, match=r"not launched: .*gain over champion"):
        launch.launch_version(team, "2", "ada", WHY)
    assert "REFUSED" in capsys.readouterr().out
    assert versions.open_version(team, "champion").number == 1
    assert (bundle.get_bundles_folder("flights") / bundle.LIVE_FILE).read_bytes() == before
    assert len(launch_log.list_launch_records(team)) == 1


def test_rollback_walks_back_champion_by_champion(team: Spec) -> None:
    for number in (1, 2, 3):
        trained(team.model_copy(update={"model": team.model.model_copy(update={"seed": number})}))
        launch.launch_version(team, str(number), "ada", WHY)
    start = time.perf_counter()
    launch.roll_back(team, "ada", "it was wrong")
    assert time.perf_counter() - start < 5
    assert versions.open_version(team, "champion").number == 2
    launch.roll_back(team, "ada", "so was this")
    assert bundle.read_live_pointer("flights").champion.startswith("1-")
    with pytest.raises(ProjectError, match="no earlier champion"):
        launch.roll_back(team, "ada", "and this")
    assert [record.kind for record in launch_log.list_launch_records(team)] == ["launch"] * 3 + ["rollback"] * 2


def test_a_rollback_to_what_is_not_whole_is_refused_with_what_is(team: Spec) -> None:
    for number in (1, 2, 3):
        trained(team.model_copy(update={"model": team.model.model_copy(update={"seed": number})}))
        launch.launch_version(team, str(number), "ada", WHY)
    second = next(bundle.get_bundles_folder("flights").glob("2-*"))
    (second / "model" / "model.ubj").unlink()
    with pytest.raises(ProjectError) as refused:
        launch.roll_back(team, "ada", "it was wrong")
    assert "is missing" in refused.value.what
    assert refused.value.fix.endswith("launch one of: 1")
    assert versions.open_version(team, "champion").number == 3


KILLED = """
import os
from mlteam.commands import launch
from mlteam.config import pipelines
from mlteam.launch import evidence
from mlteam.{room} import {module}
evidence._check_process = lambda _: ""
calls = []
real = {module}.{name}
def killed(*arguments):
    calls.append(arguments)
    os._exit(9) if len(calls) == {call} else real(*arguments)
{module}.{name} = killed
launch.launch_version(pipelines.load_spec(None), "2", "ada", "better")
"""


@pytest.mark.parametrize(
    ("room", "module", "name", "call", "champion"),
    [
        ("registry", "launch_log", "append_launch_record", 1, 1),
        ("registry", "versions", "set_aliases", 2, 2),
        ("serving", "bundle", "write_live_pointer", 2, 2),
    ],
)
def test_a_launch_that_is_killed_leaves_one_champion(
    team: Spec, room: str, module: str, name: str, call: int, champion: int
) -> None:
    for number in (1, 2):
        trained(team.model_copy(update={"model": team.model.model_copy(update={"seed": number})}))
    launch.launch_version(team, "1", "ada", WHY)
    script = KILLED.format(room=room, module=module, name=name, call=call)
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    assert (
        bundle.load(
            bundle.get_bundles_folder("flights") / bundle.read_live_pointer("flights").champion
        ).manifest.version
        == 1
    )
    launch.sync_with_launch_log(team)
    assert versions.open_version(team, "champion").number == champion
    assert (
        bundle.load(
            bundle.get_bundles_folder("flights") / bundle.read_live_pointer("flights").champion
        ).manifest.version
        == champion
    )


def test_of_two_launches_at_once_one_is_told_so(team: Spec) -> None:
    for number in (1, 2):
        trained(team.model_copy(update={"model": team.model.model_copy(update={"seed": number})}))
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        said = pool.map(_try, ["1", "2"])
    assert len(launch_log.list_launch_records(team)) == said.count("launched") >= 1
    champion = launch_log.get_launch_state(team).champion
    assert champion is not None
    assert versions.open_version(team, "champion").number == champion.version
    assert bundle.read_live_pointer("flights").champion == champion.folder


def _try(number: str) -> str:
    evidence._check_process = pass_process
    try:
        launch.launch_version(pipelines.load_spec(None), number, "ada", WHY)
    except ProjectError as error:
        return error.what
    return "launched"


HELD = """
import sys, time
from mlteam.registry import launch_log
with launch_log.lock_launches():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_excludes_a_second_process_and_ends_with_a_killed_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_log, "LOCK_TIMEOUT_SECONDS", 0.2)
    with subprocess.Popen([sys.executable, "-c", HELD], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ProjectError, match="another launch is under way"), launch_log.lock_launches():
            pass
        holder.kill()
    with launch_log.lock_launches():
        pass


def test_a_lock_is_released_after_an_error(project: Path) -> None:
    with pytest.raises(KeyError), launch_log.lock_launches():
        raise KeyError
    with launch_log.lock_launches():
        pass


def test_a_shadow_passes_what_is_not_about_quality_and_goes_again(team: Spec) -> None:
    trained(team)
    launch.launch_version(team, "1", "ada", WHY)
    trained(team.model_copy(update={"model": team.model.model_copy(update={"params": {"rounds": 1, "max_depth": 1}})}))
    launch.launch_version(team, "2", "ada", "see how it does", shadow=True)
    assert bundle.read_live_pointer("flights").shadow is not None
    with pytest.raises(ProjectError, match="gain over champion"):
        launch.launch_version(team, "2", "ada", "see how it does", shadow=True, canary=0.1)
    launch.roll_back(team, "ada", "seen enough", shadow=True)
    assert bundle.read_live_pointer("flights").shadow is None
    assert versions.open_version(team, "champion").number == 1


def test_a_version_that_can_never_be_launched_says_so_when_it_is_trained(
    team: Spec, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(team)
    assert "uncommitted" not in capsys.readouterr().out
    (project / "scratch.py").write_text("x = 1\n")
    trained(team)
    assert "`launch` rejects it: commit, then train again" in capsys.readouterr().out
    shutil.rmtree(project / ".git")
    trained(team)
    assert "`launch` rejects it: commit, then train again" in capsys.readouterr().out


def test_a_version_of_a_dirty_tree_is_refused(team: Spec, project: Path) -> None:
    edit(project / "pipelines" / "flights.toml", "seed = 7", "seed = 8")
    trained(team)
    with pytest.raises(ProjectError, match="not launched: code"):
        launch.launch_version(team, "1", "ada", WHY)


def test_a_stranger_and_an_empty_reason_are_refused(team: Spec) -> None:
    with pytest.raises(ProjectError, match="no such person"):
        launch.launch_version(team, "1", "adda", WHY)
    with pytest.raises(ProjectError, match="must say why"):
        launch.launch_version(team, "1", "ada", " ")


def test_the_records_are_the_json_that_they_say_they_are(team: Spec) -> None:
    trained(team)
    launch.launch_version(team, "1", "ada", WHY)
    (text,) = [value for key, value in versions.get_model_tags(team).items() if key.startswith(launch_log.TAG_PREFIX)]
    assert json.loads(text)["by"] == "ada"
    assert len(text) < 5_000
