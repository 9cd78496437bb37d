"""How the process check speaks, and when it gives up."""

import os
import re
import shutil
import sys
from pathlib import Path

import baking
import pytest
from mutants import checker
from mutants_edits import (
    DESIGN,
    ROLLOUT,
    SOURCES,
    SUPPRESSION,
    TEAM,
    append,
    check,
    codes,
    committed,
    findings,
    replace,
)


@pytest.fixture(scope="module")
def fresh(bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("process"))


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(fresh, tmp_path / fresh.name, symlinks=True))


def test_a_fresh_project_passes_and_says_what_is_open(project: Path) -> None:
    done = check(project)
    assert (done.returncode, done.stderr) == (0, "")
    summary = r"process: \d+ checks, \d+ passed, 0 failed, \d+/34 questions answered, \d+ open until shadow, .*"
    assert re.fullmatch(rf"{summary}stage: prototype\n", done.stdout)


def test_a_finding_says_where_what_was_expected_what_to_do_and_who_answers_for_it(project: Path) -> None:
    replace(DESIGN, "## Serving\n", "## Serving it\n")(project)
    done = check(project)
    line = (project / DESIGN).read_text(encoding="utf-8").split("\n").index("## Serving it") + 1
    assert done.returncode == 1
    assert done.stdout.startswith(
        f"{DESIGN}:{line}:1: PRC002 required section 'Serving' is missing\n"
        '  expected: heading "## Serving"\n'
        '  found:    heading "## Serving it"\n'
        "  fix:      rename the heading back\n"
        "  owner:    Ada Lovelace (engineering manager)\n"
    )


def test_a_misspelt_session_is_answered_with_the_one_that_was_meant(project: Path) -> None:
    append(DESIGN, "\n`nox -s trian`\n")(project)
    assert "`nox -s trian` does not exist" in check(project).stdout
    assert "did you mean train?" in check(project).stdout


def test_github_shows_each_finding_beside_its_line(project: Path) -> None:
    append(DESIGN, "\n[a](gone.md)\n")(project)
    shown = [line for line in check(project, GITHUB_ACTIONS="true").stdout.splitlines() if line.startswith("::error")]
    assert len(shown) == 1
    assert re.match(rf"::error file={DESIGN},line=\d+,col=5,title=PRC027::link 'gone.md' leads nowhere", shown[0])


@pytest.mark.parametrize(
    "path", ["team.toml", "process/questions.toml", "process/documents.toml", "process/suppressions.toml"]
)
def test_a_broken_file_of_its_own_makes_the_check_give_up_rather_than_fail(path: str, project: Path) -> None:
    append(path, "\n[broken\n")(project)
    done = check(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"process: the check could not run: {path} is not TOML: .*\n", done.stderr)


