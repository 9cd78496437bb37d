"""All checks of a launched model, one after the other."""

import datetime as dt
from collections.abc import Iterator

import pyarrow.dataset as ds

from mlteam.config.spec import SPEC_FILE, Spec
from mlteam.data import datasets, features, snapshot
from mlteam.data.features import Floats, TableLike
from mlteam.data.snapshot import Snapshot
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.clusters import find_clusters
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.modeling.training import reserve_scratch
from mlteam.monitoring import drift, freshness, logged_predictions, outcomes, quality
from mlteam.monitoring.findings import Finding, compare_with_limit, report_unknown
from mlteam.monitoring.logged_predictions import PredictionHistory
from mlteam.monitoring.past_windows import Rows, choose_length, cut_windows
from mlteam.monitoring.quality import EvaluatedVersion
from mlteam.serving import bundle
from mlteam.serving.bundle import Bundle

SECONDS_PER_DAY = 86_400
SECONDS_PER_HOUR = 3600


def run_checks(spec: Spec, opened: Bundle, launched: dt.datetime, now: dt.datetime) -> Iterator[Finding]:
    """Run every check of a launched model; yields its findings."""
    limits = spec.monitoring
    newest = snapshot.load_newest(spec.name)
    trained_on = snapshot.load(spec.name, opened.manifest.snapshot)
    yield from freshness.check_sources(newest, now, limits.volume)
    yield _check_volume(newest, limits.volume)
    yield _check_age(opened, now, limits.age_days)
    longest = dt.timedelta(days=max(limits.days, limits.outcome_days))
    history = logged_predictions.read_predictions(spec.name, now - longest, now)
    yield _check_silence(history, launched, now, limits.silence_hours)
    rows = history.select(opened, now - dt.timedelta(days=limits.days))
    learned = datasets.LazySnapshotTable(trained_on, _read_training_spec(spec, opened), "train")
    days = choose_length(rows.times, limits.days)
    past = _cut_past(spec, learned, days)
    schema, fewest = opened.schema, limits.fewest_rows
    with reserve_scratch(spec, "-monitor") as scratch:
        train = features.build_examples(spec, schema, "train", learned, scratch)
        yield from drift.check_feature_drift(schema, train.matrix, rows.matrix, limits.drift, fewest, past)
        yield from drift.check_missing_values(schema, train.matrix, rows.matrix, limits.missing, fewest, past)
        yield from drift.check_vanished_categories(schema, train.matrix, rows.matrix, fewest)
    expected, past, reference = _evaluate_reference(spec, opened, trained_on, days)
    yield drift.check_prediction_drift(expected, rows.predictions, limits.drift, fewest, past)
    yield from _check_outcomes(spec, opened, newest, history, reference, now)


def _check_outcomes(
    spec: Spec, opened: Bundle, newest: Snapshot, history: PredictionHistory, reference: Estimate, now: dt.datetime
) -> Iterator[Finding]:
    """Yield what is known of the answers whose outcomes have arrived.

    After a launch the version before is evaluated until the champion has outcomes of its own.
    """
    limits, primary = spec.monitoring, spec.evaluation.primary
    since, table = now - dt.timedelta(days=limits.outcome_days), ds.dataset(list(newest.hashes))
    served = history.select(opened, since)
    champion = EvaluatedVersion(opened, served, outcomes.match_outcomes(spec, served, table), reference)
    evaluated = champion
    if champion.outcomes.rows.num_rows < limits.fewest_rows:
        evaluated = _find_version_with_outcomes(spec, opened, history, since, table) or champion
    if not evaluated.outcomes.answers:
        why = f"no request gave {spec.data.key}, so outcomes cannot be found"
        yield report_unknown("quality", primary, 0, why)
        yield report_unknown("skew", "served features", limits.skew, why)
        return
    yield from outcomes.check_outcomes(spec, evaluated.served, evaluated.outcomes, now)
    yield quality.check_quality(spec, evaluated)
    yield quality.check_skew(spec, champion)
    if history.list_versions("shadow"):
        yield quality.compare_shadow(spec, champion, history.select_role(opened, "shadow", since))


