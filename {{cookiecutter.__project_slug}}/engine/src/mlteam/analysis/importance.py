"""Which features matter in a set of rows, and how a feature's value moves the prediction."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data.features import EvaluationRows
from mlteam.evaluation import evaluator
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.evaluation.metrics import UndefinedMetricError
from mlteam.modeling.attribution import (
    REPEATS,
    Contributions,
    estimate_contributions,
    get_contributions,
    replace_column,
)
from mlteam.modeling.model import Model
from mlteam.registry.versions import RegisteredVersion

IMPORTANCE_SAMPLE = 2_000
MIN_GROUP_ROWS = 5
Z95 = 1.96
NEGLIGIBLE = 1e-6
MAX_LABEL_LENGTH = 40


@dataclass(frozen=True)
class FeatureImportance:
    """How much a feature moves predictions, with a 95 % interval; the groups of its values that raise and lower most.

    Attributes:
        feature: Its name.
        value: In the unit of the explanation.
        low: Lower end of the interval.
        high: Upper end.
        share: Part of the sum over all features.
        raises: The group of values that adds most, and what it adds on average.
        lowers: The group that adds least.
    """

    feature: str
    value: float
    low: float
    high: float
    share: float
    raises: str
    lowers: str


@dataclass(frozen=True)
class ImportanceResult:
    """How much each feature matters on a sample of the rows.

    Attributes:
        rows: How many rows there are.
        sampled_rows: How many of them were looked at.
        exact: Whether the contributions are the model's own.
        unit: What the importance measures.
        output: What the contributions add to.
        features: The most important one first.
        sample: The rows that were looked at.
        contributions: Shape (sampled, features), for many classes (sampled, classes, features).
        varying: Positions of the features whose contributions differ between rows, the most important one first.
    """

    rows: int
    sampled_rows: int
    exact: bool
    unit: str
    output: str
    features: list[FeatureImportance]
    sample: EvaluationRows
    contributions: Contributions
    varying: list[int]


def compute_importance(spec: Spec, version: RegisteredVersion, rows: EvaluationRows) -> ImportanceResult:
    """Return which features matter in some rows, by the model's own contributions or else by shuffling each feature."""
    if not len(rows.label):
        raise ProjectError(f"{rows.name} has no row to explain", fix="choose other rows")
    chosen = np.random.default_rng(0).choice(
        len(rows.label), size=min(IMPORTANCE_SAMPLE, len(rows.label)), replace=False
    )
    sample = EvaluationRows(rows.name, rows.matrix[chosen], rows.label[chosen], rows.table.take(pa.array(chosen)))
    moved = get_contributions(version.model, sample.matrix)
    exact = moved is not None
    moves = _name_output(version) if exact else "the prediction"
    if moved is None:
        moved = estimate_contributions(version.model, sample.matrix, sample.matrix)
        values, unit = _compute_permutation_importance(spec, version.model, sample, moved)
    else:
        values, unit = _compute_mean_absolute(moved), "Mean absolute contribution"
    order = np.argsort(-values[0], kind="stable")
    signed = np.stack([select_class(moved, column)[0] for column in range(moved.shape[-1])], axis=1)
    total = float(np.abs(values[0]).sum()) or 1.0
    features = [_summarize_feature(version, sample.table, signed, values[:, c], c, total) for c in order]
    varying = [int(c) for c in order if np.ptp(signed[:, c]) > NEGLIGIBLE]
    return ImportanceResult(len(rows.label), len(chosen), exact, unit, moves, features, sample, moved, varying)


def _compute_mean_absolute(moved: Contributions) -> NDArray[np.float64]:
    """Mean absolute contribution and its interval, shape (3, features); over all classes where there are many."""
    by_row = np.abs(moved.astype(np.float64)).reshape(len(moved), -1, moved.shape[-1]).mean(axis=1)
    mean, reach = by_row.mean(axis=0), Z95 * by_row.std(axis=0) / np.sqrt(len(by_row))
    return np.stack([mean, np.maximum(mean - reach, 0), mean + reach])


def _compute_permutation_importance(
    spec: Spec, model: Model, sample: EvaluationRows, moved: Contributions
) -> tuple[NDArray[np.float64], str]:
    """Return how much worse the primary metric is with each feature shuffled, shape (3, features), and its name."""
    metric = get_primary_metric(spec)
    random, weight = np.random.default_rng(0), np.ones(len(sample.label))
    try:
        whole = metric.function(sample.label, model.predict(sample.matrix), weight)
        lost = np.empty((REPEATS, sample.matrix.shape[1]))
        for repeat, column in np.ndindex(*lost.shape):
            changed = replace_column(sample.matrix, column, random.permutation(sample.matrix[:, column]))
            lost[repeat, column] = metric.sign * (whole - metric.function(sample.label, model.predict(changed), weight))
    except UndefinedMetricError as error:
        return _compute_mean_absolute(
            moved
        ), f"Mean absolute change of the prediction ({metric.name} not defined: {error})"
    # Student's t for five repeats.
    mean, reach = lost.mean(axis=0), 2.776 * lost.std(axis=0, ddof=1) / np.sqrt(REPEATS)
    return np.stack([mean, mean - reach, mean + reach]), f"Loss of {metric.name} when shuffled"


def select_class(moved: Contributions, column: int) -> tuple[Contributions, int | None]:
    """Return what a feature adds, shape (rows,), and, of many classes, the name of the one that it moves most."""
    one: Contributions = moved[..., column]
    if one.ndim == 1:
        return one, None
    most = int(np.abs(one).mean(axis=0).argmax())
    return one[:, most], most


def _summarize_feature(
    version: RegisteredVersion,
    table: pa.Table,
    signed: Contributions,
    value: NDArray[np.float64],
    column: int,
    total: float,
) -> FeatureImportance:
    name = version.schema.names[column]
    means = [
        (float(signed[members, column].mean()), group)
        for group, members in evaluator.group_rows(table[name])
        if len(members) >= MIN_GROUP_ROWS
    ]
    differ = len(means) > 1 and max(means)[0] - min(means)[0] > NEGLIGIBLE
    raises, lowers = (_format_group(max(means)), _format_group(min(means))) if differ else ("", "")
    middle, low, high = value.tolist()
    return FeatureImportance(name, middle, low, high, abs(middle) / total, raises, lowers)


def _format_group(group: tuple[float, str]) -> str:
    return f"{group[1][:MAX_LABEL_LENGTH]} ({group[0]:+.3f})"


def _name_output(version: RegisteredVersion) -> str:
    return "the prediction" if version.schema.task == "regression" else "the log-odds"
