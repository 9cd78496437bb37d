"""What the process check writes, shows and runs."""

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import baking
import pytest
from edits import (
    CARD,
    DESIGN,
    GRACE,
    SOURCES,
    TEAM,
    append,
    both,
    check,
    codes,
    crlf,
    replace,
    report,
    snapshot,
)


def test_fix_adds_what_is_missing_in_its_place_and_leaves_prose_alone(project: Path) -> None:
    text = (project / DESIGN).read_text(encoding="utf-8")
    start, end = text.index("## Training\n"), text.index("## Serving\n")
    (project / DESIGN).write_text(text[:start] + text[end:], encoding="utf-8", newline="\n")
    (project / CARD).unlink()
    done = check(project, "--fix")
    assert done.returncode == 0
    assert f"completed {DESIGN}\n" in done.stdout
    after = (project / DESIGN).read_text(encoding="utf-8")
    hint = "A good answer contains: what training reads, how it stops, what it records."
    added = f"## Training\n\n**Open:** to be written. {hint}\n\n"
    assert after == text[:start] + added + text[end:]
    assert "**Open:**" in (project / CARD).read_text(encoding="utf-8")


@pytest.mark.parametrize("title", ["Serving it", "Wie das Modell antwortet"])
def test_fix_adds_no_duplicate_below_a_reworded_heading(project: Path, title: str) -> None:
    replace(DESIGN, "## Serving\n", f"## {title}\n")(project)
    reworded = (project / DESIGN).read_text(encoding="utf-8")
    done = check(project, "--fix")
    assert done.returncode == 1
    assert f'or accept it: [documents."docs/design.md".sections] "Serving" = "{title}"' in done.stdout
    assert (project / DESIGN).read_text(encoding="utf-8") == reworded
    accept = f'[documents."docs/design.md".sections]\n"Serving" = "{title}"\n'
    (project / "process.toml").write_text(accept, encoding="utf-8")
    assert check(project).returncode == 0


def test_fix_adds_front_matter_to_a_page_without_any(project: Path) -> None:
    text = (project / DESIGN).read_text(encoding="utf-8")
    (project / DESIGN).write_text(text[text.index("# Design") :], encoding="utf-8", newline="\n")
    assert "PRC004" in codes(project, "pilot")
    check(project, "--fix")
    assert (project / DESIGN).read_text(encoding="utf-8").startswith("---\nowner: engineering_manager\n")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("decision", "docs/decisions/0009-we-use-duckdb.md"),
        ("design", "docs/design-we-use-duckdb.md"),
        ("page", "docs/we-use-duckdb.md"),
        ("postmortem", "docs/postmortems/{today}-we-use-duckdb.md"),
    ],
)
def test_new_pages_have_their_form_and_pass(project: Path, kind: str, path: str) -> None:
    path = path.format(today=dt.date.today())
    done = check(project, "--new", kind, "We use DuckDB!")
    assert done.returncode == 0
    assert done.stdout.startswith(f"wrote {path}\n")
    assert (project / path).read_text(encoding="utf-8").startswith("---\n")
    again = check(project, "--new", kind, "We use DuckDB!")
    assert (again.returncode, kind == "decision") in ((2, False), (0, True))


def test_a_new_question_is_asked_and_open(project: Path) -> None:
    done = check(project, "--new", "question", "Who pays for it?")
    assert done.returncode == 0
    assert "34/35 questions answered" in done.stdout
    assert "### Who pays for it?\n\n**Open:**" in (project / "PROCESS.md").read_text(encoding="utf-8")
    assert check(project, "--new", "question", "Who pays for it?").returncode == 2


def test_an_unknown_kind_of_page_gets_a_suggestion(project: Path) -> None:
    done = check(project, "--new", "decison", "x")
    assert (done.returncode, done.stderr) == (2, "--new decison 'x'\ndid you mean decision?\n")


