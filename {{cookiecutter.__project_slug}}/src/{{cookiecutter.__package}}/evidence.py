"""The numbers that decide about a launch, computed anew, for all on the same rows."""

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np

from . import console, evaluation, features, form, privacy, snapshot, stored
from .bundle import golden
from .compare import compare, seen, slice_gains
from .errors import ProjectError
from .features import Labels
from .gates import Evidence
from .metrics import Floats
from .registry import Version
from .request import Reader
from .snapshot import Snapshot
from .spec import Spec
from .team_metrics import choose

BINS = 10
CALLS = 300
CHECK = Path("process") / "check.py"


def gather(spec: Spec, version: Version, champion: Version | None) -> Evidence:
    """Compute all that the gates ask about.

    Args:
        spec: Today's: it says which rows, metric and slices.
        version: What shall be launched.
        champion: What answers now, if anything does.

    Raises:
        ProjectError: The two predict different things, or the rows lack a feature.
    """
    newest, trained_on = snapshot.newest(spec.name), snapshot.load(spec.name, version.snapshot)
    (metric,) = choose([spec.evaluation.primary], spec.task)
    with console.step("score on the test rows of the newest snapshot"):
        rows = features.rows(spec, version.schema, "test", stored.read(newest, spec, "test"))
        ours, theirs = version.model.predict(rows.matrix), version.baseline.predict(rows.matrix)
        plain = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"slices": ()})})
        against = next(m for m in evaluation.judge(plain, rows, ours, theirs).metrics if m.metric == metric.name)
    over_champion, slices, rival_value = None, [], against.baseline.value
    if champion is None:
        slices = list(slice_gains(spec, rows, [theirs, ours]))
    else:
        with console.step(f"score version {champion.number}, the champion, on the same rows"):
            beside = compare(spec, champion, version, "test")
        primary = next(m for m in beside.metrics if m.metric == metric.name)
        over_champion, slices, rival_value = primary.gain, beside.slices, primary.baseline.value
    with console.step("measure latency, check anonymization and process"):
        return Evidence(
            metric=metric.name,
            higher_is_better=metric.higher_is_better,
            value=against.model,
            seen=seen(newest, version, spec, "test"),
            over_baseline=against.gain,
            over_champion=over_champion,
            rival=champion.number if champion else None,
            rival_value=float("nan") if rival_value is None else rival_value,
            slices=slices,
            calibration_error=calibration_error(spec.task, rows.label, ours),
            latency_ms=_latency_ms(spec, version, trained_on),
            snapshot_days=_days_since(trained_on.metadata["created_at"]),
            personal=_personal(spec, trained_on),
            process=_process(),
            commit=version.tags["git_commit"].replace("None", ""),
            dirty=version.tags["git_dirty"] != "False",
        )


def calibration_error(task: str, label: Labels, prediction: Floats) -> float:
    """How far predictions are off on average.

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
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    distance = np.abs(np.bincount(place, right, BINS) - np.bincount(place, sure, BINS))
    return float(distance.sum() / len(sure))


def _latency_ms(spec: Spec, version: Version, trained_on: Snapshot) -> float:
    """The 99th percentile of reading and answering one row."""
    asked = form.learn(spec, trained_on, version.schema)
    reader = Reader(asked, version.schema)
    # Rows of a newer snapshot may hold what the service refuses; those of the training's own do not.
    own = features.rows(version.spec, version.schema, "test", stored.read(trained_on, version.spec, "test"))
    bodies = [example.model_dump_json(include={"features"}) for example in golden(version, own)]
    texts = [body.removeprefix('{"features":').removesuffix("}").encode() for body in bodies]
    taken = []
    for call in range(CALLS):
        start = time.perf_counter()
        version.model.predict(reader.read(texts[call % len(texts)]).matrix)
        taken.append(1000 * (time.perf_counter() - start))
    return float(np.quantile(taken, 0.99))


def _days_since(created_at: str) -> float:
    return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(created_at)).total_seconds() / 86_400


def _personal(spec: Spec, taken: Snapshot) -> str:
    schema, _ = spec.data.relation.split(".")
    try:
        with duckdb.connect() as connection:
            connection.execute(f"create schema {schema}")
            file = str(taken.parquet).replace("'", "''")
            connection.execute(f"create view {spec.data.relation} as select * from read_parquet('{file}')")
            privacy.check(connection, spec.data.relation, spec.privacy, str(spec.path))
    except ProjectError as error:
        return error.what
    return ""


def _process() -> str:
    """The first finding of the process check, or nothing."""
    done = subprocess.run([sys.executable, str(CHECK)], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    lines = (done.stdout + done.stderr).strip().splitlines()
    return f"fails, see `nox -s process`: {lines[0] if lines else 'it said nothing'}"
