"""Trainings that the score asks for: without each feature, on earlier rows only, and twice."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data.features import Examples, Schema
from mlteam.data.snapshot import Snapshot
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.evaluation.metrics import Floats
from mlteam.modeling.model import fit_model
from mlteam.modeling.training import load_training_examples

# Enough rows to see what a feature brings, in a second or two for each training.
MAX_ROWS = 20_000
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
    """A model of the first `share` of the training rows, by time, and its metric on the validation rows."""

    share: float
    value: Estimate


@dataclass(frozen=True)
class Experiments:
    """What the trainings gave; `ages` is empty for rows without a time."""

    features: tuple[FeatureValue, ...]
    ages: tuple[AgedModel, ...]
    repeats: bool


def run_experiments(spec: Spec, taken: Snapshot, progress: Callable[[str], None]) -> Experiments:
    """Train on a sample of the rows, once for each question.

    Args:
        spec: The pipeline.
        taken: The snapshot.
        progress: Is told which training is under way.
    """
    schema, train, watch = load_training_examples(spec, taken)
    train, watch = _sample(train), _sample(watch)
    metric = get_primary_metric(spec)
    bootstrap = Bootstrap(watch.label, spec.evaluation, spec.model.seed)

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
        estimate = bootstrap.summarize(gain, len(schema.names))
        values.append(FeatureValue(name, estimate, missing, max(0.0, seconds - faster)))
    ages = []
    if spec.data.time is not None:
        for share in np.linspace(1 / AGES, 1, AGES).tolist():
            progress(f"on the first {share:.0%} of the rows")
            rows = slice(0, max(1, int(len(train.label) * share)))
            older, _ = score(Examples("train", train.matrix[rows], train.label[rows]))
            ages.append(AgedModel(share, bootstrap.summarize(bootstrap.compute_samples(metric, older))))
    return Experiments(tuple(values), tuple(ages), bool((whole == again).all()))


def _sample(examples: Examples) -> Examples:
    """Return every so many rows; those of a snapshot are in the order of time."""
    rows = np.unique(np.linspace(0, len(examples.label) - 1, MAX_ROWS).astype(np.int64))
    return Examples(examples.name, examples.matrix[rows], examples.label[rows])


def _blank(examples: Examples, place: int) -> Examples:
    """Return rows in which a feature has no value, so that nothing can be learned from it."""
    matrix = examples.matrix.copy()
    matrix[:, place] = np.nan
    return Examples(examples.name, matrix, examples.label)


def list_harmful(found: Experiments) -> Iterator[str]:
    """Yield the features without which the model is clearly better."""
    yield from (f.name for f in found.features if f.gain.high is not None and f.gain.high < 0)


def check_learns_by_heart(spec: Spec, schema: Schema, train: Examples) -> bool:
    """Return whether a model learns a few rows better than their mean: code that drops labels does not."""
    few = _pick_both_classes(train)
    metric = get_primary_metric(spec)
    try:
        model = fit_model(spec, "model", few, few, schema)
        ones = np.ones(len(few.label))
        mean = fit_model(spec, "baseline", few, few, schema)
        learned, plain = (metric.function(few.label, m.predict(few.matrix), ones) for m in (model, mean))
    except ProjectError:
        return False
    return bool(metric.sign * (learned - plain) > 0)


def _pick_both_classes(train: Examples) -> Examples:
    rows = np.unique(np.linspace(0, len(train.label) - 1, 2_000).astype(np.int64))
    return Examples(train.name, train.matrix[rows], train.label[rows])
