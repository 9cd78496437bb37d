"""One HTML page about one evaluation: pictures drawn here, nothing loaded from elsewhere, no script."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from .charts import common
from .charts.common import Picture
from .evaluation import Judgement
from .features import Matrix, Rows
from .files import whole
from .metrics import Floats
from .reasons import contributions, replaced, some
from .registry import Version
from .spec import Spec
from .splits import describe

SAMPLE = 2_000


@dataclass(frozen=True)
class Section:
    """One dataset on the page: its judgement, and its rows with the predictions of model and baseline."""

    judgement: Judgement
    data: Rows
    model: Floats
    baseline: Floats


def write(target: Path, spec: Spec, version: Version, made: dict[str, Any], sections: Sequence[Section]) -> None:
    """Write the page.

    Args:
        target: The HTML file.
        spec: What the model was made from.
        version: The model.
        made: The snapshot's metadata.
        sections: The datasets, the most important one first.
    """
    environment = jinja2.Environment(loader=jinja2.PackageLoader(__package__ or "", "pages"), autoescape=True)
    page = environment.get_template("evaluation.html.jinja").render(
        spec=spec,
        version=version,
        made=made,
        datasets=[_dataset(spec, version, section) for section in sections],
        importance=common.importance(_importance(version, sections[0].data.matrix)),
    )
    with whole(target) as part:
        part.write_text(page, encoding="utf-8")


def _dataset(spec: Spec, version: Version, section: Section) -> dict[str, Any]:
    task = importlib.import_module(f".charts.{spec.task}", __package__)
    curves = {"model": section.model, "baseline": section.baseline}
    pictures: list[Picture] = task.pictures(section.data.label, curves, version.schema.classes)
    return {
        "judgement": section.judgement,
        "split": describe(spec, section.judgement.dataset),
        "pictures": pictures,
        "slices": common.slices(section.judgement),
    }


def _importance(version: Version, matrix: Matrix) -> list[tuple[str, float]]:
    """How much each feature moves the predictions of a sample of rows, on average, the largest first."""
    rows = np.random.default_rng(0).choice(len(matrix), size=min(SAMPLE, len(matrix)), replace=False)
    moved = contributions(version.model, matrix[rows])
    if moved is None:
        few = some(matrix)
        moved = replaced(version.model, few, few)
    mean = np.abs(moved).reshape(-1, moved.shape[-1]).mean(axis=0)
    pairs = zip(version.schema.names, mean.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])
