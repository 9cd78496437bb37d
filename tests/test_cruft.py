"""A project follows the template: made, compared and updated by cruft from a local git repository with two tags."""

import json
import os
import shutil
from pathlib import Path

import baking
import pytest

IDENTITY = {f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def ok(*command: str | Path, cwd: Path) -> str:
    done = baking.run(*command, cwd=cwd, env=os.environ | IDENTITY | {"HOME": str(cwd)})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commit(repository: Path, message: str) -> None:
    ok("git", "add", "--all", cwd=repository)
    ok("git", "commit", "--quiet", "--message", message, cwd=repository)


@pytest.fixture(scope="module")
def published(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a repository: v1 is the present state, v2 adds a line to one generated file."""
    repository = tmp_path_factory.mktemp("published") / "mlteam-template"
    shutil.copytree(template, repository)
    ok("git", "-c", "init.defaultBranch=main", "init", "--quiet", cwd=repository)
    commit(repository, "first")
    ok("git", "tag", "v1", cwd=repository)
    with (repository / "{{cookiecutter.__project_slug}}" / ".gitignore").open("a", encoding="utf-8") as file:
        file.write("/later/\n")
    commit(repository, "second")
    ok("git", "tag", "v2", cwd=repository)
    return repository


@pytest.fixture
def project(published: Path, tmp_path: Path) -> Path:
    options = ["--no-input", "--default-config", "--checkout", "v1", "--output-dir", str(tmp_path)]
    ok(baking.tool("cruft"), "create", published, *options, cwd=tmp_path)
    return tmp_path / "flight-delays"


def test_cruft_makes_the_project_that_cookiecutter_makes(project: Path, bake: baking.Bake, tmp_path: Path) -> None:
    made = baking.tree(project)
    assert made.pop(".cruft.json")
    assert made == baking.tree(bake(tmp_path / "baked"))


def test_a_fresh_project_is_up_to_date_and_differs_in_nothing(project: Path) -> None:
    assert "up to date" in ok(baking.tool("cruft"), "check", "--checkout", "v1", cwd=project)
    assert ok(baking.tool("cruft"), "diff", "--exit-code", cwd=project) == ""


def test_awkward_answers_are_kept_for_the_next_update(published: Path, tmp_path: Path) -> None:
    answers = json.dumps({"description": 'Zoë\'s "late" \\ 🦓', "team_channel": "#a: b"})
    options = ["--no-input", "--default-config", "--output-dir", str(tmp_path), "--extra-context", answers]
    ok(baking.tool("cruft"), "create", published, *options, cwd=tmp_path)
    assert ok(baking.tool("cruft"), "diff", "--exit-code", cwd=tmp_path / "flight-delays") == ""


def test_an_update_brings_the_new_version_and_keeps_the_team_s_own_lines(project: Path) -> None:
    ours = project / "noxfile.py"
    ours.write_text(ours.read_text(encoding="utf-8") + "\n# Ours.\n", encoding="utf-8")
    commit(project, "ours")
    cruft = baking.tool("cruft")
    assert baking.run(cruft, "check", "--checkout", "v2", cwd=project).returncode == 1
    ok(cruft, "update", "--skip-apply-ask", "--checkout", "v2", cwd=project)
    assert (project / ".gitignore").read_text(encoding="utf-8").endswith("/later/\n")
    assert ours.read_text(encoding="utf-8").endswith("# Ours.\n")
    changed = ok("git", "status", "--porcelain", cwd=project).split()
    assert changed == ["M", ".cruft.json", "M", ".gitignore"]
    assert "up to date" in ok(cruft, "check", "--checkout", "v2", cwd=project)
