"""The process check sees each of a thousand small untruths where it stands, and none where there is none."""

import shutil
from pathlib import Path

import baking
import pytest
from breaches import BREACHES
from mutants import Mutant, checker
from mutants_all import mutants

FEWEST = 300


@pytest.fixture(scope="module")
def project(bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("mutants"))


def missed(project: Path, mutant: Mutant) -> str:
    """What the check says of a mutant that it does not catch as it must, or nothing; the project is left as it was."""
    path = project / mutant.path
    before = path.read_bytes() if path.exists() else None
    try:
        if mutant.text is None:
            path.unlink()
        else:
            path.write_text(mutant.text, encoding="utf-8", newline="\n")
        failures = checker().run(project).failures
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)
    if any((f.code, f.path, f.line) == (mutant.code, mutant.where, mutant.line) for f in failures):
        return ""
    said = [f"{f.path}:{f.line} {f.code} {f.text}" for f in failures[:4]]
    return f"{mutant.name} in {mutant.path}: wanted {mutant.code} {mutant.where}:{mutant.line}, got {said}"


def test_a_fresh_project_of_every_combination_has_no_finding(baked: tuple[Path, dict[str, str]]) -> None:
    project, _ = baked
    assert [finding.render() for finding in checker().run(project).failures] == []


def test_every_mutant_is_caught_with_its_code_file_and_line(project: Path) -> None:
    seeded = list(mutants(project))
    assert len(seeded) >= FEWEST
    escaped = [said for mutant in seeded if (said := missed(project, mutant))]
    assert escaped == []


def test_every_check_is_killed_by_a_mutant_or_has_a_test_of_its_own(project: Path) -> None:
    checker()
    from mlteam.process.checks.findings import CHECKS

    proven = {mutant.code for mutant in mutants(project)} | {breach.code for breach in BREACHES}
    assert set(CHECKS) - proven == set()


def test_the_project_is_as_it_was_after_the_mutants(project: Path) -> None:
    assert checker().run(project).failures == []
    assert shutil.which("git") is None or not baking.run("git", "diff", "--name-only", cwd=project).stdout
