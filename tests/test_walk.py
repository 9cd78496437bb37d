"""The ways of a team member who changes something: another feature, another label, another kind of model.

Each follows the words of PROCESS.md and docs/data-pipeline.md, does what the checker asks for next, and ends in a
version that was trained and evaluated. The project has a small table in the example's place, so that it is quick.
"""

import json
import os
import random
import subprocess
from pathlib import Path

import baking
import pytest

pytestmark = pytest.mark.slow

Demonstrated = tuple[Path, str]
# One process for all steps, since each would spend seconds on its imports.
CALL = """
import sys
from mlteam.cli.main import main
for step in sys.argv[1:]:
    sys.argv = ["mlteam", *step.split()]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""
SQL = "sql/models/features/parcels_features.sql"
DESCRIPTION = "sql/models/features/parcels_features.yml"
SPEC = "pipelines/parcels.toml"
UNIT_TEST = """
unit_tests:
  - name: hours_a_mile_of_two_parcels
    model: parcels_features
    given:
      - input: ref('stg_parcels')
        rows:
          - {parcel: P1, miles: 10, planned_hours: 5}
          - {parcel: P2, miles: 0, planned_hours: 5}
    expect:
      rows:
        - {parcel: P1, hours_a_mile: 0.5}
        - {parcel: P2, hours_a_mile: null}
