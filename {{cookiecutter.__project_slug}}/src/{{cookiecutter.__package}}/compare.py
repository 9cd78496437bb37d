"""Two versions on the same rows: which one is better, where, and what differs between them."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import datasets, evaluation, launches, page, provenance, registry, snapshot, stored
from .charts import compare as charts
from .errors import ProjectError
from .evaluation import Comparison
from .features import Rows
from .metrics import Estimate, Judge, UndefinedMetricError
from .registry import Version
from .snapshot import Snapshot
from .spec import Spec
from .splits import condition
from .team_metrics import choose


@dataclass(frozen=True)
class SliceGain:
    """How much better the second version is on rows that share a value, by the primary metric."""

    column: str
    value: str
    rows: int
    gain: Estimate


@dataclass(frozen=True)
class Result:
    """Two versions beside each other; in `metrics` the second one is `model` and the first one `baseline`."""

    first: Version
    second: Version
    dataset: str
    rows: int
    seen: dict[int, int | None]
    metrics: list[Comparison]
    slices: list[SliceGain]
    unsliced: str
    differences: list[tuple[str, str, str]]

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called."""
        return f"version {self.first.number}", f"version {self.second.number}"

    def notes(self, spec: Spec) -> list[str]:
        """What a reader should know before believing the numbers."""
        learned = [datasets.learned_note(spec, number, seen) for number, seen in self.seen.items()]
        return [note for note in (self.unsliced, *learned) if note]

    def verdict(self, primary: str) -> str:
        """The comparison in one sentence, by the primary metric."""
        gain = next(found.gain for found in self.metrics if found.metric == primary)
        if gain.value is None or gain.low is None or gain.high is None:
            return f"no verdict: {primary} is not defined on these rows ({gain.undefined})"
        numbers = f"{gain.value:+.4f} [{gain.low:.4f}, {gain.high:.4f}]"
        better, worse = self.second.number, self.first.number
        if gain.low > 0:
            return f"version {better} is better than version {worse} by {primary}: {numbers}"
        if gain.high < 0:
            return f"version {better} is worse than version {worse} by {primary}: {numbers}"
        return f"version {better} and version {worse} cannot be told apart by {primary}: {numbers}"


def compare(spec: Spec, first: Version, second: Version, dataset: str) -> Result:
    """Score two versions on the same rows of the newest snapshot, each with its own features.

    Args:
        spec: Names dataset, metrics and slices; today's.
        first: What is compared with.
        second: What is compared.
        dataset: A split, a declared dataset or a file.

    Raises:
        ProjectError: They predict different things, or the rows lack a feature of one of them.
    """
    for part in ("task", "classes"):
        if getattr(first.schema, part) != getattr(second.schema, part):
            raise ProjectError(f"the versions differ in {part}: they predict different things", where=str(spec.path))
    taken = snapshot.newest(spec.name)
    rows = [datasets.examples(spec, version.schema, taken, dataset) for version in (first, second)]
    scores = [version.model.predict(data.matrix) for version, data in zip((first, second), rows, strict=True)]
    plain = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"slices": ()})})
    judged = evaluation.judge(plain, rows[1], scores[1], scores[0])
    return Result(
        first=first,
        second=second,
        dataset=dataset,
        rows=len(rows[1].label),
        seen={
            version.number: datasets.learned_from(spec, version.spec, taken, dataset, data.table)
            for version, data in zip((first, second), rows, strict=True)
        },
        metrics=judged.metrics,
        slices=list(slice_gains(spec, rows[1], scores)),
        unsliced=datasets.unsliced(spec, rows[1].table),
        differences=list(_differences(first, second)),
    )


def write(spec: Spec, result: Result) -> Path:
    """Write a comparison as a page with pictures; the page."""
    numbers = (f"v{version.number}" for version in (result.first, result.second))
    return page.write(
        page.named(spec.name, *numbers, "compare", result.dataset),
        "compare",
        spec=spec,
        found=result,
        names=result.names,
        digest=snapshot.newest(spec.name).digest[:12],
        made=provenance.now(),
        pictures=charts.metrics(result.metrics, result.names),
        slices=charts.slices(result.slices, spec.evaluation.primary),
    )


def as_of(spec: Spec, day: dt.date) -> tuple[str, str]:
    """The number of the version that was the champion at the end of a day (UTC), and what makes it the one of the day.

    Before the first launch it is the version registered last until then.

    Raises:
        ProjectError: There was none yet.
    """
    champion = launches.state(spec, day).champion
    if champion:
        return str(champion.version), f"was the champion on {day}"
    before = [version for version, registered in registry.versions(spec) if registered.date() <= day]
    if not before:
        fix = "`history -- --rescore test` lists all versions with their dates"
        raise ProjectError(f"{spec.name} had no version on {day}", fix=fix)
    return str(max(before)), f"was registered last until {day}; nothing was launched by then"


def seen(taken: Snapshot, version: Version, spec: Spec, dataset: str) -> int:
    """How many of the rows a version has learned from, by the splits that it was trained by."""
    return stored.count(taken, spec, dataset, condition(version.spec, "train"))


def slice_gains(spec: Spec, data: Rows, scores: list[Any]) -> Iterator[SliceGain]:
    """How much better the second scores are than the first, on each slice of at least 50 rows."""
    (metric,) = choose([spec.evaluation.primary], spec.task)
    for column in evaluation.sliced(spec, data):
        for value, members in evaluation.groups(data.table[column]):
            if len(members) < evaluation.FEWEST_ROWS:
                continue
            jury = Judge(data.label[members], spec.evaluation, spec.model.seed)
            try:
                old, new = (jury.samples(metric, score[members]) for score in scores)
            except UndefinedMetricError as error:
                yield SliceGain(column, value, len(members), Estimate(None, None, None, str(error)))
                continue
            yield SliceGain(column, value, len(members), jury.summarize(metric.sign * (new - old)))


def _differences(first: Version, second: Version) -> Iterator[tuple[str, str, str]]:
    """What was said differently when the two were trained: key, first, second."""
    # Where parameters were searched says nothing about the model that came of it.
    old, new = (_flat(version.spec.model_dump(mode="json", exclude={"tune"})) for version in (first, second))
    for flat, version in ((old, first), (new, second)):
        flat["snapshot"] = version.snapshot[:12]
        flat |= {f"trained further: {tag}": version.tags[tag] for tag in ("parent", "dataset") if tag in version.tags}
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, ""), new.get(key, "")
        if isinstance(before, list) and isinstance(after, list):
            # Of two long lists only what is not in both shows how they differ; else their order does.
            only = [x for x in before if x not in after], [x for x in after if x not in before]
            before, after = (", ".join(map(str, part)) for part in (only if any(only) else (before, after)))
        if before != after:
            yield key, str(before), str(after)


def _flat(nested: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return flat
