"""Paths from the root of the repository, where every command runs."""

import os
from pathlib import Path

from mlteam.core.errors import ProjectError

# Where the team shares what data/ holds, and where MLflow keeps its record, if not in data/.
STORE_VARIABLE = "MLTEAM_STORE"
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"

PIPELINES = Path("pipelines")
METRICS = Path("metrics")
TEAM_FILE = Path("team.toml")
PYPROJECT = Path("pyproject.toml")
SQL = Path("sql")
DATA = Path("data")
RAW = DATA / "raw"
TABLES = DATA / "tables"
WAREHOUSE = DATA / "warehouse.duckdb"
SNAPSHOTS = DATA / "snapshots"
ARTIFACTS = DATA / "artifacts"
REPORTS = DATA / "reports"
TRACKING = DATA / "mlflow.db"
SERVING = DATA / "serving"
EXPORTS = DATA / "export"
PREDICTIONS = DATA / "predictions"
MONITORING = DATA / "monitoring"
DRILLS = DATA / "drills"
SCORECARD = DATA / "scorecard"
TIME_TRAVEL = DATA / "time_travel"
PARITY = DATA / "parity"
PAST = DATA / "past"
SPARK = DATA / "spark"
TRAINING = DATA / "training"
LAUNCH_LOCK = DATA / "launch.lock"
DBT = DATA / "dbt"
DBT_MANIFEST = DBT / "target" / "manifest.json"
DBT_RESULTS = DBT / "target" / "run_results.json"


def enter_root() -> None:
    """Change to the repository's root, searched from the working directory upward.

    Raises:
        ProjectError: The working directory is not in a repository.
    """
    os.chdir(find_root(Path.cwd()))


def find_root(here: Path) -> Path:
    """Find the root of the repository that holds a folder, searched upward.

    Args:
        here: An absolute path of a folder or file.

    Raises:
        ProjectError: It is not in a repository.
    """
    for folder in (here, *here.parents):
        if (folder / TEAM_FILE).is_file() and (folder / PIPELINES).is_dir():
            return folder
    raise ProjectError(
        "no team.toml and pipelines/ in this folder or above",
        where=str(here),
        fix="run the command inside the repository",
    )