"""
LOGISTIC = '''"""Logistic regression: one weight a feature, which is all there is to explain."""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from mlteam.config.settings import Settings
from mlteam.config.spec import ModelSpec
from mlteam.data.features import Examples, Matrix, Schema
from mlteam.modeling.model import Predictions
from numpy.typing import NDArray
from pydantic import Field


class LogisticParams(Settings):
    """The parameters of `[model.params]`."""

    strength: float = Field(default=1, gt=0)


class Logistic:
    """Weights of standardized features; what is missing counts as the mean."""

    Params = LogisticParams
    FILE = "weights.json"

    def __init__(self, mean: list[float], spread: list[float], weights: list[float], base: float) -> None:
        self.mean, self.spread, self.weights, self.base = mean, spread, weights, base

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:  # noqa: ARG003
        """Learn the weights from the training rows."""
        from sklearn.linear_model import LogisticRegression

        params = LogisticParams.model_validate(settings.params)
        mean, spread = np.nanmean(train.matrix, axis=0), np.nanstd(train.matrix, axis=0) + 1e-9
        rows = np.nan_to_num((train.matrix - mean) / spread)
        fitted = LogisticRegression(C=params.strength).fit(rows, train.label)
        return cls(mean.tolist(), spread.tolist(), fitted.coef_[0].tolist(), float(fitted.intercept_[0]))

    def fit_more(self, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Train from the beginning: the weights of other rows are not a start."""
        return self.fit(train, validation, schema, settings)

    def predict(self, matrix: Matrix) -> Predictions:
        """The probability of the positive class, shape (rows,)."""
        log_odds = self.base + self.predict_contributions(matrix).sum(axis=1)
        chance: Predictions = (1 / (1 + np.exp(-log_odds))).astype(np.float32)
        return chance

    def predict_contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """What each weight adds to the log-odds, shape (rows, features)."""
        added: NDArray[np.float32] = np.nan_to_num((matrix - self.mean) / self.spread) * self.weights
        return added

    def metadata(self) -> dict[str, Any]:
        """How many weights there are."""
        return {"weights": len(self.weights)}

    def save(self, folder: Path) -> None:
        """Write the weights as JSON."""
        folder.mkdir(parents=True)
        (folder / self.FILE).write_text(json.dumps(vars(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the weights."""
        return cls(**json.loads((folder / cls.FILE).read_text(encoding="utf-8")))
'''


class Walk:
    """A project, and what one does in it."""

    def __init__(self, project: Path, environment: Path) -> None:
        self.project, self._bin = project, environment

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(str(self.project / folder) for folder in ("src", "engine/src"))
        }
        tool, *rest = command
        return baking.run(self._bin / tool, *rest, cwd=self.project, env=env)

    def succeed(self, *command: str | Path) -> str:
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def call(self, *steps: str) -> str:
        return self.succeed("python", "-c", CALL, *steps)

    def asked(self) -> str:
        """What the checker asks for."""
        done = self.run("python", "-m", "mlteam.process")
        assert done.returncode == 1, done.stdout
        return done.stdout

    def settle(self) -> None:
        """The step that every how-to ends with, after which nothing is left to ask for."""
        self.succeed("python", "-m", "mlteam.process", "--fix")
        self.succeed("python", "-m", "mlteam.process")

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.project / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def evaluated(self, number: int) -> dict[str, float]:
        """The gains of a version over its baseline on the test rows, at the worse end of their intervals."""
        report = self.project / "data" / "reports" / f"parcels-v{number}.json"
        datasets = json.loads(report.read_text(encoding="utf-8"))["datasets"]
        return {metric["metric"]: metric["gain"]["low"] for metric in datasets[0]["metrics"]}


@pytest.fixture(scope="module")
def walk(empty: Path, demonstrated: Demonstrated, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("walk")
    project = folder / "project"
    baking.copy(empty, project, ".git")
    draw = random.Random(4)  # noqa: S311
    lines = ["parcel,size,miles,planned_hours,late"]
    for number in range(1_500):
        miles, hours = draw.randrange(20, 500), draw.randrange(6, 40)
        late = draw.random() < 1 / (1 + 2.7 ** (hours / miles * 20 - 3))
        lines.append(f"P{number},{draw.choice('SML')},{miles},{hours},{late}")
    (folder / "parcels.csv").write_text("\n".join(lines), encoding="utf-8")
    walk = Walk(project, demonstrated[0] / ".venv" / "bin")
    walk.call(f"new_pipeline parcels --table {folder / 'parcels.csv'} --label late --key parcel")
    return walk


def test_a_changed_feature_ends_in_a_judged_version(walk: Walk) -> None:
    walk.edit(SQL, "    miles,\n", "    miles,\n    planned_hours / nullif(miles, 0) as hours_a_mile,\n")
    walk.edit(SPEC, '    "miles",\n', '    "miles",\n    "hours_a_mile",\n')
    asked = walk.asked()
    assert "PRC046" in asked
    assert "hours_a_mile" in asked
    described = '      - name: hours_a_mile\n        description: "Hours that are planned for a mile."\n'
    walk.edit(DESCRIPTION, "      - name: planned_hours\n", f"{described}      - name: planned_hours\n")
    file = walk.project / DESCRIPTION
    file.write_text(file.read_text(encoding="utf-8") + UNIT_TEST, encoding="utf-8")
    walk.call("pipeline")
    walk.settle()
    assert walk.evaluated(1)["roc_auc"] > 0


def test_a_changed_label_ends_in_a_judged_version(walk: Walk) -> None:
    walk.edit(SQL, "    late,\n", "    late and miles > 100 as late_from_far,\n")
    walk.edit(SPEC, 'label = "late"', 'label = "late_from_far"')
    assert "late_from_far" in walk.asked()
    old = "      - name: late\n        description: \"Upstream column 'late'.\"\n"
    walk.edit(DESCRIPTION, old, '      - name: late_from_far\n        description: "Late after more than 100 miles."\n')
    walk.edit(SPEC, "known_after_event = []", 'known_after_event = ["late"]')
    walk.call("pipeline")
    refused = walk.run("python", "-c", CALL, "compare 1 candidate")
    assert "version 1 predicts late, version 2 predicts late_from_far" in refused.stderr
    walk.settle()
    assert walk.evaluated(2)["roc_auc"] > 0


def test_another_kind_of_model_ends_in_a_judged_version(walk: Walk) -> None:
    (walk.project / "src" / "parcel_arrivals" / "logistic.py").write_text(LOGISTIC, encoding="utf-8")
    walk.edit(SPEC, 'factory = "mlteam.modeling:XGBoost"', 'factory = "parcel_arrivals.logistic:Logistic"')
    text = (walk.project / SPEC).read_text(encoding="utf-8")
    parameters = text.split("[model.params]\n")[1].split("\n# What one would do without")[0]
    walk.edit(SPEC, parameters, "strenght = 0.5\n")
    refused = walk.run("python", "-c", CALL, "train")
    assert "unknown key model.params.strenght\ndid you mean 'strength'?" in refused.stderr
    walk.edit(SPEC, "strenght", "strength")
    assert "hours_a_mile" in walk.call("train", "evaluate", "explain")
    walk.succeed("python", "-m", "mlteam.process")
    walk.succeed("ruff", "check", ".")
    assert walk.evaluated(3)
