"""What became of predictions: quality once outcomes arrive, and whether the features were those of the warehouse."""

from dataclasses import dataclass

import numpy as np

from mlteam.config.spec import Spec
from mlteam.data import features
from mlteam.data.features import Matrix
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.clusters import find_clusters
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.evaluation.metrics import UndefinedMetricError
from mlteam.monitoring.findings import Finding, compare_with_limit, report_unknown
from mlteam.monitoring.logged_predictions import LoggedPredictions
from mlteam.monitoring.outcomes import Outcomes
from mlteam.serving.bundle import Bundle

SKEW_TOLERANCE = 1e-6
MAX_LISTED_KEYS = 5


@dataclass(frozen=True)
class EvaluatedVersion:
    """A version with what it answered and what became of it.

    Attributes:
        opened: Its bundle.
        served: What it answered.
        outcomes: The outcomes of that.
        reference: The primary metric on the test rows of its training.
    """

    opened: Bundle
    served: LoggedPredictions
    outcomes: Outcomes
    reference: Estimate


def check_quality(spec: Spec, evaluated: EvaluatedVersion) -> Finding:
    """Return how far the whole interval lies on the bad side of the interval at training time; 0 where they overlap."""
    metric, found, reference = get_primary_metric(spec), evaluated.outcomes, evaluated.reference
    about = f"version {evaluated.opened.manifest.version}: {found.describe()}"
    if found.rows.num_rows < spec.monitoring.fewest_rows:
        return report_unknown("quality", metric.name, 0, f"{about}, needs {spec.monitoring.fewest_rows:,}")
    rows = features.build_examples(spec, evaluated.opened.schema, "outcomes", found.rows)
    bootstrap = Bootstrap(rows.label, spec.evaluation, spec.model.seed, find_clusters(spec, found.rows))
    now = bootstrap.estimate(metric, evaluated.served.predictions[found.places])
    bounds = (now.low, now.high, reference.low, reference.high)
    if any(bound is None or not np.isfinite(bound) for bound in bounds):
        return report_unknown("quality", metric.name, 0, f"{now.format()}; {about}")
    low, high, least, most = (float(bound or 0) for bound in bounds)
    loss = max(0.0, least - high if metric.higher_is_better else low - most)
    message = f"{now.format()}, at training {reference.format()}; {about}"
    return compare_with_limit("quality", metric.name, loss, 0, message, (now, reference))


def check_skew(spec: Spec, evaluated: EvaluatedVersion) -> Finding:
    """Return the share of the rows that were served with other features than the warehouse has."""
    opened, served, found = evaluated.opened, evaluated.served, evaluated.outcomes
    limit = spec.monitoring.skew
    if found.rows.num_rows < spec.monitoring.fewest_rows:
        return report_unknown("skew", "served features", limit, f"{found.describe()}, needs more")
    computed = features.build_examples(spec, opened.schema, "outcomes", found.rows).matrix
    keys = [served.ids[place] or "" for place in found.places]
    return _compare_features(opened, served.matrix[found.places], computed, keys, limit)


def compare_shadow(spec: Spec, evaluated: EvaluatedVersion, shadow: LoggedPredictions) -> Finding:
    """Return how far the whole interval of the shadow's gain over the champion is a loss; 0 where it is none.

    The answers are those that both predicted and whose outcome is known.
    """
    champion, found = evaluated.served, evaluated.outcomes
    metric, fewest = get_primary_metric(spec), spec.monitoring.fewest_rows
    last = {key: place for place, key in reversed(list(enumerate(shadow.ids))) if key is not None}
    both = [row for row, place in enumerate(found.places) if champion.ids[place] in last]
    if len(both) < fewest:
        why = f"{len(both):,} outcomes of rows that the shadow predicted too, needs {fewest:,}"
        return report_unknown("shadow", metric.name, 0, why)
    table = found.rows.take(both)
    rows = features.build_examples(spec, evaluated.opened.schema, "outcomes", table)
    bootstrap = Bootstrap(rows.label, spec.evaluation, spec.model.seed, find_clusters(spec, table))
    ours = champion.predictions[found.places[both]]
    theirs = shadow.predictions[[last[champion.ids[place] or ""] for place in found.places[both]]]
    try:
        samples = [bootstrap.compute_samples(metric, predicted) for predicted in (theirs, ours)]
    except UndefinedMetricError as error:
        return report_unknown("shadow", metric.name, 0, str(error))
    gain = bootstrap.summarize((samples[0] - samples[1]) * metric.sign, bounds=metric.gain_bounds)
    message = f"gain over the champion {gain.format(signed=True)} on {len(both):,} outcomes"
    if gain.high is None:
        return report_unknown("shadow", metric.name, 0, message)
    return compare_with_limit("shadow", metric.name, max(0.0, -gain.high), 0, message)


def _compare_features(opened: Bundle, served: Matrix, computed: Matrix, keys: list[str], limit: float) -> Finding:
    same = np.isclose(served, computed, rtol=SKEW_TOLERANCE, atol=SKEW_TOLERANCE, equal_nan=True)
    rows = np.flatnonzero(~same.all(axis=1))
    message = f"{len(rows):,} of {len(keys):,} rows were served with features that differ from the warehouse"
    if len(rows):
        worst = opened.schema.names[int((~same).sum(axis=0).argmax())]
        message += f", mostly {worst}; such as {', '.join(keys[row] for row in rows[:MAX_LISTED_KEYS])}"
    return compare_with_limit("skew", "served features", len(rows) / len(keys), limit, message)
