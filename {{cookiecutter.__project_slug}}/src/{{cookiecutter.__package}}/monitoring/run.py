"""Look at everything once: upstream, the rows that were served, the model; print, draw, export."""

import datetime as dt
from collections.abc import Iterator

from .. import bundle, console, features, snapshot, stored
from ..bundle import Bundle
from ..metrics import Estimate, Floats, Judge
from ..registry import SPEC
from ..snapshot import Snapshot
from ..spec import Spec
from ..team_metrics import choose
from . import drift, exposition, outcomes, page, served, upstream
from .findings import Finding, compared, unknown
from .served import Served

DAY = 86_400
HOUR = 3600


def monitor(spec: Spec, now: dt.datetime) -> bool:
    """Run every check; print a table, write the page and the metrics.

    Args:
        spec: Names limits.
        now: The moment that ages are counted to, in UTC.

    Returns:
        Whether nothing is wrong.

    Raises:
        ProjectError: Nothing was launched, or a file is not what was written.
    """
    live = bundle.live(spec.name)
    opened = bundle.load(bundle.home(spec.name) / live.champion)
    with console.step("look at sources, served rows and model"):
        findings = list(_findings(spec, opened, dt.datetime.fromisoformat(live.launched_at), now))
    wrong = [found for found in findings if found.state == "wrong"]
    told = [found for state in ("wrong", "unknown") for found in findings if found.state == state]
    rows = [[found.check, found.subject, found.state.replace("wrong", "WRONG"), found.said] for found in told]
    if rows:
        console.facts(f"{spec.name} version {opened.about.version}", ["check", "subject", "state", "found"], rows)
    exposition.write(spec.name, findings, now)
    target = page.write(spec, opened.about.version, findings, now)
    counted = {state: sum(found.state == state for found in findings) for state in ("ok", "unknown", "wrong")}
    console.say(f"{counted['ok']} ok, {counted['unknown']} unknown, {counted['wrong']} wrong; {target}")
    if wrong:
        names = ", ".join(dict.fromkeys(found.check for found in wrong))
        console.say(f"what to do about {names} stands in docs/runbook.md")
    return not wrong


def _findings(spec: Spec, opened: Bundle, launched: dt.datetime, now: dt.datetime) -> Iterator[Finding]:
    limits = spec.monitoring
    newest = snapshot.newest(spec.name)
    trained_on = snapshot.load(spec.name, opened.about.snapshot)
    yield from upstream.check(newest, now, limits.volume)
    yield _volume(newest, limits.volume)
    age = (now - dt.datetime.fromisoformat(opened.about.trained_at)).total_seconds() / DAY
    yield compared("age", "model", age, limits.age_days, f"trained {age:.1f} days ago")
    rows = served.read(spec.name, opened, now - dt.timedelta(days=limits.days), now)
    yield _silence(rows, launched, now, limits.silence_hours)
    train = features.examples(
        spec, opened.schema, "train", stored.ByColumn(trained_on, _as_trained(spec, opened), "train")
    )
    yield from drift.features(opened.schema, train.matrix, rows.matrix, limits.drift, limits.fewest_rows)
    yield from drift.missing(opened.schema, train.matrix, rows.matrix, limits.missing, limits.fewest_rows)
    yield from drift.vanished(opened.schema, train.matrix, rows.matrix, limits.fewest_rows)
    expected, reference = _reference(spec, opened, trained_on)
    yield drift.prediction(expected, rows.predictions, limits.drift, limits.fewest_rows)
    yield from outcomes.check(spec, opened, newest, rows, reference)


def _as_trained(spec: Spec, opened: Bundle) -> Spec:
    """The spec that the champion was trained by, which says what were its rows."""
    text = (opened.folder / bundle.MODEL / SPEC).read_text(encoding="utf-8")
    return Spec.model_validate_json(text).model_copy(update={"evaluation": spec.evaluation})


def _reference(spec: Spec, opened: Bundle, taken: Snapshot) -> tuple[Floats, Estimate]:
    """Predictions of the test rows that the champion was judged on, and its primary metric there."""
    own = _as_trained(spec, opened)
    rows = features.examples(own, opened.schema, "test", stored.read(taken, own, "test"))
    expected = opened.model.predict(rows.matrix)
    (metric,) = choose([spec.evaluation.primary], spec.task)
    return expected, Judge(rows.label, spec.evaluation, spec.model.seed).estimate(metric, expected)


def _volume(newest: Snapshot, factor: float) -> Finding:
    before = snapshot.previous(newest)
    rows = int(newest.metadata["rows"])
    if before is None:
        return unknown("volume", "snapshot", factor, f"{rows:,} rows, there is no earlier snapshot")
    earlier = int(before.metadata["rows"])
    times = max(rows / max(1, earlier), earlier / max(1, rows))
    return compared("volume", "snapshot", times, factor, f"{rows:,} rows, {earlier:,} in the snapshot before")


def _silence(rows: Served, launched: dt.datetime, now: dt.datetime, limit: float) -> Finding:
    since = max(launched, rows.last) if rows.last else launched
    hours = (now - since).total_seconds() / HOUR
    said = f"last answer {hours:.1f} hours ago" if rows.last else f"no answer since the launch {hours:.1f} hours ago"
    if rows.unreadable:
        said += f"; {rows.unreadable} lines of the log are no records"
    return compared("silence", "service", hours, limit, said)
