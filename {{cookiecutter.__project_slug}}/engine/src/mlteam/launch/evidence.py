"""The numbers that decide about a launch, computed at that moment, for all on the same rows."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np

from mlteam.analysis.comparison import compare_versions, count_training_rows
from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.paths import TEAM_FILE
from mlteam.core.sql import connect_duckdb
from mlteam.data import anonymity, datasets, features, leak_report, snapshot
from mlteam.data.features import Floats, Labels
from mlteam.data.snapshot import Snapshot
from mlteam.evaluation import evaluator
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.evaluation.evaluator import compute_slice_gains
from mlteam.evaluation.metrics import UndefinedMetricError
from mlteam.launch import publish
from mlteam.launch.gates import Evidence
from mlteam.launch.publish import make_golden_examples
from mlteam.process.runner import list_launch_findings
from mlteam.registry.looks import compute_confidence, record_look
from mlteam.registry.versions import RegisteredVersion
from mlteam.serving.request import RequestReader

CALIBRATION_BINS = 10
CALIBRATION_DRAWS = 200
LATENCY_CALLS, LATENCY_ROUNDS = 100, 5
MAX_RIVALS = 10


def gather_evidence(spec: Spec, version: RegisteredVersion, champion: RegisteredVersion | None) -> Evidence:
    """Compute all that the gates ask about.

    Args:
        spec: Today's: it says which rows, metric and slices.
        version: What shall be launched.
        champion: What answers now, if anything does.

    Raises:
        ProjectError: The two predict different things, or the rows lack a feature.
    """
    newest, trained_on = snapshot.load_newest(spec.name), snapshot.load(spec.name, version.snapshot)
    metric = get_primary_metric(spec)
    look = record_look(spec, version.number, newest.digest)
    confidence = compute_confidence(spec.evaluation.confidence, look)
    spec = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"confidence": confidence})})
    with console.show_progress("score on the test rows of the newest snapshot"):
        rows = features.build_evaluation_rows(
            spec, version.schema, "test", datasets.read_snapshot_rows(newest, spec, "test")
        )
        ours, theirs = version.model.predict(rows.matrix), version.baseline.predict(rows.matrix)
        plain = _reduce_to_metric(spec, metric.name)
        linear = version.linear.predict(rows.matrix) if version.linear else None
        evaluated = evaluator.evaluate(plain, rows, ours, theirs, linear)
        (against,) = evaluated.metrics
    over_champion, slices, rival_value = None, [], against.baseline.value
    if champion is None:
        slices = list(compute_slice_gains(spec, rows, [theirs, ours]))
    else:
        with console.show_progress(f"score version {champion.number}, the champion, on the same rows"):
            beside = compare_versions(spec, champion, version, "test")
        primary = next(m for m in beside.metrics if m.metric == metric.name)
        over_champion, slices, rival_value = primary.gain, beside.slices, primary.baseline.value
    with console.show_progress("rebuild the features from what was known") as progress:
        leak_finding, leak_message = _check_time_travel(spec, progress)
    with console.show_progress("measure latency, check anonymization and process"):
        return Evidence(
            metric=metric.name,
            higher_is_better=metric.higher_is_better,
            value=against.model,
            look=look,
            confidence=confidence,
            seen_rows=count_training_rows(newest, version, spec, "test"),
            gain_over_baseline=against.gain,
            gain_over_linear=evaluated.linear.gain if evaluated.linear else None,
            gain_over_champion=over_champion,
            champion_version=champion.number if champion else None,
            reference_value=float("nan") if rival_value is None else rival_value,
            slices=slices,
            calibration_error=compute_calibration_error(spec.task, rows.label, ours),
            calibration_chance=estimate_calibration_chance(spec.task, rows.label, ours),
            latency_ms=_measure_latency_ms(spec, version, trained_on),
            snapshot_days=_count_days_since(trained_on.metadata["created_at"]),
            privacy_finding=_check_privacy(spec, trained_on),
            leak_finding=leak_finding,
            leak_message=leak_message,
            process_finding=_check_process(spec.name),
            commit=version.tags["git_commit"].replace("None", ""),
            dirty=version.tags["git_dirty"] != "False",
        )


def find_best_champion(
    spec: Spec, champion: RegisteredVersion, earlier: Sequence[RegisteredVersion]
) -> RegisteredVersion:
    """Return the best of the champions so far on the test rows of the newest snapshot, which a new version must match.

    Compared with the present champion only, many launches could each lose a little.

    Args:
        spec: Today's.
        champion: What answers now.
        earlier: Champions before it; those with another label or other classes are left out.
    """
    newest, metric = snapshot.load_newest(spec.name), get_primary_metric(spec)
    best, highest = champion, -np.inf
    for version in (champion, *earlier[:MAX_RIVALS]):
        same = version.spec.data.label == champion.spec.data.label and version.schema.classes == champion.schema.classes
        if not same:
            continue
        rows = datasets.load_evaluation_rows(spec, version.schema, newest, "test")
        try:
            value = metric.function(rows.label, version.model.predict(rows.matrix), np.ones(len(rows.label)))
        except UndefinedMetricError:
            continue
        if metric.sign * value > highest:
            best, highest = version, metric.sign * value
    return best


def _reduce_to_metric(spec: Spec, metric: str) -> Spec:
    """Return the spec with one metric and no slices, which is all that the gates read of an evaluation."""
    reduced = spec.evaluation.model_copy(update={"slices": (), "metrics": (metric,), "primary": metric})
    return spec.model_copy(update={"evaluation": reduced})


def compute_calibration_error(task: str, label: Labels, prediction: Floats) -> float:
    """Return how far predictions are off on average.

    Of classes, the mean distance between the probability that was given and the frequency that was found, over ten
    ranges of probability, each weighted by its rows: the expected calibration error of Guo et al. 2017
    (arXiv:1706.04599). Of numbers, the distance of the means in standard deviations of the label.
    """
    if task == "regression":
        return float(abs(np.mean(prediction - label)) / np.std(label))
    if task == "multiclass":
        sure, right = prediction.max(axis=1), prediction.argmax(axis=1) == label
    else:
        sure, right = prediction, label == 1
    if not np.isfinite(sure).all():
        return float("nan")
    place = np.minimum((sure * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    distance = np.abs(np.bincount(place, right, CALIBRATION_BINS) - np.bincount(place, sure, CALIBRATION_BINS))
    return float(distance.sum() / len(sure))


def estimate_calibration_chance(task: str, label: Labels, prediction: Floats) -> float:
    """Return the calibration error that perfect predictions of this kind exceed one time in twenty, by chance alone.

    Labels are drawn from the predicted probabilities. For numbers it is the 95 % quantile of the distance of two means
    that are equal, by their standard error.
    """
    if not np.isfinite(prediction).all():
        return 0.0
    if task == "regression":
        error = np.std(prediction - label) / np.sqrt(len(label)) / np.std(label)
        return float(NormalDist().inv_cdf(0.975) * error)
    random = np.random.default_rng(0)
    chances = prediction if task == "multiclass" else np.stack([1 - prediction, prediction], axis=1)
    edges = np.cumsum(chances, axis=1)
    errors = []
    for _ in range(CALIBRATION_DRAWS):
        drawn = (random.random(len(label))[:, None] > edges).sum(axis=1).clip(max=chances.shape[1] - 1)
        errors.append(compute_calibration_error(task, drawn, prediction))
    return float(np.quantile(errors, 0.95))


def _measure_latency_ms(spec: Spec, version: RegisteredVersion, trained_on: Snapshot) -> float:
    """Return the 99th percentile of reading and answering one row, the best of several rounds on a busy machine."""
    asked = publish.build_request_schema(spec, trained_on, version.schema)
    reader = RequestReader(asked, version.schema)
    # Rows of a newer snapshot may hold what the service refuses; those of the training's own do not.
    own = features.build_evaluation_rows(
        version.spec, version.schema, "test", datasets.read_snapshot_rows(trained_on, version.spec, "test")
    )
    bodies = [example.model_dump_json(include={"features"}) for example in make_golden_examples(version, own)]
    texts = [body.removeprefix('{"features":').removesuffix("}").encode() for body in bodies]
    rounds = np.empty((LATENCY_ROUNDS, LATENCY_CALLS))
    for call in np.ndindex(rounds.shape):
        start = time.perf_counter()
        version.model.predict(reader.read(texts[call[1] % len(texts)]).matrix)
        rounds[call] = 1000 * (time.perf_counter() - start)
    return float(np.quantile(rounds, 0.99, axis=1).min())


def _count_days_since(created_at: str) -> float:
    return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(created_at)).total_seconds() / 86_400


def _check_privacy(spec: Spec, taken: Snapshot) -> str:
    schema, _ = spec.data.relation.split(".")
    try:
        with connect_duckdb() as connection:
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(f"create view {spec.data.relation} as select * from {taken.source}")
            anonymity.check_privacy(connection, spec.data.relation, spec.privacy, str(spec.path))
    except ProjectError as error:
        return error.what
    return ""


def _check_time_travel(spec: Spec, progress: Callable[[str], None]) -> tuple[str, str]:
    """Return what is wrong with the features, or nothing, and what was compared."""
    try:
        report = leak_report.make_report(spec, progress)
    except ProjectError as error:
        return f"{error.what}; see `nox -s time_travel`", ""
    return (report.describe() if report.leaks else ""), report.describe()


def _check_process(pipeline: str) -> str:
    """Return the first finding of the process check about the pipeline, or an empty text."""
    try:
        findings = list_launch_findings(Path(), pipeline) if TEAM_FILE.exists() else []
    except ProjectError as error:
        return str(error).partition("\n")[0]
    return f"see `nox -s process`: {findings[0].format_line()}" if findings else ""
