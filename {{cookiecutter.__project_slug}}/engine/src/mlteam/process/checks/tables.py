"""The blocks that show the SQL layer and the pipelines."""

import json
import re
from pathlib import PurePosixPath
from typing import Any

from mlteam.process.checks.blocks import block, cell, line, rows, table
from mlteam.process.checks.project import Project

NO_PIPELINE = "There is no pipeline yet: write one in `pipelines/`."


@block
def sources(project: Project) -> str:
    """The upstream systems with owner and freshness."""
    lines = []
    for source in sorted(project.dbt.sources.values(), key=lambda s: s.name):
        owner = project.described(source.owner)
        ages = [age(source.freshness.get(key)) for key in ("warn_after", "error_after")]
        if not source.freshness and source.unwatched:
            ages[0] = cell(source.unwatched)
        lines.append([f"`{source.name}`", line(source.description), cell(owner), *ages])
    empty = "No upstream system is declared yet in `sql/models/`."
    return rows(["Source", "What it holds", "Owner here", "Warn when older than", "Fail when older than"], lines, empty)


def age(limit: object) -> str:
    """`7 days` for dbt's `{count: 7, period: day}`."""
    if not isinstance(limit, dict) or "count" not in limit:
        return "-"
    count = limit["count"]
    return f"{count} {limit.get('period', '')}{'' if count == 1 else 's'}"


@block
def models(project: Project) -> str:
    """The SQL models and their grain."""
    found = sorted(project.dbt.models.values(), key=lambda m: (m.path, m.name))
    lines = [[f"`{m.name}`", line(m.description), str(len(m.columns))] for m in found]
    return rows(["Model", "What a row is", "Columns described"], lines, "There is no SQL model yet.")


@block
def lineage(project: Project) -> str:
    """Which model reads which, from the `ref()` and `source()` calls."""
    edges = sorted({(r.target, PurePosixPath(r.path).stem) for r in project.dbt.reads})
    if not edges:
        return "There is no SQL model yet."
    arrows = [f"    {node(source)}[{source}] --> {node(model)}[{model}]" for source, model in edges]
    return "\n".join(["```mermaid", "flowchart LR", *arrows, "```"])


def node(name: str) -> str:
    """A name that Mermaid accepts as the id of a node."""
    return re.sub(r"\W", "_", name)


@block
def datasets(project: Project) -> str:
    """Where each pipeline's data comes from, how it is split, and what else models are judged on."""
    lines = []
    for name, spec in project.pipelines.items():
        relation = table(spec, "data").get("relation", "")
        said = split_rows(table(spec, "splits"))
        lines += [[f"`{name}`", split, f"`{relation}`", which] for split, which in said.items()]
        for dataset, declared in table(spec, "datasets").items():
            chosen = f"of {cell(table(declared).get('split', 'test'))} where {cell(table(declared).get('where', ''))}"
            file = table(declared).get("file")
            lines.append([f"`{name}`", cell(dataset), *([f"`{file}`", "all"] if file else [f"`{relation}`", chosen])])
    header = ["Pipeline", "Dataset", "Relation or file", "Rows"]
    return rows(header, lines, NO_PIPELINE)


def split_rows(splits: dict[str, Any]) -> dict[str, str]:
    """Which rows each split holds, in words: a stretch of time, or a share drawn by a hash."""
    windows = {name: window for name, window in splits.items() if isinstance(window, dict)}
    if windows:
        return {name: f"from {cell(w.get('from'))} until before {cell(w.get('until'))}" for name, w in windows.items()}
    shares = {name: splits.get(name) for name in ("validation", "test")}
    said = {name: f"{share:.0%}" if share else "the usual share" for name, share in shares.items()}
    by = f"drawn by a hash of `{splits.get('column', '')}`"
    return {"train": "all others", **{name: f"{share}, {by}" for name, share in said.items()}}


@block
def metrics(project: Project) -> str:
    """How each pipeline's models are judged."""
    lines = []
    for name, spec in project.pipelines.items():
        judged = table(spec, "evaluation")
        others = [f"`{m}`" for m in judged.get("metrics", []) if m != judged.get("primary")]
        slices = [f"`{s}`" for s in judged.get("slices", [])]
        lines.append([f"`{name}`", f"`{judged.get('primary', '')}`", ", ".join(others), ", ".join(slices)])
    header = ["Pipeline", "Primary metric", "Also computed", "On each slice of"]
    used = {m for spec in project.pipelines.values() for m in table(spec, "evaluation").get("metrics", [])}
    meanings = [[f"`{m}`", line(said)] for m, said in project.metrics.items() if m in used]
    shown = rows(header, lines, NO_PIPELINE)
    return "\n\n".join(filter(None, [shown, rows(["Metric", "What it says"], meanings, "")]))


@block
def features(project: Project) -> str:
    """Each pipeline's features with the description that the SQL layer gives them."""
    lines = []
    for name, spec in project.pipelines.items():
        model = project.dbt.models.get(str(table(spec, "data").get("relation", "")).split(".")[-1])
        for kind in ("categorical", "numeric"):
            for column in table(spec, "features").get(kind, []):
                said = model.columns.get(column, (0, {}))[1].get("description", "") if model else ""
                lines.append([f"`{name}`", f"`{column}`", kind, line(str(said))])
    header = ["Pipeline", "Feature", "Kind", "What it says"]
    return rows(header, lines, NO_PIPELINE)


@block
def labels(project: Project) -> str:
    """Each pipeline's key, time and label, and what only the future knows."""
    lines = []
    for name, spec in project.pipelines.items():
        data = table(spec, "data")
        banned = ", ".join(f"`{c}`" for c in data.get("known_after_event", [])) or "-"
        lines.append([f"`{name}`", *(f"`{data.get(key, '')}`" for key in ("key", "time", "label")), banned])
    header = ["Pipeline", "Key", "Time", "Label", "Known only after the event"]
    return rows(header, lines, NO_PIPELINE)


@block
def privacy(project: Project) -> str:
    """What each pipeline declares about personal data."""
    lines = []
    for name, spec in project.pipelines.items():
        said = table(spec, "privacy")
        named = [", ".join(f"`{c}`" for c in said.get(key, [])) or "-" for key in ("identifiers", "quasi_identifiers")]
        limits = f"k ≥ {said['k']}, l ≥ {said.get('l', 1)}" if "k" in said else "-"
        sensitive = ", ".join(f"`{c}`" for c in said.get("sensitive", [])) or "-"
        lines.append([f"`{name}`", *named, sensitive, limits, cell(said.get("none_because", "")) or "-"])
    header = ["Pipeline", "Identifies a person", "Helps to", "Sensitive", "Required", "No personal data, because"]
    return rows(header, lines, NO_PIPELINE)


@block
def factories(project: Project) -> str:
    """The model and the baseline of each pipeline with their parameters."""
    lines = []
    for name, spec in project.pipelines.items():
        for kind in ("model", "baseline"):
            chosen = table(spec, kind)
            params = ", ".join(f"`{k} = {json.dumps(v, default=str)}`" for k, v in table(chosen, "params").items())
            lines.append([f"`{name}`", kind, f"`{chosen.get('factory', '')}`", params])
    header = ["Pipeline", "Part", "Factory", "Parameters"]
    return rows(header, lines, NO_PIPELINE)
