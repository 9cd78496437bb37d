"""An organization that publishes the engine: a project without engine/ runs on the wheel, as engine/README.md says."""

import re
import shutil
import sys
from pathlib import Path

import baking
import pytest

pytestmark = pytest.mark.slow


def refer_to(wheel: Path, pyproject: Path) -> None:
    """Do what engine/README.md says, with a wheel in the place of a git URL."""
    text = pyproject.read_text(encoding="utf-8")
    text, removed = re.subn(r"\[tool\.uv\.workspace\]\n.*?\n\n", "", text, flags=re.DOTALL)
    text, replaced = re.subn(r"mlteam = \{ workspace = true \}", f'mlteam = {{ path = "{wheel.as_posix()}" }}', text)
    assert (removed, replaced) == (1, 1)
    pyproject.write_text(text, encoding="utf-8")


def test_a_project_runs_on_the_published_engine(bake: baking.Bake, tmp_path: Path) -> None:
    project = bake(tmp_path / "project")
    machine = baking.fresh_machine()

    def succeed(*command: str) -> str:
        done = baking.run(*command, cwd=project, env=machine)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    succeed(sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), "engine")
    (wheel,) = tmp_path.glob("mlteam-*.whl")
    contract = (project / "engine" / "README.md").read_bytes()
    shutil.rmtree(project / "engine")
    (project / "engine").mkdir()
    (project / "engine" / "README.md").write_bytes(contract)
    refer_to(wheel, project / "pyproject.toml")
    succeed(sys.executable, "-m", "uv", "sync", "--quiet")
    assert "roc_auc" in succeed(sys.executable, "-m", "uv", "run", "--quiet", "mlteam", "pipeline")
    (snapshot,) = (project / "data" / "snapshots" / "flight_delays").glob("*/metadata.json")
    assert snapshot.parent.name == "c5ec532792a0"
    listed = succeed(sys.executable, "-m", "nox", "-l")
    assert "Promote a version to champion" in listed
    checked = baking.run(sys.executable, "-m", "nox", "-s", "process", cwd=project, env=machine)
    assert checked.returncode == 0, checked.stdout
