"""The blocks that show what the files of the repository contain."""

import json
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from mlteam.pages.blocks.markup import block, build_flowchart, build_table, escape_cell, keep_markup, mark_code
from mlteam.repository.project import ENGINE, PROCESS, Project
from mlteam.repository.toml_files import get_table

NO_PIPELINE = "There is no pipeline yet: `nox -s new_pipeline` creates one."
IMPORT = re.compile(r"^\s*from mlteam\.(\w+)", re.MULTILINE)
Spec = dict[str, Any]


def _build_pipeline_table(project: Project, header: str, list_rows: Callable[[Spec], list[list[str]]]) -> str:
    """Return a table with the rows of each pipeline, its name first."""
    rows = [[mark_code(name), *row] for name, spec in project.pipelines.items() for row in list_rows(spec)]
    return build_table(f"Pipeline|{header}", rows, NO_PIPELINE)


def _join_code(names: object) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-" if isinstance(names, list) else "-"


@block
def build_people(project: Project) -> str:
    """Show who holds which role, and where questions go."""
    team = project.team
    rows = []
    for role in team.roles:
        for person in team.list_holders(role):
            handle = f" {escape_cell('@' + person.handle.lstrip('@'))}" if person.handle else ""
            rows.append([team.get_title(role), escape_cell(person.name), f"{escape_cell(person.email)}{handle}"])
    channel = f"Questions go to {escape_cell(team.channel)}."
    return f"{build_table('Role|Person|Contact', rows, 'Nobody holds a role yet.')}\n\n{channel}"


@block
def build_sessions(project: Project) -> str:
    """Show every session with its help."""
    rows = [[f"`nox -s {name}`", keep_markup(command.help)] for name, command in project.sessions.items()]
    return build_table("Command|What it does", rows, "There is no session yet.")


@block
def build_questions(project: Project) -> str:
    """Show the questions of PROCESS.md as an index."""
    rows = []
    for question in project.settings.questions:
        anchor = re.sub(r"[^\w\- ]", "", question.text.lower()).replace(" ", "-")
        rows.append([question.group, f"[{question.text}](#{anchor})", project.team.get_title(question.owner)])
    page = project.pages.get(PROCESS)
    order = [heading.text for heading in page.headings] if page else []
    order += [row[0] for row in rows]
    return build_table("Topic|Question|Owner", sorted(rows, key=lambda row: order.index(row[0])), "No questions.")


@block
def build_documents(project: Project) -> str:
    """Show the pages in docs/ with their owners."""
    rows = []
    for document in (d for d in project.documents if d.path.startswith("docs/")):
        page = project.pages.get(document.path)
        title = page.headings[0].text if page and page.headings else document.title
        rows.append([f"[{title}]({document.path})", project.team.get_title(project.find_owner(document.path))])
    return build_table("Page|Owner", rows, "There is no page yet.")


@block
def build_modules(project: Project) -> str:
    """Show which room of the engine imports which; an arrow that others imply is left out."""
    edges: dict[str, set[str]] = {}
    for path, text in project.engine.items():
        room, folder, _ = path.removeprefix(f"{ENGINE}/").partition("/")
        if folder:
            edges.setdefault(room, set()).update(set(IMPORT.findall(text)) - {room})
    known = [(room, to) for room in sorted(edges) for to in sorted(edges[room]) if to in edges]
    direct = [(a, b) for a, b in known if not any(b in _find_reachable(c, edges) for c in edges[a] - {b})]
    return build_flowchart(direct, "No module imports another yet.")


