"""How good a model is: on each dataset, on each slice of it, and beside its baseline."""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlteam.config.spec import Spec
from mlteam.data.features import EvaluationRows, Floats, Labels
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.clusters import find_clusters
from mlteam.evaluation.custom_metrics import get_metrics, get_primary_metric
from mlteam.evaluation.fairness import ProtectedGroup, compare_groups
from mlteam.evaluation.metrics import Metric, UndefinedMetricError

MAX_SLICE_VALUES = 24
SLICE_BINS = 6
MIN_SLICE_ROWS = 50
MIN_CLASS_ROWS = 10
Clusters = NDArray[np.int64]


@dataclass(frozen=True)
class MetricComparison:
    """One metric of the model and of its baseline; `gain` is how much better the model is, whichever way is good."""

    metric: str
    model: Estimate
    baseline: Estimate
    gain: Estimate


@dataclass(frozen=True)
class SliceMetrics:
    """Rows that share a value of a column; `label_mean` is the share of positives, or None for many classes."""

    column: str
    value: str
    rows: int
    label_mean: float | None
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class EvaluationResult:
    """All that is known about a model on one dataset; `label_mean` as in a slice.

    `metrics` begin with the primary one, by which `linear` compares with a linear model, as with the baseline. `groups`
    are those of protected columns.
    """

    dataset: str
    rows: int
    label_mean: float | None
    metrics: list[MetricComparison]
    slices: list[SliceMetrics]
    linear: MetricComparison | None = None
    groups: list[ProtectedGroup] = dataclasses.field(default_factory=list)

    @property
    def key(self) -> str:
        """The dataset in the name of a recorded metric, whose parts a path's own dots would mix up."""
        return re.sub(r"[^\w-]+", "_", self.dataset)

    def describe_rivals(self) -> str:
        """Return whether the model is better than a linear one, and than its baseline where that is in doubt."""
        primary = self.metrics[0]
        surely_better = primary.gain.low is not None and primary.gain.low > 0
        baseline = "" if surely_better else _describe_gain(primary, "its baseline")
        linear = _describe_gain(self.linear, "a linear model of the same rows") if self.linear else ""
        return " ".join(filter(None, [baseline, linear]))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers."""
        return dataclasses.asdict(self)


def _describe_gain(found: MetricComparison, rival: str) -> str:
    """Return whether the model is better than a rival, in a sentence."""
    gain = found.gain
    if gain.value is None:
        return ""
    if gain.low is None or gain.high is None:
        return f"Whether the model is better than {rival} is not known: {gain.undefined}."
    verdict = "better than" if gain.low > 0 else "worse than" if gain.high < 0 else "not clearly better than"
    against = f"{found.metric} {found.baseline.format()}"
    return f"The model is {verdict} {rival}: {gain.format(signed=True)} over its {against}."


def evaluate(
    spec: Spec, data: EvaluationRows, model: Floats, baseline: Floats, linear: Floats | None = None
) -> EvaluationResult:
    """Compute every metric of the spec on a dataset and its slices.

    Args:
        spec: Names metrics and slices.
        data: The rows.
        model: Predictions of the model, shape (rows,) or (rows, classes).
        baseline: Predictions of the baseline, of the same shape.
        linear: Predictions of a linear model, of the same shape, if there is one.
    """
    primary_first = sorted(spec.evaluation.metrics, key=lambda name: name != spec.evaluation.primary)
    metrics = get_metrics(primary_first, spec.task)
    clusters = find_clusters(spec, data.table)
    bootstrap = Bootstrap(data.label, spec.evaluation, spec.model.seed, clusters)
    return EvaluationResult(
        dataset=data.name,
        rows=len(data.label),
        label_mean=_compute_label_mean(spec, data.label),
        metrics=[_compare(bootstrap, metric, model, baseline) for metric in metrics],
        slices=list(_evaluate_slices(spec, data, model, metrics, clusters)),
        linear=None if linear is None else _compare(bootstrap, get_primary_metric(spec), model, linear),
        groups=compare_groups(spec, data, model, clusters, _list_groups(spec.evaluation.protected, data)),
    )


def _compute_label_mean(spec: Spec, label: Labels) -> float | None:
    return None if spec.task == "multiclass" else float(label.mean())


def _compare(bootstrap: Bootstrap, metric: Metric, model: Floats, baseline: Floats) -> MetricComparison:
    try:
        ours, theirs = bootstrap.compute_samples(metric, model), bootstrap.compute_samples(metric, baseline)
    except UndefinedMetricError as error:
        nothing = Estimate(None, None, None, str(error))
        return MetricComparison(metric.name, nothing, nothing, nothing)
    gain = ours - theirs if metric.higher_is_better else theirs - ours
    own, difference = metric.bounds, metric.gain_bounds
    parts = ((ours, own), (theirs, own), (gain, difference))
    return MetricComparison(metric.name, *(bootstrap.summarize(samples, bounds=bounds) for samples, bounds in parts))


def _evaluate_slices(
    spec: Spec, data: EvaluationRows, model: Floats, metrics: list[Metric], clusters: Clusters | None
) -> Iterator[SliceMetrics]:
    for column, value, members in _list_slices(spec, data):
        label = data.label[members]
        if small := _describe_small_class(spec, label):
            estimates = {metric.name: Estimate(None, None, None, small) for metric in metrics}
        else:
            bootstrap = Bootstrap(
                label, spec.evaluation, spec.model.seed, None if clusters is None else clusters[members]
            )
            estimates = {metric.name: bootstrap.estimate(metric, model[members]) for metric in metrics}
        yield SliceMetrics(column, value, len(members), _compute_label_mean(spec, label), estimates)


def _list_slices(spec: Spec, data: EvaluationRows) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Yield column, value and rows of each slice that has enough rows."""
    for column, value, members in _list_groups(spec.evaluation.slices, data):
        if len(members) >= MIN_SLICE_ROWS:
            yield column, value, members


