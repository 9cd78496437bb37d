"""Trainings that the score asks for: without each feature, on older rows, twice, and on a few rows."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlteam.config.spec import Spec
from mlteam.config.splits import TimeSplits
from mlteam.core.errors import ProjectError
from mlteam.data import datasets
from mlteam.data.features import Examples, Floats, Schema
from mlteam.data.snapshot import Snapshot
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.clusters import find_clusters
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.evaluation.metrics import UndefinedMetricError
from mlteam.modeling.model import fit_model
from mlteam.modeling.training import load_training_examples, reserve_scratch

# Enough rows to see what a feature brings, in a second or two for each training.
MAX_ROWS, FEW_ROWS = 20_000, 2_000
AGES = 4


@dataclass(frozen=True)
class FeatureValue:
    """What one feature brings and costs.

    Attributes:
        name: The feature.
        gain: How much the primary metric on the validation rows loses without it; above zero is a gain.
        missing: Share of training rows without a value.
        seconds: Seconds of training that it takes.
    """

    name: str
    gain: Estimate
    missing: float
    seconds: float


@dataclass(frozen=True)
class AgedModel:
    """A model of one part of the training rows, and its metric on the validation rows.

    Attributes:
        days: Age of the newest row of the part at the begin of the validation; all parts have the same number of rows.
        value: The metric.
    """

    days: int
    value: Estimate


@dataclass(frozen=True)
class Experiments:
    """What the trainings gave.

    Attributes:
        features: What each feature brings and costs.
        ages: Models of older and newer rows, the oldest first; empty where splits are not by time.
        repeats: Whether two trainings predict the same.
        learns_by_heart: Whether the model learns a few rows better than the baseline does.
    """

    features: tuple[FeatureValue, ...]
    ages: tuple[AgedModel, ...]
    repeats: bool
    learns_by_heart: bool


def run_experiments(spec: Spec, taken: Snapshot, progress: Callable[[str], None]) -> Experiments:
    """Train on a sample of the rows, once for each question.

    Args:
        spec: The pipeline.
        taken: The snapshot.
        progress: Is told which training is under way.
    """
    sampled, metric = _sample_rows(spec, taken), get_primary_metric(spec)
    schema, train, watch = sampled.schema, sampled.train, sampled.watch
    bootstrap = Bootstrap(watch.label, spec.evaluation, spec.model.seed, sampled.clusters)

    def score(learn: Examples) -> tuple[Floats, float]:
        begun = time.perf_counter()
        model = fit_model(spec, "model", learn, watch, schema)
        return np.asarray(model.predict(watch.matrix)), time.perf_counter() - begun

    whole, seconds = score(train)
    again, _ = score(train)
    reference = bootstrap.compute_samples(metric, whole)
    values = []
    for place, name in enumerate(schema.names):
        progress(f"without {name}")
        without, faster = score(_blank(train, place))
        gain = metric.sign * (reference - bootstrap.compute_samples(metric, without))
        missing = float(np.isnan(train.matrix[:, place]).mean())
        estimate = bootstrap.summarize(gain, len(schema.names), metric.gain_bounds)
        values.append(FeatureValue(name, estimate, missing, max(0.0, seconds - faster)))
    ages = []
    for days, part in sampled.parts:
        progress(f"on rows that are {days} days old")
        older, _ = score(part)
        ages.append(
            AgedModel(days, bootstrap.summarize(bootstrap.compute_samples(metric, older), bounds=metric.bounds))
        )
    by_heart = _learns_by_heart(spec, schema, sampled.few)
    return Experiments(tuple(values), tuple(ages), bool((whole == again).all()), by_heart)


@dataclass(frozen=True)
class _Sampled:
    """The rows of all trainings, few enough for the memory of any machine.

    Attributes:
        schema: The features as all training rows show them.
        train: Training rows.
        few: Fewer of them.
        parts: Training rows of one time, the oldest first, with the age of the newest row of each in days.
        watch: Rows of the validation.
        clusters: The cluster of each of these, or None.
    """

    schema: Schema
    train: Examples
    few: Examples
    parts: tuple[tuple[int, Examples], ...]
    watch: Examples
    clusters: NDArray[np.int64] | None


def _sample_rows(spec: Spec, taken: Snapshot) -> _Sampled:
    # Rows of one day are alike, so that they are drawn together, as in an evaluation.
    clusters = find_clusters(spec, datasets.LazySnapshotTable(taken, spec, "validation"))
    with reserve_scratch(spec) as scratch:
        schema, train, watch = load_training_examples(spec, taken, scratch)
        chosen = _choose_rows(len(watch.label), MAX_ROWS)
        every, few = (_choose_rows(len(train.label), most) for most in (MAX_ROWS, FEW_ROWS))
        return _Sampled(
            schema,
            _take(train, every),
            _take(train, few),
            tuple(_cut_by_age(spec, taken, train)),
            _take(watch, chosen),
            clusters[chosen] if clusters is not None else None,
        )


def _cut_by_age(spec: Spec, taken: Snapshot, train: Examples) -> Iterator[tuple[int, Examples]]:
    """Yield parts of the training rows of one size, the oldest first, with the age of the newest row of each."""
    if not isinstance(spec.splits, TimeSplits):
        return
    time = datasets.LazySnapshotTable(taken, spec, "train")[spec.data.time or ""]
    for rows in np.array_split(np.arange(len(train.label)), AGES):
        if len(rows):
            newest = time[int(rows[-1])].as_py()
            day = newest.date() if isinstance(newest, dt.datetime) else newest
            part = _take(train, rows[_choose_rows(len(rows), MAX_ROWS // AGES)])
            yield (spec.splits.validation.start - day).days, part


def _choose_rows(count: int, most: int) -> NDArray[np.int64]:
    """Return every so many rows; those of a snapshot are in the order of time."""
    return np.unique(np.linspace(0, count - 1, most).astype(np.int64))


def _take(examples: Examples, rows: NDArray[np.int64]) -> Examples:
    """Return some rows, in memory."""
    return Examples(examples.name, np.array(examples.matrix[rows]), examples.label[rows])


def _blank(examples: Examples, place: int) -> Examples:
    """Return rows in which a feature has no value, so that nothing can be learned from it."""
    matrix = examples.matrix.copy()
    matrix[:, place] = np.nan
    return Examples(examples.name, matrix, examples.label)


def list_harmful(found: Experiments) -> Iterator[str]:
    """Yield the features without which the model is clearly better."""
    yield from (f.name for f in found.features if f.gain.high is not None and f.gain.high < 0)


def _learns_by_heart(spec: Spec, schema: Schema, few: Examples) -> bool:
    """Return whether the model learns a few rows better than the baseline: code that drops labels does not."""
    metric, ones = get_primary_metric(spec), np.ones(len(few.label))
    try:
        models = [fit_model(spec, role, few, few, schema) for role in ("model", "baseline")]
        learned, plain = (metric.function(few.label, model.predict(few.matrix), ones) for model in models)
    except (ProjectError, UndefinedMetricError):
        return False
    return bool(metric.sign * (learned - plain) > 0)
