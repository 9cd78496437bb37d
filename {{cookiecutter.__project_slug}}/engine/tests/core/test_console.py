import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlteam.core import console
from mlteam.core.errors import ProjectError

RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) (.+)")
CALL = "from mlteam.cli.main import main; main()"


@pytest.fixture(autouse=True)
def fresh_logger() -> Iterator[None]:
    before = console.logger.level, console.logger.propagate
    yield
    console.logger.handlers.clear()
    console.logger.level, console.logger.propagate = before


def report_everything() -> None:
    with console.show_progress("take the snapshot") as progress:
        progress("1/2")
    console.print_line("  2 rows [x]")
    console.print_line("1 wrong", logging.WARNING)
    console.print_error(ProjectError("is missing", where="a.csv", fix="restore it"))
    console.print_table("metrics", ["metric", "value"], [["roc_auc", "0.7"]])


def test_a_job_writes_records_to_stderr_and_tables_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console.configure_output(log=None)
    report_everything()
    printed = capsys.readouterr()
    records = [match.groups() for line in printed.err.splitlines() if (match := RECORD.fullmatch(line))]
    assert len(records) == len(printed.err.splitlines())
    assert records[0] == ("INFO", "take the snapshot: started")
    assert records[1][1].startswith("take the snapshot: finished in 0.0 s")
    assert records[2:] == [("INFO", "2 rows [x]"), ("WARNING", "1 wrong"), ("ERROR", "a.csv: is missing; restore it")]
    assert printed.out.split() == ["metrics", "metric", "value", "roc_auc", "0.7"]


@pytest.mark.parametrize("log", [None, False])
def test_a_person_at_a_terminal_reads_plain_lines(
    log: bool | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as terminal:
        terminal.setattr("sys.stdout.isatty", lambda: log is None)
        console.configure_output(log=log)
    report_everything()
    printed = capsys.readouterr()
    assert printed.err == "error: a.csv: is missing\nrestore it\n"
    assert printed.out.splitlines()[0].startswith("  take the snapshot")
    assert "  2 rows [x]\n1 wrong\n" in printed.out


@pytest.mark.parametrize(("command", "status"), [("monitor", 2), ("data", 1), ("retrain", 1)])
def test_a_command_that_schedulers_run_logs_why_it_failed(project: Path, command: str, status: int) -> None:
    (project / "pipelines" / "flights.toml").write_text("task = 1")
    done = subprocess.run([sys.executable, "-c", CALL, command], capture_output=True, text=True, check=False)
    assert done.returncode == status
    match = RECORD.fullmatch(done.stderr.splitlines()[-1])
    assert match is not None, done.stderr
    assert match[1] == "ERROR"
    assert match[2].startswith("pipelines/flights.toml:1: ")
    told = subprocess.run(
        [sys.executable, "-c", CALL, command, "--no-log"], capture_output=True, text=True, check=False
    )
    assert told.returncode == status
    assert told.stderr.splitlines()[0].startswith("error: pipelines/flights.toml:1: ")
