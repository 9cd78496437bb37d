"""Several pipelines: which one a command means, and commands that run for all."""

from pathlib import Path

import pytest
from conftest import SPEC, edit
from typer.testing import CliRunner

from mlteam.cli.main import app
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot
from mlteam.process.execution import _choose_pipeline, _explain_missing_data
from mlteam.repository.project import Project

PYPROJECT = '[project]\nname = "x"\n\n[tool.mlteam]\nengine = "0.2.0"\n\n[tool.uv]\npackage = true\n'


@pytest.fixture
def two(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A second pipeline beside the first."""
    monkeypatch.delenv("MODEL_PIPELINE", raising=False)
    Path("pipelines/arrivals.toml").write_text(SPEC)
    Path("pyproject.toml").write_text(PYPROJECT)
    return pipelines.list_pipelines()


def test_one_of_several_is_named_by_option_environment_or_default(
    two: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert two == ["arrivals", "flights"]
    with pytest.raises(ProjectError, match="which pipeline") as asked:
        pipelines.load_spec(None)
    assert asked.value.fix == (
        'add --pipeline arrivals, or write pipeline = "arrivals" under [tool.mlteam] in pyproject.toml'
    )
    assert pipelines.keep_default("flights")
    assert pipelines.load_spec(None).name == "flights"
    assert not pipelines.keep_default("arrivals")
    monkeypatch.setenv("MODEL_PIPELINE", "arrivals")
    assert pipelines.load_spec(None).name == "arrivals"
    assert pipelines.load_spec("flights").name == "flights"


def test_the_default_is_written_where_it_is_read_and_nothing_else_changes(two: list[str]) -> None:
    pipelines.keep_default("flights")
    text = Path("pyproject.toml").read_text()
    added = [line for line in text.splitlines() if line not in PYPROJECT.splitlines()]
    assert added[-1] == 'pipeline = "flights"'
    assert text.replace("\n".join(added) + "\n", "").split() == PYPROJECT.split()


def test_a_default_that_is_gone_is_named_with_its_place(two: list[str]) -> None:
    Path("pyproject.toml").write_text(PYPROJECT.replace('"0.2.0"', '"0.2.0"\npipeline = "flight"'))
    with pytest.raises(ProjectError, match="there is no pipeline 'flight'") as refused:
        pipelines.load_spec(None)
    assert "pyproject.toml" in str(refused.value.where)
    assert refused.value.fix == "did you mean 'flights'?"


def test_what_changes_an_answer_names_its_pipeline(two: list[str]) -> None:
    pipelines.keep_default("flights")
    for command in (["launch", "--version", "1"], ["rollback"]):
        done = CliRunner().invoke(app, [*command, "--by", "ada", "--reason", "to see"])
        assert isinstance(done.exception, ProjectError)
        assert done.exception.what == "which pipeline? there are arrivals, flights"
        assert done.exception.fix == "add --pipeline arrivals"


def test_a_job_without_a_name_runs_for_all_and_one_that_fails_stops_no_other(
    two: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def generate(spec: Spec, **_: object) -> None:
        ran.append(spec.name)
        if spec.name == "arrivals":
            raise ProjectError("no rows")

    monkeypatch.setattr("mlteam.commands.data.generate_data", generate)
    done = CliRunner().invoke(app, ["data", "--no-log"])
    assert (done.exit_code, ran) == (1, ["arrivals", "flights"])
    assert CliRunner().invoke(app, ["data", "--no-log", "--pipeline", "flights"]).exit_code == 0
    done = CliRunner().invoke(app, ["data", "--no-log", "--pipeline", "arrivals"])
    assert isinstance(done.exception, ProjectError)


def test_monitoring_runs_for_all_and_says_the_worst(two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlteam.commands.monitor.monitor_pipeline", lambda spec, _: spec.name == "flights")
    assert CliRunner().invoke(app, ["monitor", "--no-log"]).exit_code == 1
    for name in two:
        monkeypatch.setattr("mlteam.serving.bundle.is_launched", lambda one, name=name: one == name)
        # One that is not launched yet wakes nobody.
        assert CliRunner().invoke(app, ["monitor", "--no-log"]).exit_code == (name == "arrivals")
    assert CliRunner().invoke(app, ["monitor", "--no-log", "--pipeline", "flights"]).exit_code == 0
    monkeypatch.undo()
    assert CliRunner().invoke(app, ["monitor", "--no-log"]).exit_code == 2  # nothing is launched


def test_documented_commands_run_for_the_default_or_else_the_first(two: list[str]) -> None:
    assert _choose_pipeline(Project(Path())) == "arrivals"
    pipelines.keep_default("flights")
    assert _choose_pipeline(Project(Path())) == ""
    Path("pipelines/arrivals.toml").unlink()
    assert _choose_pipeline(Project(Path())) == ""


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ("origin: ../loans.csv", "the file of the source bank.loans is not in the repository"),
        ("origin: loans.csv", ""),
        ("origin: public.loans", ""),
        ("secret: BANK_PASSWORD", "the source bank.loans needs BANK_PASSWORD, and a copy sees no secret"),
    ],
)
def test_documented_commands_are_skipped_where_a_copy_has_no_data(two: list[str], meta: str, reason: str) -> None:
    Path("loans.csv").write_text("id\n1\n")
    Path("sql/models").mkdir()
    Path("sql/models/sources.yml").write_text(
        f"sources:\n  - name: bank\n    tables:\n      - name: loans\n        config: {{meta: {{{meta}}}}}\n"
    )
    assert _explain_missing_data(Project(Path())) == reason


def test_pipelines_do_not_share_snapshots(two: list[str]) -> None:
    edit(Path("pipelines/arrivals.toml"), 'numeric = ["hour", "wind"]', 'numeric = ["hour"]')
    for name in two:
        assert snapshot.take(pipelines.load_spec(name)).folder.parent.name == name
