"""`evaluate`: metrics with intervals, slices and the report of a version."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlteam.commands.pages import get_figures_folder, save_figures, show_version
from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.data import datasets, snapshot
from mlteam.data.snapshot import Snapshot
from mlteam.evaluation import fairness
from mlteam.evaluation.evaluator import EvaluationResult
from mlteam.registry import evaluations
from mlteam.registry.looks import record_look
from mlteam.registry.version_rows import build_evaluation_spec, load_version_rows
from mlteam.registry.versions import RegisteredVersion
from mlteam.reports import page


def evaluate_version(spec: Spec, version: RegisteredVersion, on: Sequence[str] = ()) -> Path:
    """Judge a version on datasets; print the tables, write the report and its path.

    Args:
        spec: Names metrics, slices and datasets.
        version: What is evaluated.
        on: Which ones, or files; every one that the spec knows, but the training rows, where nothing is said.
    """
    from mlteam.core.files import write_json
    from mlteam.evaluation import evaluator
    from mlteam.reports import evaluation

    taken = snapshot.load(spec.name, version.snapshot)
    spec = build_evaluation_spec(spec, version)
    sections: list[evaluation.Section] = []
    if not on or "test" in on:
        record_look(spec, version.number, version.snapshot)
    for name in on or _list_datasets(spec, taken):
        with console.show_progress(f"evaluate on {name}"):
            data = load_version_rows(spec, version, name)
            ours, theirs = version.model.predict(data.matrix), version.baseline.predict(data.matrix)
            # The decision is made on the first dataset.
            linear = version.linear.predict(data.matrix) if version.linear and not sections else None
            result = evaluator.evaluate(spec, data, ours, theirs, linear)
        sections.append(evaluation.Section(result, data, ours, theirs))
    target = page.choose_page_path(spec.name, f"v{version.number}", *on)
    numbers = target.with_suffix(".json")
    results = [section.result for section in sections]
    with console.show_progress("write the report"):
        pictures = evaluation.write_report(target, spec, version, taken.metadata, sections)
        content = {
            "version": version.number,
            "snapshot": taken.digest,
            "model": _describe_model(version),
            "figures": [] if on else save_figures(target, spec.name, pictures),
            "datasets": [result.to_dict() for result in results],
        }
        write_json(numbers, content)
        evaluations.log_evaluation(version, results, [target, numbers, *([] if on else [get_figures_folder(target)])])
    for section in sections:
        _print_metrics(spec, version, section.result)
        if sentence := section.result.describe_rivals():
            console.print_line(sentence)
        for sentence in fairness.describe_adverse_impact(section.result.groups):
            console.print_line(f"note: {section.data.name}: {sentence}")
        learned = datasets.count_training_overlap(spec, version.spec, taken, section.data.name, section.data.table)
        if note := datasets.describe_training_overlap(spec, f"version {version.number}", learned):
            console.print_line(f"note: {section.data.name}: {note}")
        if missing := datasets.describe_missing_slices(spec, section.data.table):
            console.print_line(f"note: {section.data.name}: {missing}")
    console.print_line(f"report: {target}")
    show_version(spec, version.number)
    return target


def _list_datasets(spec: Spec, taken: Snapshot) -> Iterator[str]:
    """Yield the datasets of a spec; those of days that a snapshot of the past ends before are named and left out."""
    for name in spec.evaluation_datasets:
        declared = spec.datasets.get(name)
        of_snapshot = declared is not None and declared.where is not None
        if of_snapshot and taken.metadata.get("as_of") and not datasets.count_snapshot_rows(taken, spec, name, "true"):
            console.print_line(f"note: {name}: no rows as of {taken.metadata['as_of']}, so it is left out")
            continue
        yield name


def _describe_model(version: RegisteredVersion) -> dict[str, Any]:
    """Return what the model card says about a version: where it comes from, and what it reads."""
    tags, prefix = version.tags, "libraries."
    return {
        "factory": version.spec.model.factory,
        "content_sha256": tags["content_sha256"],
        "trained_at": tags["created_at"],
        "git_commit": None if tags["git_commit"] == "None" else tags["git_commit"],
        "git_dirty": tags["git_dirty"] == "True",
        "libraries": {name.removeprefix(prefix): tags[name] for name in sorted(tags) if name.startswith(prefix)},
        "features": list(version.schema.names),
    }


def _print_metrics(spec: Spec, version: RegisteredVersion, result: EvaluationResult) -> None:
    title = f"{spec.name} version {version.number} on {result.dataset}: {result.rows:,} rows"
    rows = [
        [row.metric, row.model.format(), row.baseline.format(), row.gain.format(signed=True)] for row in result.metrics
    ]
    console.print_table(title, ["metric", "model", "baseline", "gain"], rows)
