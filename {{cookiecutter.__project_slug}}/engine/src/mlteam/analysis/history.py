"""Evaluations over time, and all versions on the same rows."""

from typing import Any

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, snapshot
from mlteam.data.digest import shorten_digest
from mlteam.evaluation import evaluator
from mlteam.registry import evaluations, versions

Records = list[dict[str, Any]]


def read_history(spec: Spec) -> Records:
    """Return every evaluation of every version, as it was recorded then.

    Raises:
        ProjectError: Nothing was evaluated yet.
    """
    rows = evaluations.list_evaluations(spec)
    if not rows:
        raise ProjectError(f"{spec.name} has no evaluation yet", fix="run `nox -s evaluate`")
    return rows


def rescore_versions(spec: Spec, dataset: str) -> Records:
    """Return every version scored on the same rows of the newest snapshot, each with its own features.

    A version that cannot be opened, or whose features the rows do not have, says so in `undefined`.

    Raises:
        ProjectError: No version can be scored.
    """
    taken = snapshot.load_newest(spec.name)
    plain = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"slices": ()})})
    rows: Records = []
    failed: ProjectError | None = None
    for number, when in versions.list_versions(spec):
        fixed = {"when": when, "version": number, "dataset": dataset, "snapshot": shorten_digest(taken.digest)}
        try:
            version = versions.open_version(spec, str(number))
            if version.spec.data.label != spec.data.label:
                raise ProjectError(f"predicts {version.spec.data.label}, not {spec.data.label}", where=str(spec.path))
            data = datasets.load_evaluation_rows(spec, version.schema, taken, dataset)
        except ProjectError as error:
            rows.append({**fixed, "metric": spec.evaluation.primary, "undefined": error.what})
            failed = error
            continue
        evaluated = evaluator.evaluate(
            plain, data, version.model.predict(data.matrix), version.baseline.predict(data.matrix)
        )
        for found in evaluated.metrics:
            estimate = found.model
            numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append({**fixed, "metric": found.metric, **numbers, "undefined": estimate.undefined})
    if failed and not any("value" in row for row in rows):
        raise failed
    return rows
