"""Every evaluation ever made, kept with its version: metrics with their intervals, the report and its pictures."""

import datetime as dt
import math
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlteam.config.spec import Spec
from mlteam.data.digest import shorten_digest
from mlteam.evaluation.evaluator import EvaluationResult
from mlteam.registry.tracking import create_mlflow_client
from mlteam.registry.versions import RegisteredVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

EVALUATION_PATH = "evaluation"


def list_evaluations(spec: Spec) -> list[dict[str, Any]]:
    """Return every evaluation ever recorded, the oldest first: when, version, dataset, metric, value, low and high."""
    tracking = create_mlflow_client()
    rows = []
    for version in tracking.search_model_versions(f"name = '{spec.name}'", max_results=10_000):
        keys = [key for key in tracking.get_run(version.run_id).data.metrics if key.endswith(".value")]
        for key in keys:
            parts = {
                part: _get_metric_history(tracking, version.run_id, key, part) for part in ("value", "low", "high")
            }
            dataset, metric, _ = key.split(".")
            fixed = {"version": int(version.version), "dataset": dataset, "metric": metric}
            for position, found in enumerate(parts["value"]):
                when = dt.datetime.fromtimestamp(found.timestamp / 1000, dt.UTC)
                numbers = {part: _read_number(series[position].value) for part, series in parts.items()}
                rows.append({"when": when, **fixed, **numbers, "snapshot": shorten_digest(version.tags["snapshot"])})
    return sorted(rows, key=lambda row: (row["when"], row["version"]))


def _read_number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _get_metric_history(tracking: "MlflowClient", run: str, key: str, part: str) -> list[Any]:
    return sorted(tracking.get_metric_history(run, key.removesuffix("value") + part), key=lambda entry: entry.timestamp)


def log_evaluation(version: RegisteredVersion, results: list[EvaluationResult], files: list[Path]) -> None:
    """Keep an evaluation with its version: every metric with its interval, and the report."""
    from mlflow.entities import Metric

    tracking = create_mlflow_client()
    now = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
    defined = [(result.key, found) for result in results for found in result.metrics if found.model.value is not None]
    tracking.log_batch(
        version.run_id,
        metrics=[
            # Each evaluation logs all three, also without an interval, so that their histories have one length.
            Metric(f"{dataset}.{found.metric}.{part}", _fill_missing(getattr(found.model, part)), now, 0)
            for dataset, found in defined
            for part in ("value", "low", "high")
        ],
    )
    for file in files:
        if file.is_dir():
            tracking.log_artifacts(version.run_id, str(file), f"{EVALUATION_PATH}/{file.name}")
        else:
            tracking.log_artifact(version.run_id, str(file), EVALUATION_PATH)


def fetch_evaluation(spec: Spec, number: int, folder: Path) -> None:
    """Fetch the reports of a version into a folder; nothing is there where it was not evaluated.

    Args:
        spec: The pipeline.
        number: The version.
        folder: Where reports are.
    """
    tracking = create_mlflow_client()
    run = tracking.get_model_version(spec.name, str(number)).run_id
    if not any(found.path == EVALUATION_PATH for found in tracking.list_artifacts(run)):
        return
    with tempfile.TemporaryDirectory() as scratch:
        fetched = Path(tracking.download_artifacts(run, EVALUATION_PATH, scratch))
        shutil.copytree(fetched, folder, dirs_exist_ok=True)


def _fill_missing(value: float | None) -> float:
    return math.nan if value is None else value
