"""How the process check speaks, and when it gives up."""

import datetime as dt
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

import baking
import pytest
from edits import (
    DESIGN,
    EXCEPTION,
    SOURCES,
    TEAM,
    append,
    check,
    codes,
    committed,
    findings,
    list_findings,
    replace,
)

DEFAULTS = "{{cookiecutter.__project_slug}}/engine/src/mlteam/repository/defaults.toml"


def test_a_fresh_project_passes_and_lists_what_is_open(project: Path) -> None:
    done = check(project)
    assert (done.returncode, done.stderr) == (0, "")
    summary = r"process: \d+ checks, 0 errors, 34/34 questions answered, \d+ items to close before stage pilot, .*"
    assert re.fullmatch(rf"{summary}stage: prototype\n", done.stdout)


def test_a_finding_names_place_expectation_fix_rule_and_owner(project: Path) -> None:
    replace(DESIGN, "## Serving\n", "## Serving it\n")(project)
    done = check(project)
    line = (project / DESIGN).read_text(encoding="utf-8").split("\n").index("## Serving it") + 1
    assert done.returncode == 1
    table = '[documents."docs/design.md".sections]'
    assert done.stdout.startswith(
        f"{DESIGN}:{line}:1: PRC002 required section 'Serving' is missing\n"
        '  expected: heading "## Serving"\n'
        '  found:    heading "## Serving it"\n'
        f'  fix:      rename it back, or accept it: {table} "Serving" = "Serving it"\n'
        f'  rule:     every required section is in its page; or drop it: {table} "Serving" = false in process.toml\n'
        "  owner:    Ada Lovelace (engineering manager)\n"
    )


def test_a_misspelled_session_gets_a_suggestion(project: Path) -> None:
    append(DESIGN, "\n`nox -s trian`\n")(project)
    assert "no such session: 'trian'" in check(project).stdout
    assert "did you mean train?" in check(project).stdout


def test_github_shows_each_finding_beside_its_line(project: Path) -> None:
    append(DESIGN, "\n[a](gone.md)\n")(project)
    shown = [line for line in check(project, GITHUB_ACTIONS="true").stdout.splitlines() if line.startswith("::error")]
    assert len(shown) == 1
    assert re.match(
        rf"::error file={DESIGN},line=\d+,col=5,title=PRC027::broken link 'gone.md': file not found", shown[0]
    )


@pytest.mark.parametrize("path", ["team.toml", "process.toml"])
@pytest.mark.parametrize(
    ("content", "message"), [(b"\n[broken\n", r":\d+: not TOML: .*"), (b"\n# \xe9\n", ": not UTF-8 text: .*")]
)
def test_a_deciding_file_that_cannot_be_read_is_named_with_its_line(
    project: Path, path: str, content: bytes, message: str
) -> None:
    (project / path).write_bytes((project / path).read_bytes() + content)
    done = check(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"{path}{message}\n(fix the line|save it as UTF-8)\n", done.stderr)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[alow]\n", 1, "unknown key 'alow'; did you mean allow?"),
        ("off = true\n", 1, "off is not a table; write [off]"),
        ('\n[off]\nPRC999 = "x"\n', 3, "no such check: 'PRC999'; did you mean PRC"),
        ("[warn]\nPRC029 = 1\n", 2, "warn.PRC029 is not a text"),
        ('[allow]\nname = ["x"]\n', 2, "unknown list 'name' under [allow]; did you mean names?"),
        ('[allow]\nnames = "x"\n', 2, "allow.names is not a list of texts"),
        (
            '[documents]\n"docs/desing.md" = false\n',
            2,
            "no such document: 'docs/desing.md'; did you mean docs/design.md?",
        ),
        ('[documents."docs/design.md"]\ntitel = "x"\n', 2, "unknown key 'titel'; did you mean title?"),
        ('[documents."docs/design.md"]\ntitle = 3\n', 2, "title must be a str, not 3"),
        ('[documents."docs/design.md"]\nsections."Dada" = false\n', 2, "no such section: 'Dada'; did you mean Data?"),
        ('[documents."docs/design.md"]\nkind = "recrod"\n', 2, "unknown value 'recrod'; did you mean record?"),
        ('[questions]\n"Who pays?" = false\n', 2, "no such question: 'Who pays?'"),
        ('[questions."Who pays?"]\nneeds = ["ownr"]\n', 2, "unknown value 'ownr'; did you mean owner?"),
        ('[[exceptions]]\ncode = "PRC029"\n', 1, "the exception lacks path, reason, owner, expires"),
        (EXCEPTION.replace("2999-01-01", '"soon"').lstrip(), 1, "expires is not a date: 'soon'"),
    ],
)
def test_a_typo_in_process_toml_is_named_with_its_line(project: Path, text: str, line: int, message: str) -> None:
    (project / "process.toml").write_text(text, encoding="utf-8")
    done = check(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"process.toml:{line}: {message}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("stage =", "stages =", "unknown key 'stages'"),
        ('"prototype"', '"shadow"', "no such stage: 'shadow'"),
        ("data_engineer = [", "data_enginer = [", "unknown key 'roles.data_enginer'"),
        ("within =", "wihtin =", "unknown key 'escalation.page.wihtin'"),
        ("email =", "mail =", "unknown key 'people.ada.mail'"),
    ],
)
def test_a_typo_in_team_toml_is_named_with_its_line(project: Path, old: str, new: str, message: str) -> None:
    text = (project / TEAM).read_text(encoding="utf-8")
    line = next(n for n, row in enumerate(text.split("\n"), 1) if old in row and not row.startswith("#"))
    replace(TEAM, f"\n{text.split(chr(10))[line - 1]}", f"\n{text.split(chr(10))[line - 1].replace(old, new)}")(project)
    assert f"team.toml:{line}:1: PRC005 {message}" in check(project).stdout


