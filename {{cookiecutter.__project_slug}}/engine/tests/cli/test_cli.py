import subprocess
import sys
from pathlib import Path

import pytest

from mlteam.cli.main import main

HELP = """
import contextlib, sys
from mlteam.cli.main import main
sys.argv = ["x", "--help"]
with contextlib.suppress(SystemExit):
    main()
print("LOADED", *{name.partition(".")[0] for name in sys.modules})
"""


HEAVY = {"dbt", "duckdb", "mlflow", "numpy", "pyarrow", "pydantic", "xgboost", "altair"}


def test_help_loads_none_of_the_heavy_libraries() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert "pipeline" in done.stdout
    assert not HEAVY & set(done.stdout.partition("LOADED")[2].split())


def test_what_a_person_can_put_right_is_said_in_two_lines(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "train", "--pipeline", "flight"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: pipelines/: there is no pipeline 'flight'\ndid you mean 'flights'?\n"


@pytest.mark.parametrize(
    ("command", "option", "message"),
    [
        ("predict", ("--where", "hour > 3"), "--where selects rows of a dataset, and --example is a single row"),
        ("explain", ("--where", "hour > 3"), "--where selects rows of a dataset, and --example is a single row"),
        ("predict", ("--target", "dev"), "--target says where a table is, and --example is a single row"),
    ],
)
def test_an_example_has_no_rows_to_choose_among(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    option: tuple[str, str],
    message: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", command, "--example", "{}", *option])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {message}\n")


def test_a_wrong_call_exits_with_2(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "trian"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2


def test_commands_work_from_a_folder_below_the_root(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "pipelines")
    monkeypatch.setattr(sys, "argv", ["x", "train"])
    with pytest.raises(SystemExit):
        main()
    assert Path.cwd() == project


def test_outside_a_repository_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["x", "data"])
    with pytest.raises(SystemExit):
        main()
    assert "no team.toml and pipelines/" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
