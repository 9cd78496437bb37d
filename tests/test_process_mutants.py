"""The process check finds each of many small untruths where it is, and none in a fresh project."""

import shutil
from pathlib import Path

import baking
import pytest
from edits import findings, list_findings
from mutants import Mutant
from mutants_all import mutants

FEWEST = 300


@pytest.fixture(scope="module")
def changed(bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("mutants"))


def miss(project: Path, mutant: Mutant) -> str:
    """Describe a mutant that the check does not report as it must; the project is left as it was."""
    path = project / mutant.path
    before = path.read_bytes() if path.exists() else None
    try:
        if mutant.text is None:
            path.unlink()
        else:
            path.write_text(mutant.text, encoding="utf-8", newline="\n")
        found = findings(project, warnings=True)
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)
    if (mutant.code, mutant.where, mutant.line) in found:
        return ""
    return f"{mutant.name} in {mutant.path}: expected {mutant.code} {mutant.where}:{mutant.line}, got {found[:4]}"


def test_a_fresh_project_of_every_combination_has_no_finding(baked: tuple[Path, dict[str, str]]) -> None:
    project, _ = baked
    assert [finding.format_full() for finding in list_findings(project, warnings=True)] == []


def test_every_mutant_is_caught_with_its_code_file_and_line(changed: Path) -> None:
    seeded = list(mutants(changed))
    assert len(seeded) >= FEWEST
    missed = [message for mutant in seeded if (message := miss(changed, mutant))]
    assert missed == []
    assert findings(changed, warnings=True) == []
    assert shutil.which("git") is None or not baking.run("git", "diff", "--name-only", cwd=changed).stdout
