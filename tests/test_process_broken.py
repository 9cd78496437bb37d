"""A file that decides something and cannot be parsed is one finding with its line; the pages stay as they are."""

from pathlib import Path

import baking
import pytest
from edits import PIPELINE, append, check, committed, findings, replace

FILES = {
    "pyproject.toml": "\n[tool.other\n",
    "engine/pyproject.toml": "\n[tool.other\n",
    PIPELINE: "\n[gates\n",
    "monitoring/alerts.yml": "\n  a: [b\n",
    "monitoring/alerts_test.yml": "\n  a: [b\n",
    "deploy/kubernetes/schedule.yaml": "\n  a: [b\n",
    "sql/models/staging/stg_flights.yml": "\n  a: [b\n",
    "sql/models/features/flight_features.yml": "\n  a: [b\n",
}


@pytest.mark.parametrize("path", FILES)
def test_a_broken_file_is_named_with_its_line(project: Path, path: str) -> None:
    committed(project)
    lines = (project / path).read_text(encoding="utf-8").count("\n")
    append(path, FILES[path])(project)
    found = [(code, line) for code, where, line in findings(project) if where == path]
    assert "PRC043" in dict(found)
    assert 1 <= dict(found)["PRC043"] <= lines + 3


@pytest.mark.parametrize("path", FILES)
def test_nothing_is_written_from_a_broken_file(project: Path, path: str) -> None:
    committed(project)
    append(path, FILES[path])(project)
    done = check(project, "--fix")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert baking.run("git", "diff", "--name-only", cwd=project).stdout.splitlines() == [path]
    assert "PRC050" not in done.stdout


@pytest.mark.parametrize("path", [path for path in FILES if not path.startswith("sql/")])
def test_nothing_else_is_reported_because_of_it(project: Path, path: str) -> None:
    committed(project)
    append(path, FILES[path])(project)
    assert {code for code, where, _ in findings(project) if where != "engine/RELEASE"} == {"PRC043"}


def test_a_severity_is_not_compared_with_broken_rules(project: Path) -> None:
    old = "**Meaning:** The process runs"
    replace("docs/runbook.md", old, old.replace("The", "Its severity is page. The"))(project)
    before = {code for code, _, _ in findings(project)}
    append("monitoring/alerts.yml", FILES["monitoring/alerts.yml"])(project)
    assert {code for code, _, _ in findings(project)} - before == {"PRC043"}


def test_code_owners_in_another_encoding_keep_what_they_say(project: Path) -> None:
    committed(project)
    file = project / "CODEOWNERS"
    content = file.read_text(encoding="utf-8").encode("utf-16")
    file.write_bytes(content)
    done = check(project, "--fix")
    assert (done.returncode, file.read_bytes()) == (1, content)
    assert "CODEOWNERS:1:1: PRC006" in done.stdout


def test_a_release_in_another_encoding_is_none(project: Path) -> None:
    file = project / "engine" / "RELEASE"
    file.write_bytes(file.read_text(encoding="utf-8").encode("utf-16"))
    assert ("PRC093", "pyproject.toml") in {(code, path) for code, path, _ in findings(project)}


def test_a_job_without_a_name_is_one_too_many(project: Path) -> None:
    replace("deploy/kubernetes/schedule.yaml", "name: data,", "")(project)
    assert "PRC087" in {code for code, _, _ in findings(project)}