def _find_reachable(room: str, edges: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [room]
    while waiting:
        fresh = edges.get(waiting.pop(), set()) - reached
        reached |= fresh
        waiting += fresh
    return reached


@block
def build_sources(project: Project) -> str:
    """Show the upstream systems with owner and freshness."""
    rows = []
    for source in sorted(project.dbt.sources.values(), key=lambda s: s.name):
        ages = [_format_age(source.freshness.get(key)) for key in ("warn_after", "error_after")]
        ages[0] = escape_cell(source.unwatched) if not source.freshness and source.unwatched else ages[0]
        owner = escape_cell(project.team.describe(source.owner))
        rows.append([mark_code(source.name), keep_markup(source.description), owner, *ages])
    header = "Source|Content|Owner here|Warns when older than|Fails when older than"
    return build_table(header, rows, "No upstream system is declared yet in `sql/models/`.")


def _format_age(limit: object) -> str:
    limit = get_table(limit)
    return (
        f"{limit['count']} {limit.get('period', '')}{'' if limit['count'] == 1 else 's'}" if "count" in limit else "-"
    )


@block
def build_models(project: Project) -> str:
    """Show the SQL models and their grain."""
    models = sorted(project.dbt.models.values(), key=lambda m: (m.path, m.name))
    rows = [[mark_code(m.name), keep_markup(m.description), str(len(m.columns))] for m in models]
    return build_table("Model|One row is|Described columns", rows, "There is no SQL model yet.")


@block
def build_lineage(project: Project) -> str:
    """Show which model reads which, from the `ref()` and `source()` calls."""
    edges = {(read.target, PurePosixPath(read.path).stem) for read in project.dbt.reads}
    return build_flowchart(sorted(edges), "There is no SQL model yet.")


@block
def build_datasets(project: Project) -> str:
    """Show the splits and datasets of each pipeline."""

    def list_rows(spec: Spec) -> list[list[str]]:
        relation = mark_code(get_table(spec, "data").get("relation", ""))
        rows = [[name, relation, which] for name, which in _describe_splits(get_table(spec, "splits")).items()]
        for name, dataset in get_table(spec, "datasets").items():
            chosen = f"of {escape_cell(dataset.get('split', 'test'))} where {escape_cell(dataset.get('where', ''))}"
            place = [mark_code(dataset["file"]), "all"] if "file" in dataset else [relation, chosen]
            rows.append([escape_cell(name), *place])
        return rows

    return _build_pipeline_table(project, "Dataset|Relation or file|Rows", list_rows)


def _describe_splits(splits: dict[str, Any]) -> dict[str, str]:
    """Describe the rows of each split: a period, or a share selected by a hash."""
    windows = {name: window for name, window in splits.items() if isinstance(window, dict)}
    if windows:
        return {
            n: f"from {escape_cell(w.get('from'))} until before {escape_cell(w.get('until'))}"
            for n, w in windows.items()
        }
    if splits.get("by") == "time":
        return {name: f"{escape_cell(splits.get(name))}, by the newest row" for name in ("train", "validation", "test")}
    shares = {name: splits.get(name) for name in ("validation", "test")}
    texts = {name: f"{share:.0%}" if share else "the default share" for name, share in shares.items()}
    by = f"selected by a hash of `{splits.get('column', '')}`"
    return {"train": "all others", **{name: f"{share}, {by}" for name, share in texts.items()}}


@block
def build_evaluation_rows(project: Project) -> str:
    """State what the splits of each pipeline mean for an evaluation."""
    sentences = []
    for name, spec in project.pipelines.items():
        splits = get_table(spec, "splits")
        if splits.get("by") == "time":
            text = "the rows of `test` are later than all rows of training and validation"
        else:
            together = "; rows with the same value stay in one split" if splits.get("by") == "group" else ""
            text = (
                f"the rows of `test` are a random sample, selected by a hash of `{splits.get('column', '')}`{together}"
            )
        sentences.append(f"- `{name}`: {text}.")
    return "\n".join(sentences) or NO_PIPELINE


@block
def build_predictions(project: Project) -> str:
    """State what a prediction of each pipeline is, by its task."""
    meanings = {
        "binary": "the probability that `{label}` is true{positive}; no threshold is part of the model",
        "multiclass": "one probability for each value of `{label}`; they add up to one",
        "regression": "the value of `{label}`, in its own unit",
    }
    sentences = []
    for name, spec in project.pipelines.items():
        data = get_table(spec, "data")
        positive = f" (`{data['positive']}`)" if data.get("positive") else ""
        meaning = meanings.get(str(spec.get("task")), "unknown").format(label=data.get("label", ""), positive=positive)
        sentences.append(f"- `{name}` ({spec.get('task')}): {meaning}.")
    return "\n".join(sentences) or NO_PIPELINE


@block
def build_metrics(project: Project) -> str:
    """Show the metrics and slices of each pipeline, and what the metrics mean."""

    def list_rows(spec: Spec) -> list[list[str]]:
        evaluation = get_table(spec, "evaluation")
        others = [metric for metric in evaluation.get("metrics", []) if metric != evaluation.get("primary")]
        return [[mark_code(evaluation.get("primary")), _join_code(others), _join_code(evaluation.get("slices", []))]]

    used = {m for spec in project.pipelines.values() for m in get_table(spec, "evaluation").get("metrics", [])}
    meanings = [[mark_code(m), keep_markup(text)] for m, text in project.metrics.items() if m in used]
    shown = _build_pipeline_table(project, "Primary metric|Other metrics|Slices", list_rows)
    return "\n\n".join(filter(None, [shown, build_table("Metric|Meaning", meanings)]))


@block
def build_columns(project: Project) -> str:
    """Show the columns of the relations that pipelines read, with their description from the SQL layer."""
    used = {str(get_table(spec, "data").get("relation", "")) for spec in project.pipelines.values()}
    rows = []
    for relation in sorted(used):
        model = project.dbt.models.get(relation.rpartition(".")[2])
        for name, (_, column) in model.columns.items() if model else ():
            rows.append([mark_code(relation), mark_code(name), keep_markup(column.get("description", ""))])
    return build_table("Relation|Column|Meaning", rows, NO_PIPELINE)


@block
def build_labels(project: Project) -> str:
    """Show key, time and label of each pipeline, and what is known only after the event."""

    def list_rows(spec: Spec) -> list[list[str]]:
        data = get_table(spec, "data")
        named = [mark_code(data.get(key)) for key in ("key", "time", "label")]
        return [[*named, _join_code(data.get("known_after_event", []))]]

    return _build_pipeline_table(project, "Key|Time|Label|Known only after the event", list_rows)


@block
def build_privacy(project: Project) -> str:
    """Show what each pipeline declares about personal data."""

    def list_rows(spec: Spec) -> list[list[str]]:
        privacy = get_table(spec, "privacy")
        named = [_join_code(privacy.get(key, [])) for key in ("identifiers", "quasi_identifiers", "sensitive")]
        limits = f"k ≥ {privacy['k']}, l ≥ {privacy.get('l', 1)}" if "k" in privacy else "-"
        return [[*named, limits, escape_cell(privacy.get("none_because", "")) or "-"]]

    header = "Identifiers|Quasi-identifiers|Sensitive|Required|No personal data, because"
    return _build_pipeline_table(project, header, list_rows)


@block
def build_factories(project: Project) -> str:
    """Show model and baseline of each pipeline with their parameters."""

    def list_rows(spec: Spec) -> list[list[str]]:
        rows = []
        for kind in ("model", "baseline"):
            params = get_table(spec, kind, "params").items()
            shown = ", ".join(f"`{k} = {json.dumps(v, default=str)}`" for k, v in params)
            rows.append([kind, mark_code(get_table(spec, kind).get("factory")), shown])
        return rows

    return _build_pipeline_table(project, "Part|Factory|Parameters", list_rows)


def _format_limit(value: object) -> str:
    return escape_cell(", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value)


@block
def build_gates(project: Project) -> str:
    """Show the limits of each pipeline's gates."""

    def list_rows(spec: Spec) -> list[list[str]]:
        limits = get_table(spec, "gates").items()
        return [[mark_code(key), _format_limit(value)] for key, value in limits]

    return _build_pipeline_table(project, "Key in `[gates]`|Limit", list_rows)