def test_fix_changes_nothing_where_nothing_is_missing(project: Path) -> None:
    before = baking.tree(project)
    assert check(project, "--fix").stdout.startswith("process: ")
    assert baking.tree(project) == before


def test_fix_keeps_the_line_ends_of_windows(project: Path) -> None:
    crlf(project)
    replace("noxfile.py", '"""Check style', '"""Read style')(project)
    check(project, "--fix")
    assert b"Read style" in (project / "PROCESS.md").read_bytes()
    assert b"\r\n" in (project / "PROCESS.md").read_bytes()
    assert not re.search(rb"(?<!\r)\n", (project / "PROCESS.md").read_bytes())


def test_fix_keeps_what_the_team_wrote_into_codeowners(project: Path) -> None:
    append("CODEOWNERS", "/tests/ ada@example.org\n")(project)
    append(TEAM, GRACE)(project)
    replace(TEAM, 'data_engineer = ["ada"]', 'data_engineer = ["grace"]')(project)
    check(project, "--fix")
    text = (project / "CODEOWNERS").read_text(encoding="utf-8")
    assert "/sql/ grace@navy.mil\n" in text
    assert text.endswith("/tests/ ada@example.org\n")


def test_a_card_says_the_same_where_the_run_is_and_where_it_is_not(project: Path, tmp_path: Path) -> None:
    both(snapshot(rows=1234), report())(project)
    check(project, "--fix")
    assert "1,234 rows" in (project / CARD).read_text(encoding="utf-8")
    clone = baking.copy(project, tmp_path / "clone")
    shutil.rmtree(clone / "data")
    assert check(project).stdout == check(clone).stdout
    assert not check(clone, "--fix").stdout.startswith("refreshed")
    replace(CARD, "1,234 rows", "9,999 rows")(project)
    assert "PRC050" in codes(project)


def test_a_card_names_the_newest_snapshot(project: Path) -> None:
    snapshot("aaaaaaaaaaaa", 1)(project)
    snapshot("bbbbbbbbbbbb", 2)(project)
    check(project, "--fix")
    card = (project / CARD).read_text(encoding="utf-8")
    assert "snapshot `bbbbbbbbbbbb`" in card
    assert "`shop.orders` | 7 | no file |" in card


def test_a_page_keeps_to_the_highest_version_of_its_pipeline(project: Path) -> None:
    both(snapshot("aaaaaaaaaaaa", 1), report(3))(project)
    check(project, "--fix")
    reports, snapshots = project / "data" / "reports", project / "data" / "snapshots"
    whole = reports / "flight_delays-v3.json"
    page = (project / "docs" / "report.md").read_text(encoding="utf-8")
    assert "version 3, evaluation" in page
    # A look back, a look at one dataset, and a variant; all of them are newer.
    report(2)(project)
    (reports / "flight_delays-v3-christmas.json").write_text(whole.read_text().replace("0.7", "0.6"))
    shutil.copytree(snapshots / "flight_delays", snapshots / "variant")
    for file in snapshots.glob("variant/*/metadata.json"):
        file.write_text(file.read_text().replace("flight_delays", "variant"))
    (reports / "variant-v9.json").write_text(whole.read_text().replace('"version": 3', '"version": 9'))
    for there in (False, True):
        if there:
            pipeline = project / "pipelines" / "flight_delays.toml"
            pipeline.with_name("variant.toml").write_text(pipeline.read_text(encoding="utf-8"), encoding="utf-8")
        check(project, "--fix")
        assert (project / "docs" / "report.md").read_text(encoding="utf-8") == page
        assert "Pipeline `flight_delays`, snapshot" in (project / CARD).read_text(encoding="utf-8")


