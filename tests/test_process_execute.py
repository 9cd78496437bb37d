"""Every runnable block of a fresh project has its documented outcome, in a copy, from the first to the last."""

import re
import sys
from pathlib import Path

import baking
import pytest


@pytest.mark.slow
def test_every_runnable_block_of_a_fresh_project_has_its_outcome(demonstrated: tuple[Path, str]) -> None:
    project, _ = demonstrated
    done = baking.run(
        sys.executable, "-m", "nox", "-s", "process", "--", "--execute", cwd=project, env=baking.fresh_machine()
    )
    assert done.returncode == 0, done.stdout
    passed = re.findall(r"(?m)^passed +(\S+):\d+: (.*) \(\d+ s\)$", done.stdout)
    assert {"nox -s data", "nox -s lint", "nox -s pipeline", "nox -s train", "nox -s evaluate"} <= {
        c for _, c in passed
    }
    assert "failed" not in done.stdout
