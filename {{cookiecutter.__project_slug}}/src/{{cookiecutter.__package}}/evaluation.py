"""How good a model is: on each dataset, on each slice of it, and beside its baseline."""

import dataclasses
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .features import Labels, Rows
from .metrics import Estimate, Floats, Judge, Metric, UndefinedMetricError
from .spec import Spec
from .team_metrics import choose

MOST_SLICES = 24
BINS = 6
FEWEST_ROWS = 50


@dataclass(frozen=True)
class Comparison:
    """One metric of the model and of its baseline; `gain` is how much better the model is, whichever way is good."""

    metric: str
    model: Estimate
    baseline: Estimate
    gain: Estimate


@dataclass(frozen=True)
class Slice:
    """Rows that share a value of a column; `label_mean` is the share of positives, or None for many classes."""

    column: str
    value: str
    rows: int
    label_mean: float | None
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class Judgement:
    """All that is known about a model on one dataset; `label_mean` as in a slice."""

    dataset: str
    rows: int
    label_mean: float | None
    metrics: list[Comparison]
    slices: list[Slice]

    @property
    def key(self) -> str:
        """The dataset in the name of a recorded metric, whose parts a path's own dots would mix up."""
        return re.sub(r"[^\w-]+", "_", self.dataset)

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers."""
        return dataclasses.asdict(self)


def judge(spec: Spec, data: Rows, model: Floats, baseline: Floats) -> Judgement:
    """Compute every metric of the spec on a dataset and its slices.

    Args:
        spec: Names metrics and slices.
        data: The rows.
        model: Predictions of the model, shape (rows,) or (rows, classes).
        baseline: Predictions of the baseline, of the same shape.
    """
    metrics = choose(spec.evaluation.metrics, spec.task)
    jury = Judge(data.label, spec.evaluation, spec.model.seed)
    return Judgement(
        dataset=data.name,
        rows=len(data.label),
        label_mean=_mean(spec, data.label),
        metrics=[_compare(jury, metric, model, baseline) for metric in metrics],
        slices=list(_slices(spec, data, model, metrics)),
    )


def _mean(spec: Spec, label: Labels) -> float | None:
    return None if spec.task == "multiclass" else float(label.mean())


def _compare(jury: Judge, metric: Metric, model: Floats, baseline: Floats) -> Comparison:
    try:
        ours, theirs = jury.samples(metric, model), jury.samples(metric, baseline)
    except UndefinedMetricError as error:
        nothing = Estimate(None, None, None, str(error))
        return Comparison(metric.name, nothing, nothing, nothing)
    gain = ours - theirs if metric.higher_is_better else theirs - ours
    return Comparison(metric.name, *(jury.summarize(samples) for samples in (ours, theirs, gain)))


def _slices(spec: Spec, data: Rows, model: Floats, metrics: list[Metric]) -> Iterator[Slice]:
    for column in sliced(spec, data):
        for value, members in groups(data.table[column]):
            if len(members) < FEWEST_ROWS:
                continue
            label = data.label[members]
            jury = Judge(label, spec.evaluation, spec.model.seed)
            estimates = {metric.name: jury.estimate(metric, model[members]) for metric in metrics}
            yield Slice(column, value, len(members), _mean(spec, label), estimates)


def sliced(spec: Spec, data: Rows) -> list[str]:
    """The columns of the slices, as far as the rows have them: those of a file may lack some."""
    return [column for column in spec.evaluation.slices if column in data.table.column_names]


def groups(column: pa.ChunkedArray) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The rows of each value of a column, or of each of six ranges of equal counts where it has over 24 values.

    Yields:
        What the rows share, and their positions; the largest groups of text first, numbers in their order.
    """
    kind = column.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if number and pc.count_distinct(column).as_py() > MOST_SLICES:
        yield from _ranges(column.to_numpy())
        return
    counts = pc.value_counts(column.combine_chunks())
    largest = sorted(counts.to_pylist(), key=lambda entry: -entry["counts"])[:MOST_SLICES]
    values = [entry["values"] for entry in largest if entry["values"] is not None]
    for value in sorted(values) if number else values:
        yield str(value), np.flatnonzero(pc.fill_null(pc.equal(column, value), False).to_numpy())


def _ranges(values: Floats) -> Iterator[tuple[str, NDArray[np.int64]]]:
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, BINS + 1)))
    for position, (low, high) in enumerate(itertools.pairwise(edges)):
        last = position == len(edges) - 2
        inside = (values >= low) & ((values <= high) if last else (values < high))
        yield f"{low:g} to {high:g}" if last else f"{low:g} to below {high:g}", np.flatnonzero(inside)
