"""The engine is the same in every project, and its release is recorded."""

import hashlib
import sys
from pathlib import Path

import baking

ENGINE = Path("{{cookiecutter.__project_slug}}", "engine")


def test_the_release_is_that_of_the_files(template: Path) -> None:
    recorded = (template / ENGINE / "RELEASE").read_bytes()
    command = [sys.executable, "-B", "-m", "mlteam.core.release", str(template / ENGINE)]
    done = baking.run(*command, cwd=template / ENGINE / "src")
    assert done.returncode == 0, done.stderr
    assert (template / ENGINE / "RELEASE").read_bytes() == recorded, "run `nox -s release`"


def test_the_engine_is_verbatim_in_every_project(template: Path, baked: tuple[Path, dict[str, str]]) -> None:
    project, _ = baked
    generated = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in baking.tree(project).items()
        if name.startswith("engine/")
    }
    original = {
        f"engine/{name}": hashlib.sha256(content).hexdigest()
        for name, content in baking.tree(template / ENGINE).items()
    }
    assert generated == original