def test_a_noxfile_that_is_no_python_makes_the_check_give_up(project: Path) -> None:
    append("noxfile.py", "\ndef (:\n")(project)
    done = check(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.match(r"process: the check could not run: noxfile\.py:\d+ is not Python", done.stderr)


def test_without_its_libraries_the_check_gives_up_and_says_how_to_get_them(project: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(project / "engine" / "src")}
    done = baking.run(sys.executable, "-S", "-B", "-m", "mlteam.process", cwd=project, env=environment)
    assert done.returncode == 2
    assert "run `nox -s process`, which brings what it needs" in done.stderr


def test_a_page_that_is_not_utf_8_is_named(project: Path) -> None:
    (project / DESIGN).write_bytes(b"# D\xe9sign\n")
    assert ("PRC006", DESIGN, 1) in findings(project)


@pytest.mark.parametrize(
    "path", ["sql/models/staging/stg_flights.sql", "engine/src/mlteam/cli/main.py", "CODEOWNERS", SOURCES]
)
def test_any_file_that_is_not_utf_8_is_named(path: str, project: Path) -> None:
    (project / path).write_bytes(b"\xe9\n")
    assert ("PRC006", path, 1) in findings(project)


def test_a_team_file_that_is_not_utf_8_makes_the_check_give_up(project: Path) -> None:
    (project / TEAM).write_bytes(b"\xe9\n")
    assert check(project).returncode == 2


def test_a_fault_of_the_checker_itself_is_no_finding(project: Path) -> None:
    replace("engine/src/mlteam/process/checks/runner.py", "check.run(project)", "check.gone(project)")(project)
    done = check(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("process: the check could not run: this is a fault of its own\n")


def test_a_page_of_five_megabytes_and_a_loop_of_links_are_survived(project: Path) -> None:
    append("docs/large.md", "word " * 1_000_000)(project)
    (project / "docs" / "loop").symlink_to(project / "docs", target_is_directory=True)
    assert findings(project) == []


@pytest.mark.parametrize("folder", ["docs", "sql/models"])
def test_the_check_says_the_same_from_every_folder(folder: str, project: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(project / "engine" / "src")}
    done = baking.run(sys.executable, "-B", "-m", "mlteam.process", cwd=project / folder, env=environment)
    assert done.stdout == check(project).stdout


def test_a_repository_with_and_without_commits_a_worktree_and_a_detached_head_say_the_same(project: Path) -> None:
    replace(DESIGN, "last_reviewed: never", "last_reviewed: 2026-01-01")(project)
    before = check(project).stdout
    committed(project)
    baking.run("git", "worktree", "add", "--detach", project.parent / "worktree", cwd=project)
    baking.run("git", "checkout", "--detach", cwd=project)
    assert check(project).stdout == check(project.parent / "worktree").stdout == before
    shutil.rmtree(project / ".git")
    assert check(project).stdout == before


def test_a_review_that_only_moves_the_date_is_found(project: Path) -> None:
    replace(DESIGN, "last_reviewed: never", "last_reviewed: 2026-01-01")(project)
    committed(project)
    replace(DESIGN, "last_reviewed: 2026-01-01", "last_reviewed: 2026-02-01")(project)
    assert "PRC061" in codes(project, "production")
    replace(DESIGN, ROLLOUT, f"{ROLLOUT}\nNow in two stages.\n")(project)
    assert "PRC061" not in codes(project, "production")


def test_a_page_that_is_late_for_review_blocks_in_production_only(project: Path) -> None:
    replace(DESIGN, "last_reviewed: never", "last_reviewed: 2020-01-01")(project)
    assert "PRC060" not in codes(project, "shadow")
    found = [f for f in checker().run(project, "production").failures if f.path == DESIGN and f.code == "PRC060"]
    assert "due every 180 days" in found[0].text


def test_an_exception_lets_its_finding_through_and_is_printed(project: Path) -> None:
    append(DESIGN, "\n`docs/soon.md`\n")(project)
    append("process/suppressions.toml", SUPPRESSION)(project)
    done = check(project)
    assert done.returncode == 0
    assert re.search(r"let through until 2999-01-01: docs/design\.md:\d+ PRC029", done.stdout)
    assert ", 1 let through," in done.stdout


def test_from_shadow_on_what_is_open_blocks(project: Path) -> None:
    replace(TEAM, 'stage = "prototype"', 'stage = "shadow"')(project)
    assert {"PRC016", "PRC022", "PRC047"} <= codes(project)


def test_an_address_for_examples_reaches_nobody(project: Path) -> None:
    assert "PRC022" not in codes(project)
    assert ("PRC022", TEAM) in {(code, path) for code, path, _ in findings(project, "shadow")}


def test_every_question_of_the_source_is_asked_once() -> None:
    import tomllib

    asked = [
        q["text"]
        for q in tomllib.loads(
            (baking.ROOT / "{{cookiecutter.__project_slug}}" / "process" / "questions.toml").read_text(encoding="utf-8")
        )["question"]
    ]
    assert len(asked) == len(set(asked)) == 34
