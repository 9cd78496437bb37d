"""The schedule of the pipelines for each scheduler: the same jobs, times, retries and owners."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import typer
import yaml
from conftest import REPOSITORY, edit

from mlteam.cli.options import run_for_each
from mlteam.commands.cronjobs import BEGINNING
from mlteam.commands.schedule import CHECKS, OUTPUTS, load_jobs, write_schedule
from mlteam.config.jobs import CRONJOBS, DEFAULTS, Job, combine_jobs, read_cronjobs
from mlteam.core.errors import ProjectError

CHURN = """
[schedule]
data = { cron = "30 2 * * *", minutes = 60, retries = 3, owner = "devops_engineer" }
monitor = { cron = "never" }
"""
ALIKE = (
    Job("data", ("data",), "0 2 * * *", 120, 2, "data_engineer"),
    Job("monitor", ("monitor",), "0 5 * * *", 120, 2, "ml_engineer"),
    Job("retrain", ("retrain",), "0 7 * * 0", 120, 2, "data_scientist"),
)


@pytest.fixture
def schedule(project: Path) -> Path:
    """The project with a second pipeline, the CronJobs of the repository, and checks with pinned actions."""
    churn = Path("pipelines/late_churn.toml")
    churn.write_text(Path("pipelines/flights.toml").read_text(encoding="utf-8"), encoding="utf-8")
    CRONJOBS.parent.mkdir(parents=True)
    text = (REPOSITORY / CRONJOBS).read_text(encoding="utf-8")
    CRONJOBS.write_text(re.sub(r"namespace: [^,]+,", "namespace: shop,", text), encoding="utf-8")
    CHECKS.parent.mkdir(parents=True)
    CHECKS.write_text("  - uses: actions/checkout@1a # v6\n  - uses: actions/setup-python@2b\n")
    Path("pyproject.toml").write_text('[project]\nname = "shop"\n')
    return churn


def differ(schedule: Path) -> None:
    """Give the second pipeline a schedule of its own."""
    schedule.write_text(schedule.read_text(encoding="utf-8") + CHURN, encoding="utf-8")


def read_manifest() -> list[Job]:
    return read_cronjobs(yaml.safe_load(CRONJOBS.read_text(encoding="utf-8")))


def test_what_all_pipelines_do_alike_is_one_job(schedule: Path) -> None:
    assert load_jobs() == list(ALIKE)
    write_schedule("kubernetes", None)
    assert read_manifest() == list(ALIKE)


def test_a_pipeline_with_a_schedule_of_its_own_has_jobs_of_its_own(schedule: Path) -> None:
    differ(schedule)
    assert load_jobs() == [
        Job("data-flights", ("data", "--pipeline", "flights"), "0 2 * * *", 120, 2, "data_engineer"),
        Job("data-late-churn", ("data", "--pipeline", "late_churn"), "30 2 * * *", 60, 3, "devops_engineer"),
        Job("monitor-flights", ("monitor", "--pipeline", "flights"), "0 5 * * *", 120, 2, "ml_engineer"),
        ALIKE[2],
    ]


def test_a_project_without_pipelines_has_the_schedule_of_all() -> None:
    assert combine_jobs({}) == list(ALIKE)
    assert combine_jobs({"a": {"monitor": {}}}) == list(ALIKE)


def test_the_page_of_the_engine_shows_what_holds_where_nothing_is_said() -> None:
    (shown,) = re.findall(r"```toml\n(\[schedule\].*?)```", (REPOSITORY / "engine/README.md").read_text(), re.DOTALL)
    assert tomllib.loads(shown)["schedule"] == DEFAULTS


def test_the_cronjobs_follow_and_keep_what_the_team_wrote(schedule: Path) -> None:
    before = CRONJOBS.read_text(encoding="utf-8")
    _, *items = before.split(BEGINNING)
    edit(CRONJOBS, "memory: 4Gi", "memory: 6Gi")
    edit(CRONJOBS, "args: [retrain]", "resources: {limits: {memory: 64Gi}}, args: [retrain]")
    copied = items[1].replace("name: monitor", "name: backup").replace("[monitor]", "[backup, --all]")
    CRONJOBS.write_text(CRONJOBS.read_text(encoding="utf-8") + BEGINNING + copied, encoding="utf-8")
    changed = CRONJOBS.read_text(encoding="utf-8")
    differ(schedule)
    write_schedule("kubernetes", None)
    assert read_manifest() == load_jobs()
    text = CRONJOBS.read_text(encoding="utf-8")
    assert {"memory: 6Gi", "memory: 64Gi", "args: [backup, --all]"} == {
        part for part in ("memory: 6Gi", "memory: 64Gi", "args: [backup, --all]") if part in text
    }
    churn = yaml.safe_load(text)["items"][1]
    assert churn["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert churn["metadata"]["namespace"] == yaml.safe_load(text)["items"][0]["metadata"]["namespace"]
    edit(schedule, CHURN, "")
    write_schedule("kubernetes", None)
    assert CRONJOBS.read_text(encoding="utf-8") == changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Etc/UTC", "Europe/Berlin"),
        ("  - apiVersion: batch/v1\n", "- {}\n"),
        ("    metadata: {name: data,", "    metadata: {labels: {}, name: data,"),
    ],
)
def test_cronjobs_that_were_written_anew_are_left_alone(schedule: Path, old: str, new: str) -> None:
    edit(CRONJOBS, old, new)
    before = CRONJOBS.read_bytes()
    with pytest.raises(
        ProjectError, match=r"the CronJobs are not written as they came.*\nrestore the file from git, or"
    ):
        write_schedule("kubernetes", None)
    assert CRONJOBS.read_bytes() == before


@pytest.mark.parametrize(("scheduler", "name"), [("airflow", "data-late-churn"), ("dagster", "data_late_churn")])
def test_a_python_file_names_each_job_with_its_time_and_retries(schedule: Path, scheduler: str, name: str) -> None:
    differ(schedule)
    write_schedule(scheduler, None)
    tree = ast.parse(OUTPUTS[scheduler].read_text())
    calls = [
        [ast.literal_eval(argument) for argument in node.args]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("make_dag", "make_schedule")
    ]
    assert len(calls) == 4
    # Dagster takes no dash in a name.
    assert calls[1] == [name, ["data", "--pipeline", "late_churn"], "30 2 * * *", 60, 3, "devops_engineer"]
    assert calls[3] == ["retrain", ["retrain"], "0 7 * * 0", 120, 2, "data_scientist"]


@pytest.mark.parametrize("scheduler", ["airflow", "dagster"])
def test_a_name_with_quotes_stays_a_text(schedule: Path, scheduler: str) -> None:
    name = 'Ada "Countess" Lovelace 🚀'
    Path("team.toml").write_text(f"[people.ada]\nname = '{name}'\n[roles]\ndata_engineer = ['ada']\n")
    write_schedule(scheduler, None)
    tree = ast.parse(OUTPUTS[scheduler].read_text())
    assert name in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_a_workflow_runs_each_job_at_its_time_and_tries_again(schedule: Path) -> None:
    differ(schedule)
    write_schedule("github", Path("ours.yml"))
    workflow = yaml.safe_load(Path("ours.yml").read_text())
    # YAML reads the word on as true.
    crons = [entry["cron"] for entry in workflow[True]["schedule"]]
    assert crons == ["0 2 * * *", "30 2 * * *", "0 5 * * *", "0 7 * * 0"]
    # Named twice, it would start each of its jobs twice.
    edit(schedule, "30 2 * * *", "0 2 * * *")
    write_schedule("github", Path("ours.yml"))
    assert Path("ours.yml").read_text().count('- cron: "0 2 * * *"') == 1
    churn, retrain = workflow["jobs"]["data-late-churn"], workflow["jobs"]["retrain"]
    assert (churn["if"], churn["timeout-minutes"]) == ("github.event.schedule == '30 2 * * *'", 60)
    assert churn["name"] == "data-late-churn, devops_engineer"
    assert [step.get("uses") for step in churn["steps"]][:2] == ["actions/checkout@1a", "actions/setup-python@2b"]
    assert "seq 0 3" in churn["steps"][-1]["run"]
    assert "uv run mlteam data --pipeline late_churn ||" in churn["steps"][-1]["run"]
    assert "uv run mlteam retrain ||" in retrain["steps"][-1]["run"]


def test_a_gitlab_job_is_chosen_by_a_variable_of_its_schedule(schedule: Path) -> None:
    differ(schedule)
    edit(schedule, "retries = 3", "retries = 0")
    write_schedule("gitlab", None)
    text = OUTPUTS["gitlab"].read_text()
    jobs = yaml.safe_load(text)
    assert jobs["schedule-data-flights"]["rules"] == [
        {"if": '$CI_PIPELINE_SOURCE == "schedule" && $JOB == "data-flights"'}
    ]
    assert jobs["schedule-data-flights"]["retry"] == {"max": 2, "exit_codes": 75}
    assert "retry" not in jobs["schedule-data-late-churn"]
    assert "#   30 2 * * *   JOB = data-late-churn, of devops_engineer" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"30 2 * * *"', '"at night"', "schedule.data.cron: 'at night' is not five fields of cron, such as"),
        ('"never"', '"@daily"', "schedule.monitor.cron: '@daily' is not five fields of cron, such as"),
        ("retries = 3", "retrys = 3", "unknown key schedule.data.retrys\ndid you mean 'retries'?"),
        ("retries = 3", "retries = -1", "schedule.data.retries: Input should be greater than or equal to 0"),
        ("monitor =", "monitors =", "unknown key schedule.monitors\ndid you mean 'monitor'?"),
        ('{ cron = "never" }', '"never"', "schedule.monitor: Input should be a valid dictionary"),
    ],
)
def test_a_schedule_that_is_none_is_named_with_its_line(schedule: Path, old: str, new: str, message: str) -> None:
    differ(schedule)
    edit(schedule, old, new)
    line = next(
        number
        for number, text in enumerate(schedule.read_text(encoding="utf-8").splitlines(), start=1)
        if new in text and number > 10
    )
    with pytest.raises(ProjectError) as refused:
        write_schedule("airflow", None)
    assert str(refused.value).startswith(f"{schedule}:{line}: {message}")
    assert not OUTPUTS["airflow"].exists()


def test_a_schedule_without_jobs_is_none(schedule: Path) -> None:
    never = "".join(f'{command} = {{ cron = "never" }}\n' for command in ("data", "monitor", "retrain"))
    for path in Path("pipelines").glob("*.toml"):
        path.write_text(f"{path.read_text(encoding='utf-8')}\n[schedule]\n{never}", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"^pipelines/: no pipeline has a job\ngive one a time in \[schedule\]"):
        write_schedule("airflow", None)


def test_what_cannot_be_written_is_named(schedule: Path) -> None:
    with pytest.raises(ProjectError, match=r"there is no scheduler 'airflw'\ndid you mean 'airflow'"):
        write_schedule("airflw", None)
    CHECKS.unlink()
    with pytest.raises(ProjectError, match=r"pinned digests the schedule takes\nrestore the file, or choose airflow"):
        write_schedule("github", None)
    with pytest.raises(ProjectError, match=r"^team.toml/x.py: cannot be written"):
        write_schedule("dagster", Path("team.toml", "x.py"))
    CRONJOBS.unlink()
    with pytest.raises(ProjectError, match=r"schedule\.yaml: is missing"):
        write_schedule("kubernetes", None)


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
