"""What a model does to the groups of a protected column: how often each is chosen, and how often wrongly.

Binary predictions are compared where as many rows are chosen as are positive: a team that chooses more or fewer looks
at another point of the same curve.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlteam.config.spec import Spec
from mlteam.data.features import EvaluationRows, Floats, Labels
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.metrics import SHARE, UNBOUNDED, Metric, UndefinedMetricError

MIN_GROUP_ROWS = 30
# Below it, a group that is chosen less often counts as adverse impact: 29 CFR 1607.4 D, the "four-fifths rule".
FOUR_FIFTHS = 0.8
# Of two shares, the quotient may be a little below what it is.
ROUNDING = 1e-9


@dataclass(frozen=True)
class ProtectedGroup:
    """One group of a protected column.

    Attributes:
        column: The column.
        value: What the rows of the group share.
        rows: How many there are.
        outcomes: What is compared, by its name: shares of rows, or means.
        ratio: How often it is chosen, compared with the group that is chosen most; None but for two classes.
    """

    column: str
    value: str
    rows: int
    outcomes: dict[str, Estimate]
    ratio: float | None = None


def compare_groups(
    spec: Spec,
    data: EvaluationRows,
    predicted: Floats,
    clusters: NDArray[np.int64] | None,
    groups: Iterator[tuple[str, str, NDArray[np.int64]]],
) -> list[ProtectedGroup]:
    """Compute the outcomes of every group that has enough rows.

    Args:
        spec: Names the task, and how intervals are made.
        data: The rows.
        predicted: Predictions of the model, shape (rows,) or (rows, classes).
        clusters: The cluster of each row, if rows depend on each other.
        groups: Column, value and positions of the rows of each group.
    """
    threshold = _find_threshold(data.label, predicted) if spec.task == "binary" else 0.0
    found = []
    for column, value, members in groups:
        if len(members) < MIN_GROUP_ROWS:
            continue
        own = None if clusters is None else clusters[members]
        bootstrap = Bootstrap(data.label[members], spec.evaluation, spec.model.seed, own)
        outcomes = {
            metric.name: bootstrap.estimate(metric, predicted[members]) for metric in _list_outcomes(spec, threshold)
        }
        found.append(ProtectedGroup(column, value, len(members), outcomes))
    return [_compare_with_most_chosen(group, found) for group in found]


def describe_adverse_impact(groups: list[ProtectedGroup]) -> Iterator[str]:
    """Yield a sentence for each group that is chosen less than four fifths as often as another, and not by chance."""
    most = {group.column: group.outcomes["chosen"] for group in groups if group.ratio == 1}
    for group in groups:
        if group.ratio is None or group.ratio >= FOUR_FIFTHS - ROUNDING:
            continue
        own, other = group.outcomes["chosen"].high, most[group.column].low
        if own is not None and other is not None and own < other:
            yield (
                f"{group.column} = {group.value} is chosen {group.ratio:.3g} times as often as the group that is "
                f"chosen most, which is below four fifths"
            )


def _find_threshold(label: Labels, predicted: Floats) -> float:
    """Return the prediction above which as many rows are chosen as are positive."""
    left = len(label) - int(label.sum())
    return float(np.sort(predicted)[left - 1]) if left else -math.inf


def _list_outcomes(spec: Spec, threshold: float) -> Iterator[Metric]:
    def choose(predicted: Floats) -> Floats:
        return (predicted > threshold).astype(np.float64)

    def measure(name: str, function: object) -> Metric:
        bounds = UNBOUNDED if spec.task == "regression" else SHARE
        return Metric(name, function, True, (spec.task,), bounds=bounds)  # type: ignore[arg-type]

    if spec.task == "multiclass":
        yield measure("right", lambda y, p, w: _average(p.argmax(axis=1) == y, w))
        return
    yield measure("label", lambda y, p, w: _average(y, w))  # noqa: ARG005
    yield measure("prediction", lambda y, p, w: _average(p, w))  # noqa: ARG005
    if spec.task == "regression":
        yield measure("mean error", lambda y, p, w: _average(p - y, w))
        return
    yield measure("chosen", lambda y, p, w: _average(choose(p), w))  # noqa: ARG005
    yield measure("chosen of the positive", lambda y, p, w: _average(choose(p), w * (y == 1)))
    yield measure("chosen of the negative", lambda y, p, w: _average(choose(p), w * (y == 0)))


def _average(values: Floats | Labels, weight: Floats) -> float:
    if weight.sum() == 0:
        raise UndefinedMetricError("no such rows")
    return float(np.average(values, weights=weight))


def _compare_with_most_chosen(group: ProtectedGroup, groups: list[ProtectedGroup]) -> ProtectedGroup:
    own = group.outcomes.get("chosen")
    if own is None or own.value is None:
        return group
    most = max(other.outcomes["chosen"].value or 0.0 for other in groups if other.column == group.column)
    return replace(group, ratio=own.value / most) if most else group