def _list_groups(columns: Sequence[str], data: EvaluationRows) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Yield column, value and rows of each group, as far as the rows have the columns."""
    for column in columns:
        if column in data.table.column_names:
            for value, members in group_rows(data.table[column]):
                yield column, value, members


def _describe_small_class(spec: Spec, label: Labels) -> str:
    """Return why the rows have too few of one of two classes for an interval, or an empty text."""
    if spec.task != "binary":
        return ""
    fewest = min(int(label.sum()), len(label) - int(label.sum()))
    return (
        f"{fewest} of {len(label):,} rows in the rarer class, at least {MIN_CLASS_ROWS} are needed"
        if fewest < MIN_CLASS_ROWS
        else ""
    )


def get_slice_columns(spec: Spec, data: EvaluationRows) -> list[str]:
    """Return the columns of the slices, as far as the rows have them: those of a file may lack some."""
    return [column for column in spec.evaluation.slices if column in data.table.column_names]


def group_rows(column: pa.ChunkedArray) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield the rows of each value of a column, or of each of six ranges of equal counts where it has over 24 values.

    Yields:
        What the rows share, and their positions; the largest groups of text first, numbers in their order, rows without
        a value last.
    """
    yield from _group_values(column)
    missing = np.flatnonzero(pc.is_null(column, nan_is_null=True).to_numpy())
    if len(missing):
        yield "missing", missing


def _group_values(column: pa.ChunkedArray) -> Iterator[tuple[str, NDArray[np.int64]]]:
    kind = column.type
    if pa.types.is_decimal(kind):
        column, kind = pc.cast(column, pa.float64(), safe=False), pa.float64()
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if number and pc.count_distinct(column).as_py() > MAX_SLICE_VALUES:
        yield from _group_by_range(column.to_numpy())
        return
    counts = pc.value_counts(column.combine_chunks())
    largest = sorted(counts.to_pylist(), key=lambda entry: -entry["counts"])[:MAX_SLICE_VALUES]
    values = [
        entry["values"] for entry in largest if entry["values"] is not None and entry["values"] == entry["values"]
    ]
    for value in sorted(values) if number else values:
        yield str(value), np.flatnonzero(pc.fill_null(pc.equal(column, value), False).to_numpy())


def _group_by_range(values: Floats) -> Iterator[tuple[str, NDArray[np.int64]]]:
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, SLICE_BINS + 1)))
    for position, (low, high) in enumerate(itertools.pairwise(edges)):
        last = position == len(edges) - 2
        inside = (values >= low) & ((values <= high) if last else (values < high))
        yield f"{low:g} to {high:g}" if last else f"{low:g} to below {high:g}", np.flatnonzero(inside)


@dataclass(frozen=True)
class SliceGain:
    """How much better the second version is on rows that share a value, by the primary metric."""

    column: str
    value: str
    rows: int
    gain: Estimate


def compute_slice_gains(spec: Spec, data: EvaluationRows, scores: list[Any]) -> Iterator[SliceGain]:
    """Yield how much better the second scores are than the first, on each slice with enough rows.

    The intervals of all slices hold at once, since somebody looks at the worst of them.
    """
    metric, clusters = get_primary_metric(spec), find_clusters(spec, data.table)
    slices = list(_list_slices(spec, data))
    for column, value, members in slices:
        label = data.label[members]
        bootstrap = Bootstrap(label, spec.evaluation, spec.model.seed, None if clusters is None else clusters[members])
        try:
            if small := _describe_small_class(spec, label):
                raise UndefinedMetricError(small)
            old, new = (bootstrap.compute_samples(metric, score[members]) for score in scores)
        except UndefinedMetricError as error:
            yield SliceGain(column, value, len(members), Estimate(None, None, None, str(error)))
            continue
        gain = bootstrap.summarize(metric.sign * (new - old), len(slices), metric.gain_bounds)
        yield SliceGain(column, value, len(members), gain)
