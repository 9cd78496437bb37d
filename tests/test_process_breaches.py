"""Each check finds its breach, passes what only looks like one, and stops the commit that has it."""

import sys
from pathlib import Path

import baking
import pytest
from breaches import BREACHES, Breach
from edits import codes, committed
from mlteam.process.checks import CHECKS


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.code)
def test_a_check_finds_its_breach(breach: Breach, project: Path) -> None:
    breach.wrong(project)
    assert breach.code in codes(project, breach.stage, warnings=True)


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.code)
def test_a_check_passes_what_only_looks_like_a_breach(breach: Breach, project: Path) -> None:
    breach.right(project)
    assert breach.code not in codes(project, breach.stage, warnings=True)


def test_every_check_has_a_breach() -> None:
    assert set(CHECKS) - {breach.code for breach in BREACHES} == set()


# One check of each family, and one edit of it that a commit must not carry.
FAMILIES = ("PRC002", "PRC011", "PRC020", "PRC027", "PRC031", "PRC041", "PRC044", "PRC060", "PRC083")


@pytest.mark.parametrize("code", FAMILIES)
def test_a_commit_that_breaks_a_check_of_each_family_is_rejected(code: str, project: Path) -> None:
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