@pytest.mark.parametrize(("reason", "found"), [("Nobody knows when.", False), ("", True)])
def test_a_source_without_freshness_says_why(project: Path, reason: str, found: bool) -> None:
    text = (project / SOURCES).read_text(encoding="utf-8")
    start, end = text.index("      freshness:\n"), text.index("      loaded_at_field:")
    unwatched = f'      meta:\n        unwatched: "{reason}"\n'
    changed = (text[:start] + text[end:]).replace("      meta:\n", unwatched, 1)
    (project / SOURCES).write_text(changed, encoding="utf-8")
    check(project, "--fix")
    assert ("PRC044" in codes(project)) == found
    assert found or reason in (project / "docs" / "data-pipeline.md").read_text(encoding="utf-8")


def test_quiet_prints_nothing_without_errors(project: Path) -> None:
    done = check(project, "--fix", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_explain_lists_every_check_with_its_meaning_and_stage(project: Path) -> None:
    lines = check(project, "--explain").stdout.splitlines()
    assert len(lines) >= 40
    assert all(
        re.fullmatch(r"PRC\d{3}  \S.*  \(from (prototype|pilot|production|warning|stage change)\)", line)
        for line in lines
    )


def status(project: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(project / "engine" / "src")}
    show = "from pathlib import Path; from mlteam.commands.status import format_status; print(format_status(Path()))"
    done = baking.run(sys.executable, "-B", "-c", show, cwd=project, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_status_fits_on_a_screen(project: Path) -> None:
    screen = status(project).splitlines()
    assert len(screen) <= 24
    assert max(map(len, screen)) <= 120
    assert screen[0] == "stage      prototype, questions go to #ml-team"
    assert any("Ada Lovelace holds 6 of 6 roles" in line for line in screen)


def test_status_shows_the_newest_run(project: Path) -> None:
    both(snapshot(rows=1234), report())(project)
    assert "1,234 rows" in status(project)
    assert "flight_delays version 3: roc_auc 0.7000 on test, +0.7000 [+0.6900, +0.7100] over the baseline" in status(
        project
    )


def execute(project: Path, words: str, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Execute a project whose only runnable block is this one."""
    for page in (*project.glob("*.md"), *project.glob("docs/*.md")):
        text = re.sub(r"```(sh|python) run", r"```\1", page.read_text(encoding="utf-8"))
        page.write_text(text, encoding="utf-8", newline="\n")
    append(DESIGN, f"\n```sh run{words}\n{command}\n```\n")(project)
    return check(project, "--execute", **environment)


def test_a_block_with_its_documented_outcome_passes(project: Path) -> None:
    done = execute(project, " creates=made.txt", "python -c \"open('made.txt', 'w')\"")
    assert (done.returncode, "passed   docs/design.md:" in done.stdout) == (0, True)
    assert not (project / "made.txt").exists(), "blocks run in a copy"


def test_a_documented_file_that_is_not_created_is_reported(project: Path) -> None:
    done = execute(project, " creates=made.txt", "python -V")
    assert done.returncode == 1
    assert "expected: made.txt\n  found:    no such file" in done.stdout


def test_another_exit_code_is_reported_with_the_output(project: Path) -> None:
    done = execute(project, "", "python -c \"print('why'); raise SystemExit(3)\"")
    assert done.returncode == 1
    assert "found:    exit 3\n  | why" in done.stdout


def test_a_documented_failure_passes(project: Path) -> None:
    assert execute(project, " exit=3", 'python -c "raise SystemExit(3)"').returncode == 0


def test_an_unknown_word_after_run_is_reported(project: Path) -> None:
    assert execute(project, " makes=x", "python -V").returncode == 2


def test_blocks_run_without_secrets(project: Path) -> None:
    command = "python -c \"import os; raise SystemExit('GITHUB_TOKEN' in os.environ)\""
    assert execute(project, "", command, GITHUB_TOKEN="x").returncode == 0


def test_blocks_that_need_a_pipeline_are_left_out_where_there_is_none(empty: Path, tmp_path: Path) -> None:
    project = baking.copy(empty, tmp_path / empty.name)
    done = execute(project, " needs=pipeline", "python -V")
    assert "skipped  docs/design.md:" in done.stdout