def test_without_its_libraries_the_check_says_how_to_get_them(project: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(project / "engine" / "src")}
    done = baking.run(sys.executable, "-S", "-B", "-m", "mlteam.process", cwd=project, env=environment)
    assert done.returncode == 1
    assert "run `nox -s process`, which installs what it needs" in done.stderr


def test_a_page_that_is_not_utf_8_is_named(project: Path) -> None:
    (project / DESIGN).write_bytes(b"# D\xe9sign\n")
    assert ("PRC006", DESIGN, 1) in findings(project)


@pytest.mark.parametrize(
    "path", ["sql/models/staging/stg_flights.sql", "engine/src/mlteam/cli/main.py", "CODEOWNERS", SOURCES]
)
def test_any_file_that_is_not_utf_8_is_named(path: str, project: Path) -> None:
    (project / path).write_bytes(b"\xe9\n")
    assert ("PRC006", path, 1) in findings(project)


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


def test_an_overdue_review_warns_and_stops_a_stage_change(project: Path) -> None:
    replace(DESIGN, "last_reviewed: never", "last_reviewed: 2020-01-01")(project)
    done = check(project)
    assert done.returncode == 0
    assert re.search(r"warning: docs/design\.md:\d+: PRC060 the review is \d+ days overdue", done.stdout)
    committed(project)
    replace(TEAM, 'stage = "prototype"', 'stage = "pilot"')(project)
    assert "PRC060" in codes(project)
    committed(project)
    assert "PRC060" not in codes(project)


def test_an_exception_accepts_its_finding_warns_before_it_ends_and_then_blocks_only_its_file(project: Path) -> None:
    append(DESIGN, "\n`docs/soon.md`\n")(project)
    assert "PRC029" in codes(project)
    append("process.toml", EXCEPTION)(project)
    done = check(project)
    assert done.returncode == 0
    assert ", 1 excepted," in done.stdout
    soon = dt.date.today() + dt.timedelta(days=3)
    replace("process.toml", "2999-01-01", soon.isoformat())(project)
    assert f"PRC090 the exception for PRC029 in docs/* ends on {soon}" in check(project).stdout
    replace("process.toml", soon.isoformat(), "2020-01-31")(project)
    assert "PRC029" in codes(project)
    committed(project)
    assert codes(project) == set()
    assert {"PRC029", "PRC090"} <= codes(project, warnings=True)
    append("README.md", "\nAnother page.\n")(project)
    assert codes(project) == set()
    append(DESIGN, "\nThe page itself.\n")(project)
    assert codes(project) == {"PRC029"}


def test_a_check_can_be_switched_off_warn_only_or_allow_a_word(project: Path) -> None:
    append(DESIGN, "\n`docs/soon.md`\n")(project)
    settings = project / "process.toml"
    for text, expected in (
        ('[off]\nPRC029 = "not here"\n', set()),
        ('[warn]\nPRC029 = "later"\n', {"PRC029"}),
        ('[allow]\npaths = ["docs/soon.md"]\n', set()),
    ):
        settings.write_text(text, encoding="utf-8")
        assert codes(project) == set()
        assert codes(project, warnings=True) == expected


def test_what_is_open_blocks_from_its_stage_on(project: Path) -> None:
    replace(TEAM, 'stage = "prototype"', 'stage = "pilot"')(project)
    assert {"PRC016", "PRC022", "PRC047"} <= codes(project)
    pilot = [f for f in list_findings(project) if f.code == "PRC016"]
    production = [f for f in list_findings(project, "production") if f.code == "PRC016"]
    assert 0 < len(pilot) < len(production)
    assert all("rehearsed" not in finding.message for finding in pilot)


def test_an_address_for_examples_blocks_from_pilot_on(project: Path) -> None:
    assert "PRC022" not in codes(project)
    assert ("PRC022", TEAM) in {(code, path) for code, path, _ in findings(project, "pilot")}


@pytest.mark.parametrize(
    "text", ["", "# Prozess\n\nWir arbeiten so.\n", "word\n" * 20_000, "# A\n\n" + "- `x_y` [a](b.md)\n" * 7_000]
)
def test_odd_pages_are_answered_quickly(project: Path, text: str) -> None:
    (project / "docs" / "odd.md").write_text(text, encoding="utf-8")
    (project / "PROCESS.md").write_text(text, encoding="utf-8")
    before = os.times()
    done = check(project)
    spent = os.times()
    assert done.returncode == 1
    assert "PRC007" in done.stdout
    assert spent.children_user - before.children_user < 2


def test_of_many_findings_of_one_kind_some_are_shown_and_the_rest_counted(project: Path) -> None:
    (project / "docs" / "odd.md").write_text("# A\n\n" + "[a](gone.md)\n" * 50, encoding="utf-8")
    shown = check(project).stdout
    assert shown.count("PRC027 broken link") == 20
    assert "\ndocs/odd.md: 30 more of PRC027\n" in shown
    assert re.search(r"process: \d+ checks, 5\d errors", shown)


def test_every_question_of_the_source_is_asked_once() -> None:
    asked = tomllib.loads((baking.ROOT / DEFAULTS).read_text(encoding="utf-8"))["questions"]
    assert len(asked) == 34
