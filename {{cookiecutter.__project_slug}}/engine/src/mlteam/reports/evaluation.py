"""One HTML page about one evaluation: pictures drawn here, nothing loaded from elsewhere, no script."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from altair.utils.schemapi import debug_mode

from mlteam.config.spec import Spec
from mlteam.data.features import EvaluationRows, Floats, Matrix
from mlteam.data.splits import describe_dataset
from mlteam.evaluation.clusters import choose_cluster_column
from mlteam.evaluation.evaluator import EvaluationResult
from mlteam.modeling.attribution import estimate_contributions, get_contributions, sample_rows
from mlteam.registry.versions import RegisteredVersion
from mlteam.reports import page
from mlteam.reports.charts import common
from mlteam.reports.charts.common import Picture

MAX_SAMPLE_ROWS = 2_000


@dataclass(frozen=True)
class Section:
    """One dataset on the page: its evaluation, and its rows with the predictions of model and baseline."""

    result: EvaluationResult
    data: EvaluationRows
    model: Floats
    baseline: Floats


def write_report(
    target: Path, spec: Spec, version: RegisteredVersion, made: dict[str, Any], sections: Sequence[Section]
) -> list[Picture]:
    """Write the page.

    Args:
        target: The HTML file.
        spec: What the model was made from.
        version: The model.
        made: The snapshot's metadata.
        sections: The datasets, the most important one first.

    Returns:
        The pictures of the first dataset.
    """
    # The tests draw each chart with its specification validated; here that would take as long as to draw.
    with debug_mode(False):
        drawn = [_draw_section(spec, version, section) for section in sections]
    importance = common.draw_mean_contributions(_compute_mean_contributions(version, sections[0].data.matrix))
    page.write_page(
        target,
        "evaluation",
        spec=spec,
        version=version,
        made=made,
        datasets=drawn,
        importance=importance,
        cluster=choose_cluster_column(spec),
    )
    slices = [Picture("Slices", drawn[0]["slices"], "On which groups is the model weaker than on the whole?")]
    features = Picture("Feature importance", importance, "Which features move the predictions?")
    return [*drawn[0]["pictures"], *(slices if drawn[0]["slices"] else []), features]


def _draw_section(spec: Spec, version: RegisteredVersion, section: Section) -> dict[str, Any]:
    task = importlib.import_module(f"mlteam.reports.charts.{spec.task}")
    curves = {"model": section.model, "baseline": section.baseline}
    pictures: list[Picture] = task.draw_evaluation(section.data.label, curves, version.schema.classes)
    return {
        "result": section.result,
        "split": describe_dataset(spec, section.result.dataset),
        "pictures": pictures,
        "slices": common.draw_slice_metrics(section.result),
    }


def _compute_mean_contributions(version: RegisteredVersion, matrix: Matrix) -> list[tuple[str, float]]:
    """Return how much each feature moves the predictions of a sample of rows, on average, the largest first."""
    rows = np.random.default_rng(0).choice(len(matrix), size=min(MAX_SAMPLE_ROWS, len(matrix)), replace=False)
    moved = get_contributions(version.model, matrix[rows])
    if moved is None:
        few = sample_rows(matrix)
        moved = estimate_contributions(version.model, few, few)
    mean = np.abs(moved).reshape(-1, moved.shape[-1]).mean(axis=0)
    pairs = zip(version.schema.names, mean.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])
