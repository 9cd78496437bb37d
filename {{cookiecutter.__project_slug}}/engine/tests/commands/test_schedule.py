"""The schedule for other schedulers: the same jobs, times and retries; a schedule that cannot be read is named."""

import ast
from pathlib import Path

import pytest
import typer
import yaml
from conftest import edit

from mlteam.cli.options import run_for_each
from mlteam.commands.schedule import CHECKS, OUTPUTS, write_schedule
from mlteam.config.schedule import SCHEDULE, Job, load_jobs
from mlteam.core.errors import ProjectError

JOBS = """
apiVersion: v1
kind: List
items:
  - kind: CronJob
    metadata: {name: data}
    spec:
      timeZone: Etc/UTC
      schedule: "30 2 * * *"
      jobTemplate:
        spec:
          backoffLimit: 3
          activeDeadlineSeconds: 3600
          template: {spec: {containers: [{args: [data]}]}}
  - kind: CronJob
    metadata: {name: retrain-churn}
    spec:
      schedule: "0 7 * * 0"
      jobTemplate:
        spec:
          template: {spec: {containers: [{args: [retrain, --pipeline, churn]}]}}
"""


@pytest.fixture
def schedule(project: Path) -> Path:
    """The project with a schedule of two jobs, and checks with pinned actions."""
    SCHEDULE.parent.mkdir(parents=True)
    SCHEDULE.write_text(JOBS)
    CHECKS.parent.mkdir(parents=True)
    CHECKS.write_text("  - uses: actions/checkout@1a # v6\n  - uses: actions/setup-python@2b\n")
    Path("pyproject.toml").write_text('[project]\nname = "shop"\n')
    return SCHEDULE


def test_the_jobs_are_those_of_the_file(schedule: Path) -> None:
    assert load_jobs() == [
        Job("data", ("data",), "30 2 * * *", 60, 3),
        Job("retrain-churn", ("retrain", "--pipeline", "churn"), "0 7 * * 0", 120, 0),
    ]


@pytest.mark.parametrize(("scheduler", "name"), [("airflow", "retrain-churn"), ("dagster", "retrain_churn")])
def test_a_python_file_names_each_job_with_its_time_and_retries(schedule: Path, scheduler: str, name: str) -> None:
    write_schedule(scheduler, None)
    tree = ast.parse(OUTPUTS[scheduler].read_text())
    calls = [
        [ast.literal_eval(argument) for argument in node.args]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("make_dag", "make_schedule")
    ]
    assert calls == [
        ["data", ["data"], "30 2 * * *", 60, 3],
        # Dagster takes no dash in a name.
        [name, ["retrain", "--pipeline", "churn"], "0 7 * * 0", 120, 0],
    ]


@pytest.mark.parametrize("scheduler", ["airflow", "dagster"])
def test_a_name_with_quotes_stays_a_text(schedule: Path, scheduler: str) -> None:
    name = 'Ada "Countess" Lovelace 🚀'
    Path("team.toml").write_text(f"[people.ada]\nname = '{name}'\n[roles]\ndata_engineer = ['ada']\n")
    write_schedule(scheduler, None)
    tree = ast.parse(OUTPUTS[scheduler].read_text())
    assert name in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_a_workflow_runs_each_job_at_its_time_and_tries_again(schedule: Path) -> None:
    write_schedule("github", Path("ours.yml"))
    workflow = yaml.safe_load(Path("ours.yml").read_text())
    # YAML reads the word on as true.
    assert workflow[True]["schedule"] == [{"cron": "30 2 * * *"}, {"cron": "0 7 * * 0"}]
    data, retrain = workflow["jobs"]["data"], workflow["jobs"]["retrain-churn"]
    assert (data["if"], data["timeout-minutes"]) == ("github.event.schedule == '30 2 * * *'", 60)
    assert [step.get("uses") for step in data["steps"]][:2] == ["actions/checkout@1a", "actions/setup-python@2b"]
    assert "seq 0 3" in data["steps"][-1]["run"]
    assert "uv run mlteam retrain --pipeline churn ||" in retrain["steps"][-1]["run"]


def test_a_gitlab_job_is_chosen_by_a_variable_of_its_schedule(schedule: Path) -> None:
    write_schedule("gitlab", None)
    text = OUTPUTS["gitlab"].read_text()
    jobs = yaml.safe_load(text)
    assert jobs["schedule-data"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule" && $JOB == "data"'}]
    assert jobs["schedule-data"]["retry"] == {"max": 2, "exit_codes": 75}
    assert "retry" not in jobs["schedule-retrain-churn"]
    assert "#   0 7 * * 0   JOB = retrain-churn" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"30 2 * * *"', '"at night"', "schedule 'at night' of job data is not five fields of cron\nwrite \"0 2"),
        ("args: [data]", "image: x", "job data lacks a schedule or a container with args"),
        ("Etc/UTC", "Europe/Berlin", "job data has the time zone Europe/Berlin\nwrite its time in UTC"),
        ("kind: CronJob", "kind: Job", "there is no CronJob"),
        ("items:", "items: [data]\nothers:", "there is no CronJob"),
        ("metadata: {name: data}", "metadata:", "job without a name lacks a schedule"),
        ("backoffLimit: 3", "backoffLimit: often", "job data lacks a schedule or a container with args, or a limit is"),
        ("apiVersion: v1", "apiVersion: [", "not YAML"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_named(schedule: Path, old: str, new: str, message: str) -> None:
    edit(schedule, old, new)
    with pytest.raises(ProjectError) as refused:
        write_schedule("airflow", None)
    assert str(refused.value).startswith(f"{SCHEDULE}: {message}")
    assert not OUTPUTS["airflow"].exists()


def test_what_cannot_be_written_is_named(schedule: Path) -> None:
    with pytest.raises(ProjectError, match=r"there is no scheduler 'airflw'\ndid you mean 'airflow'"):
        write_schedule("airflw", None)
    CHECKS.unlink()
    with pytest.raises(ProjectError, match=r"pinned digests the schedule takes\nrestore the file, or choose airflow"):
        write_schedule("github", None)
    with pytest.raises(ProjectError, match=r"^team.toml/x.py: cannot be written"):
        write_schedule("dagster", Path("team.toml", "x.py"))
    schedule.unlink()
    with pytest.raises(ProjectError, match="there is no schedule"):
        write_schedule("dagster", None)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("target prod: connection to server at 127.0.0.1 failed: Connection refused", 75),
        ("IO Error: Could not set lock on file data/warehouse.duckdb", 75),
        ("the store s3://x does not answer: curl", 75),
        ("loader shop:load of source shop.orders failed: ReadTimeout: https://shop", 75),
        ('role "nobody" does not exist', 1),
        ("features.orders has no column 'timeout'", 1),
        ("test unique_orders_id failed", 1),
    ],
)
def test_an_exit_code_tells_whether_to_try_again(said: str, code: int) -> None:
    assert ProjectError(said, where="timeout.sql").exit_code == code


def test_of_several_pipelines_what_needs_a_person_comes_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"a": "Connection refused", "b": "test failed"}
    monkeypatch.setattr("mlteam.config.pipelines.choose_pipelines", lambda _: list(said))

    def run(name: str | None) -> int:
        raise ProjectError(said[str(name)])

    with pytest.raises(typer.Exit) as ended:
        run_for_each(None, run)
    assert ended.value.exit_code == 1
    said["b"] = "timed out"
    with pytest.raises(typer.Exit) as ended:
        run_for_each(None, run)
    assert ended.value.exit_code == 75
