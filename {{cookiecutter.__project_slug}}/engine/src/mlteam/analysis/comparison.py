"""Two versions on the same rows: which one is better, where, and what differs between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlteam.analysis.shared_rows import Pair, load_shared_rows
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, snapshot
from mlteam.data.digest import shorten_digest
from mlteam.data.snapshot import Snapshot
from mlteam.data.splits import build_split_condition
from mlteam.evaluation import evaluator
from mlteam.evaluation.evaluator import MetricComparison, SliceGain, compute_slice_gains
from mlteam.registry.versions import RegisteredVersion


@dataclass(frozen=True)
class VersionComparison:
    """Two versions beside each other; in `metrics` the second one is `model` and the first one `baseline`."""

    first: RegisteredVersion
    second: RegisteredVersion
    dataset: str
    rows: int
    training_rows: tuple[int | None, int | None]
    metrics: list[MetricComparison]
    slices: list[SliceGain]
    slice_note: str
    differences: list[tuple[str, str, str]]

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called: by their numbers, with the pipelines where these differ."""
        both = self.first, self.second
        pipelines = [f"{v.spec.name} " if self.first.spec.name != self.second.spec.name else "" for v in both]
        first, second = (f"{pipeline}version {v.number}" for pipeline, v in zip(pipelines, both, strict=True))
        return first, second

    def collect_notes(self, spec: Spec) -> list[str]:
        """Return what a reader should know before believing the numbers."""
        learned = [
            datasets.describe_training_overlap(spec, name, seen)
            for name, seen in zip(self.names, self.training_rows, strict=True)
        ]
        return [note for note in (self.slice_note, *learned) if note]

    def format_verdict(self, primary: str) -> str:
        """Return the comparison in one sentence, by the primary metric."""
        gain = next(found.gain for found in self.metrics if found.metric == primary)
        if gain.value is not None and gain.low is None:
            return f"no verdict by {primary}: {gain.format(signed=True)}"
        if gain.value is None or gain.low is None or gain.high is None:
            return f"no verdict: {primary} is not defined on these rows ({gain.undefined})"
        numbers = f"{gain.value:+.4f} [{gain.low:.4f}, {gain.high:.4f}]"
        other, compared = self.names
        if gain.low > 0:
            return f"{compared} is better than {other} by {primary}: {numbers}"
        if gain.high < 0:
            return f"{compared} is worse than {other} by {primary}: {numbers}"
        return f"{compared} and {other} do not differ by {primary} above sampling noise: {numbers}"


def compare_versions(
    spec: Spec, first: RegisteredVersion, second: RegisteredVersion, dataset: str, other: Spec | None = None
) -> VersionComparison:
    """Score two versions on the same rows of the newest snapshot, each with its own features.

    Args:
        spec: Names dataset, metrics and slices; today's.
        first: What is compared with.
        second: What is compared.
        dataset: A split, a declared dataset or a file.
        other: Today's of the first one's pipeline, where that is not the second one's.

    Raises:
        ProjectError: They predict different things, the rows lack a feature of one of them, or two pipelines have no
            rows in common.
    """
    labels = [version.spec.data.label for version in (first, second)]
    if labels[0] != labels[1]:
        raise ProjectError(
            f"version {first.number} predicts {labels[0]}, version {second.number} predicts {labels[1]}",
            where=str(spec.path),
            fix="create another pipeline file for the new label",
        )
    for part in ("task", "classes"):
        if getattr(first.schema, part) != getattr(second.schema, part):
            raise ProjectError(f"the versions differ in {part}: they predict different things", where=str(spec.path))
    rows, learned = _load_rows(spec, other, (first, second), dataset)
    scores = [version.model.predict(data.matrix) for version, data in zip((first, second), rows, strict=True)]
    plain = spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"slices": ()})})
    evaluated = evaluator.evaluate(plain, rows[1], scores[1], scores[0])
    return VersionComparison(
        first=first,
        second=second,
        dataset=dataset,
        rows=len(rows[1].label),
        training_rows=learned,
        metrics=evaluated.metrics,
        slices=list(compute_slice_gains(spec, rows[1], scores)),
        slice_note=datasets.describe_missing_slices(spec, rows[1].table),
        differences=list(_list_differences(first, second)),
    )


def _load_rows(
    spec: Spec, other: Spec | None, versions: tuple[RegisteredVersion, RegisteredVersion], dataset: str
) -> tuple[Pair, tuple[int | None, int | None]]:
    """Return the rows of both, and how many of them each was trained on."""
    taken = snapshot.load_newest(spec.name)
    if other is None:
        first, second = (datasets.load_evaluation_rows(spec, version.schema, taken, dataset) for version in versions)
        snapshots, specs = (taken, taken), (spec, spec)
    else:
        specs, snapshots = (other, spec), (snapshot.load_newest(other.name), taken)
        first, second = load_shared_rows(specs, versions, dataset)
    learned = [
        datasets.count_training_overlap(of, version.spec, rows_of, dataset, data.table)
        for of, version, rows_of, data in zip(specs, versions, snapshots, (first, second), strict=True)
    ]
    return (first, second), (learned[0], learned[1])


def _list_differences(first: RegisteredVersion, second: RegisteredVersion) -> Iterator[tuple[str, str, str]]:
    """Yield what was said differently when the two were trained: key, first, second."""
    # Where parameters were searched, and when commands run, says nothing about the model that came of it.
    old, new = (
        _flatten(version.spec.model_dump(mode="json", exclude={"tune", "schedule"})) for version in (first, second)
    )
    for flat, version in ((old, first), (new, second)):
        flat["snapshot"] = shorten_digest(version.snapshot)
        flat |= {f"trained further: {tag}": version.tags[tag] for tag in ("parent", "dataset") if tag in version.tags}
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, ""), new.get(key, "")
        if isinstance(before, list) and isinstance(after, list):
            # Of two long lists only what is not in both shows how they differ; else their order does.
            only = [x for x in before if x not in after], [x for x in after if x not in before]
            before, after = (", ".join(map(str, part)) for part in (only if any(only) else (before, after)))
        if before != after:
            yield key, str(before), str(after)


def _flatten(nested: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= _flatten(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return flat


def count_training_rows(taken: Snapshot, version: RegisteredVersion, spec: Spec, dataset: str) -> int:
    """Return how many rows of a dataset a version was trained on, by the splits of its own spec."""
    return datasets.count_snapshot_rows(taken, spec, dataset, build_split_condition(version.spec, "train"))
