"""Each check finds its breach, lets pass what only looks like one, and stops the commit that has it."""

import shutil
import sys
from pathlib import Path

import baking
import pytest
from breaches import BREACHES, Breach
from mutants_edits import codes, committed


@pytest.fixture(scope="module")
def fresh(bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("process"))


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(fresh, tmp_path / fresh.name, symlinks=True))


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.code)
def test_a_check_finds_its_breach(breach: Breach, project: Path) -> None:
    breach.wrong(project)
    assert breach.code in codes(project, breach.stage)


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.code)
def test_a_check_lets_pass_what_only_looks_like_a_breach(breach: Breach, project: Path) -> None:
    breach.right(project)
    assert breach.code not in codes(project, breach.stage)


# One check of each family, and one edit of it that a commit must not carry.
FAMILIES = ("PRC002", "PRC011", "PRC020", "PRC027", "PRC041", "PRC044", "PRC060", "PRC074", "PRC090")


@pytest.mark.parametrize("code", FAMILIES)
def test_a_commit_that_breaks_a_check_of_each_family_is_refused(code: str, project: Path) -> None:
    committed(project)
    hook = project / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\nPYTHONPATH=engine/src exec '{sys.executable}' -B -m mlteam.process >&2\n", encoding="utf-8"
    )
    hook.chmod(0o755)
    next(breach for breach in BREACHES if breach.code == code).wrong(project)
    before = baking.run("git", "rev-parse", "HEAD", cwd=project).stdout
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = baking.run("git", *identity, "commit", "--all", "--message", "Break it", cwd=project)
    assert done.returncode == 1
    assert code in done.stderr
    assert baking.run("git", "rev-parse", "HEAD", cwd=project).stdout == before
