"""The schedule of a project in real schedulers: each file loads, runs its command, and knows when to try again."""

import json
import os
import shutil
import sys
from pathlib import Path

import baking
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

# A uv that records what it was asked for, and ends as it is told.
UV = """#!/bin/sh
echo "$PWD $*" >> "$RECORD"
exit ${CODE:-0}
"""
LOAD = """
import importlib.util, sys

found = importlib.util.spec_from_file_location("schedule", sys.argv[1])
module = importlib.util.module_from_spec(found)
found.loader.exec_module(module)
"""
IN_DAGSTER = (
    LOAD
    + """
import dagster

dagster.Definitions.validate_loadable(module.definitions)
done = module.definitions.resolve_job_def("data").execute_in_process(raise_on_error=False)
(op,) = module.definitions.resolve_job_def("data").nodes
events = {event.event_type_value for event in done.all_events}
print(done.success, "STEP_UP_FOR_RETRY" in events, *sorted((s.job.name, s.cron_schedule) for s in module.schedules))
"""
)
# The task itself: a run of the whole DAG would wait ten minutes before it tries again.
IN_AIRFLOW = (
    LOAD
    + """
try:
    module.data.get_task("data").python_callable()
except Exception as error:
    print(type(error).__name__)
else:
    print("done")
print(*((dag.dag_id, str(dag.schedule)) for dag in (module.data, module.monitor, module.retrain)))
"""
)
TIMES = (("data", "0 2 * * *"), ("monitor", "0 5 * * *"), ("retrain", "0 7 * * 0"))


@pytest.fixture(scope="module")
def scheduled(demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The schedule of the demo's project for each scheduler that Python has."""
    folder = tmp_path_factory.mktemp("schedules")
    files = {}
    for scheduler in ("airflow", "dagster"):
        files[scheduler] = folder / scheduler / f"{scheduler}_schedule.py"
        command = (sys.executable, "-m", "uv", "run", "--quiet", "mlteam", "schedule", scheduler)
        done = baking.run(*command, "--output", files[scheduler], cwd=demonstrated[0], env=baking.fresh_machine())
        assert done.returncode == 0, done.stdout + done.stderr
    return files


@pytest.mark.parametrize(("scheduler", "schema"), [("github", "github-workflows"), ("gitlab", "gitlab-ci")])
def test_a_host_of_repositories_reads_its_file(
    demonstrated: tuple[Path, str], tmp_path: Path, scheduler: str, schema: str
) -> None:
    file = tmp_path / "schedule.yml"
    command = (sys.executable, "-m", "uv", "run", "--quiet", "mlteam", "schedule", scheduler)
    done = baking.run(*command, "--output", file, cwd=demonstrated[0], env=baking.fresh_machine())
    assert done.returncode == 0, done.stdout + done.stderr
    done = baking.run(baking.tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", file, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def fake_uv(folder: Path) -> dict[str, str]:
    """Return an environment in which `uv` only records how it was called."""
    program = folder / "fake" / "uv"
    program.parent.mkdir()
    program.write_text(UV, encoding="utf-8")
    program.chmod(0o755)
    (folder / "project").mkdir()
    return baking.fresh_machine() | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "RECORD": str(folder / "record"),
        "PROJECT_FOLDER": str(folder / "project"),
    }


def check_snapshot(project: Path, *command: str | Path, **variables: str) -> None:
    """Let a scheduler take the snapshot of a project, which must be the one that the command took."""
    newest = project / "data" / "snapshots" / "flight_delays" / "newest"
    before = newest.read_text(encoding="utf-8")
    shutil.rmtree(newest.parent)
    path = f"{Path(baking.tool('uv')).parent}:{os.environ['PATH']}"
    env = baking.fresh_machine() | {"PATH": path, "PROJECT_FOLDER": str(project)} | variables
    done = baking.run(*command, cwd=project.parent, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert newest.read_text(encoding="utf-8") == before


def test_dagster_runs_a_job_and_fails_it_for_good_or_for_now(
    demonstrated: tuple[Path, str], scheduled: dict[str, Path], tmp_path: Path
) -> None:
    python, env = baking.install(tmp_path / "venv", "dagster>=1.13,<2") / "python", fake_uv(tmp_path)
    for code, expected in ((0, "True False"), (1, "False False")):
        done = baking.run(python, "-c", IN_DAGSTER, scheduled["dagster"], cwd=tmp_path, env=env | {"CODE": str(code)})
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().splitlines()[-1] == f"{expected} {' '.join(map(str, TIMES))}"
    record = (tmp_path / "record").read_text(encoding="utf-8").splitlines()
    assert record == [f"{tmp_path / 'project'} run --frozen mlteam data"] * 2
    check_snapshot(demonstrated[0], python, "-c", IN_DAGSTER, scheduled["dagster"])


def test_airflow_runs_a_dag_and_fails_it_for_good_or_for_now(
    demonstrated: tuple[Path, str], scheduled: dict[str, Path], tmp_path: Path
) -> None:
    programs = baking.install(tmp_path / "venv", "apache-airflow>=3.1,<4")
    own = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(scheduled["airflow"].parent),
    }
    env = fake_uv(tmp_path) | own
    for code, expected in ((0, "done"), (1, "AirflowFailException"), (75, "RuntimeError")):
        done = baking.run(
            programs / "python", "-c", IN_AIRFLOW, scheduled["airflow"], cwd=tmp_path, env=env | {"CODE": str(code)}
        )
        assert done.returncode == 0, done.stderr
        *_, ended, times = done.stdout.strip().splitlines()
        assert ended == expected
        project = scheduled["airflow"].read_text(encoding="utf-8").partition('dag_id=f"')[2].partition("-{name}")[0]
        assert times == " ".join(str((f"{project}-{name}", cron)) for name, cron in TIMES)
    for words in (("db", "migrate"), ("dags", "reserialize"), ("dags", "test", f"{project}-retrain")):
        done = baking.run(programs / "airflow", *words, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    listed = baking.run(programs / "airflow", "dags", "list", "--output", "json", cwd=tmp_path, env=env)
    assert {dag["dag_id"] for dag in json.loads(listed.stdout[listed.stdout.index("[{") :])} == {
        f"{project}-{name}" for name, _ in TIMES
    }
    assert (tmp_path / "record").read_text(encoding="utf-8").splitlines()[-1].endswith(" run --frozen mlteam retrain")
    check_snapshot(demonstrated[0], programs / "python", "-c", IN_AIRFLOW, scheduled["airflow"], **own)
