"""The project's own counts of k and l are those of pycanon, a library made for nothing else."""

import os
import sys
from pathlib import Path

import baking
import pytest

SOURCE = "{{cookiecutter.__project_slug}}/engine/src"
NEEDED = ("pycanon>=1.3", "duckdb>=1.5,<3", "pydantic>=2.10,<3")
COMPARE = """
import random

import duckdb
import pandas as pd
from mlteam.config.privacy import Privacy
from mlteam.data.anonymity import measure_anonymity
from pycanon import anonymity

for seed in range(25):
    draw = random.Random(seed)
    rows = draw.choice([3, 20, 200, 1000])
    frame = pd.DataFrame(
        {
            "decade": [draw.choice("5678") for _ in range(rows)],
            "region": [draw.choice("NS") for _ in range(rows)],
            "illness": [draw.choice(["flu", "asthma", "gout"]) for _ in range(rows)],
        }
    )
    declared = Privacy(quasi_identifiers=("decade", "region"), sensitive=("illness",), k=2, l=1)
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        ours = measure_anonymity(connection, "frame", declared)
    theirs = (
        anonymity.k_anonymity(frame, ["decade", "region"]),
        anonymity.l_diversity(frame, ["decade", "region"], ["illness"]),
    )
    assert (ours.k, ours.l) == theirs, (seed, ours, theirs)
print("same")
"""


@pytest.mark.slow
def test_k_and_l_agree_with_pycanon(template: Path, tmp_path: Path) -> None:
    (tmp_path / "compare.py").write_text(COMPARE, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(template / SOURCE)}
    wanted = [word for package in NEEDED for word in ("--with", package)]
    done = baking.run(
        sys.executable,
        "-m",
        "uv",
        "run",
        "--no-project",
        *wanted,
        "python",
        "-B",
        "compare.py",
        cwd=tmp_path,
        env=environment,
    )
    assert done.stdout == "same\n", done.stderr