def _find_version_with_outcomes(
    spec: Spec, opened: Bundle, history: PredictionHistory, since: dt.datetime, table: ds.Dataset
) -> EvaluatedVersion | None:
    """Return the version that answered last before the champion and has enough outcomes."""
    for number in history.list_versions():
        earlier = bundle.find_bundle(spec.name, number) if number != opened.manifest.version else None
        if earlier is None:
            continue
        served = history.select(earlier, since)
        found = outcomes.match_outcomes(spec, served, table)
        if found.rows.num_rows >= spec.monitoring.fewest_rows:
            taken = snapshot.load(spec.name, earlier.manifest.snapshot)
            _, _, reference = _evaluate_reference(spec, earlier, taken, spec.monitoring.days)
            return EvaluatedVersion(earlier, served, found, reference)
    return None


def _read_training_spec(spec: Spec, opened: Bundle) -> Spec:
    """Return the spec that the champion was trained by, which says what were its rows."""
    text = (opened.folder / bundle.MODEL_FOLDER / SPEC_FILE).read_text(encoding="utf-8")
    return Spec.model_validate_json(text).model_copy(update={"evaluation": spec.evaluation})


def _cut_past(spec: Spec, table: TableLike, days: float) -> list[Rows]:
    """Return the rows of each window of so many days; none where rows have no time."""
    if spec.data.time is None:
        return []
    return cut_windows(table[spec.data.time], days, spec.monitoring.fewest_rows)


def _evaluate_reference(
    spec: Spec, opened: Bundle, taken: Snapshot, days: float
) -> tuple[Floats, list[Rows], Estimate]:
    """Predictions of the test rows that the champion was evaluated on, their windows, and its primary metric there."""
    own = _read_training_spec(spec, opened)
    table = datasets.read_snapshot_rows(taken, own, "test")
    rows = features.build_examples(own, opened.schema, "test", table)
    expected = opened.model.predict(rows.matrix)
    bootstrap = Bootstrap(rows.label, spec.evaluation, spec.model.seed, find_clusters(own, table))
    return expected, _cut_past(spec, table, days), bootstrap.estimate(get_primary_metric(spec), expected)


def _check_volume(newest: Snapshot, factor: float) -> Finding:
    before = snapshot.load_previous(newest)
    rows = int(newest.metadata["rows"])
    if before is None:
        return report_unknown("volume", "snapshot", factor, f"{rows:,} rows, there is no earlier snapshot")
    earlier = int(before.metadata["rows"])
    times = max(rows / max(1, earlier), earlier / max(1, rows))
    return compare_with_limit("volume", "snapshot", times, factor, f"{rows:,} rows, {earlier:,} in the snapshot before")


def _check_age(opened: Bundle, now: dt.datetime, limit: float) -> Finding:
    """Return the age of what the model knows: that of its newest row, or of its training where rows have no time."""
    about = opened.manifest
    since = dt.datetime.fromisoformat(about.newest_row or about.trained_at)
    age = (now - since).total_seconds() / SECONDS_PER_DAY
    what = "newest row of the training" if about.newest_row else "trained"
    return compare_with_limit("age", "model", age, limit, f"{what} {age:.1f} days ago")


def _check_silence(rows: PredictionHistory, launched: dt.datetime, now: dt.datetime, limit: float) -> Finding:
    since = max(launched, rows.last) if rows.last else launched
    hours = (now - since).total_seconds() / SECONDS_PER_HOUR
    message = (
        f"last prediction {hours:.1f} hours ago"
        if rows.last
        else f"no prediction since the launch {hours:.1f} hours ago"
    )
    if rows.unreadable:
        message += f"; {rows.unreadable} lines of the log are no records"
    return compare_with_limit("silence", "service", hours, limit, message)
