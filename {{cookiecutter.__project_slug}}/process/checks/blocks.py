"""Writes the generated blocks: tables and diagrams of facts that a file holds, shown in pages between marks."""

import ast
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from .project import Project
from .team import ROLES, SEVERITIES, title

BLOCKS: dict[str, Callable[[Project], str]] = {}


def block(render: Callable[[Project], str]) -> Callable[[Project], str]:
    """Register a function under its name as a block that pages may show."""
    BLOCKS[render.__name__] = render
    return render


def cell(value: object) -> str:
    """A value as the content of a table's cell: one line, nothing in it read as Markdown."""
    text = "".join(character if character.isprintable() else " " for character in " ".join(str(value).split()))
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def line(text: str) -> str:
    """The team's own words as the content of a table's cell: code marks and emphasis stay what they are."""
    return " ".join(text.split()).replace("|", "\\|")


def rows(header: list[str], lines: list[list[str]], empty: str) -> str:
    """A Markdown table, or the sentence `empty` where it would have no row."""
    if not lines:
        return empty
    table = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in table)


@block
def people(project: Project) -> str:
    """Who holds which role, where questions go, and who is called when."""
    team = project.team
    lines = []
    for role in ROLES:
        for person in team.holders(role):
            handle = f" @{person.handle.lstrip('@')}" if person.handle else ""
            lines.append([title(role), cell(person.name), f"{cell(person.email)}{cell(handle)}"])
    text = rows(["Role", "Person", "Contact"], lines, "Nobody holds a role yet.")
    called = []
    for severity in SEVERITIES:
        entry = team.escalation.get(severity, {})
        called.append([severity, *(cell(title(str(entry.get(key, "")))) for key in ("role", "within", "then"))])
    calls = rows(["Severity", "Answers", "Within", "Then"], called, "")
    return f"{text}\n\nQuestions go to {cell(team.channel)}.\n\n{calls}"


@block
def sessions(project: Project) -> str:
    """The team's menu."""
    lines = [[f"`nox -s {name}`", line(doc)] for name, (doc, _) in project.sessions.items()]
    return rows(["Command", "What it does"], lines, "There is no session yet.")


@block
def documents(project: Project) -> str:
    """The pages, and who delivers each."""
    lines = []
    for document in project.documents:
        if document.path.startswith("docs/"):
            page = project.pages.get(document.path)
            headings = page.headings if page else []
            link = f"[{headings[0].text if headings else document.title}]({document.path})"
            lines.append([link, title(document.role)])
    return rows(["Page", "Delivered by"], lines, "There is no page yet.")


@block
def sources(project: Project) -> str:
    """The upstream systems with owner and freshness."""
    lines = []
    for source in sorted(project.dbt.sources.values(), key=lambda s: s.name):
        owner = project.described(source.owner)
        ages = [age(source.freshness.get(key)) for key in ("warn_after", "error_after")]
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
def modules(project: Project) -> str:
    """Which module of the package imports which, from the import statements; a folder of modules counts as one."""
    inside = [p for p in project.files if p.startswith(f"{project.package}/") and p.endswith(".py")]
    parts = {path: path.removeprefix(f"{project.package}/").removesuffix(".py").split("/") for path in inside}
    known = {names[0] for names in parts.values()} - {"__init__"}
    edges = {(names[0], to) for path, names in parts.items() for to in imports(project.text(path), len(names))}
    arrows = [f"    {name} --> {to}" for name, to in sorted(edges) if to in known and name in known and to != name]
    if not arrows:
        return "No module imports another yet."
    return "\n".join(["```mermaid", "flowchart LR", *arrows, "```"])


@cache
def imports(code: str, depth: int) -> frozenset[str]:
    """What a module imports from the root of its package, which is `depth` dots away."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return frozenset()
    found: set[str] = set()
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom) and statement.level == depth:
            name = statement.module
            found |= {name.split(".")[0]} if name else {alias.name for alias in statement.names}
    return frozenset(found)


@block
def datasets(project: Project) -> str:
    """Where each pipeline's data comes from and how it is split."""
    lines = []
    for name, spec in project.pipelines.items():
        relation = table(spec, "data").get("relation", "")
        said = split_rows(table(spec, "splits"))
        lines += [[f"`{name}`", split, f"`{relation}`", which] for split, which in said.items()]
    header = ["Pipeline", "Dataset", "Relation", "Rows"]
    return rows(header, lines, "There is no pipeline yet: write one in `pipelines/`.")


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
    shown = rows(header, lines, "There is no pipeline yet: write one in `pipelines/`.")
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
    return rows(header, lines, "There is no pipeline yet: write one in `pipelines/`.")


@block
def labels(project: Project) -> str:
    """Each pipeline's key, time and label, and what only the future knows."""
    lines = []
    for name, spec in project.pipelines.items():
        data = table(spec, "data")
        banned = ", ".join(f"`{c}`" for c in data.get("known_after_event", [])) or "-"
        lines.append([f"`{name}`", *(f"`{data.get(key, '')}`" for key in ("key", "time", "label")), banned])
    header = ["Pipeline", "Key", "Time", "Label", "Known only after the event"]
    return rows(header, lines, "There is no pipeline yet: write one in `pipelines/`.")


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
    return rows(header, lines, "There is no pipeline yet: write one in `pipelines/`.")


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
    return rows(header, lines, "There is no pipeline yet: write one in `pipelines/`.")


def table(value: object, key: str = "") -> dict[str, Any]:
    """A table of a TOML file, or an empty one where the file has none."""
    found = value.get(key) if key and isinstance(value, dict) else value
    return found if isinstance(found, dict) else {}


def rendered(name: str, project: Project) -> str:
    """A block as the files say it now."""
    if name not in project.rendered:
        project.rendered[name] = BLOCKS[name](project)
    return project.rendered[name]


def replaced(text: str, write: Callable[[str, str], str]) -> str:
    """A page's text with each block's content as `write(name, content)` gives it; unknown blocks stay."""

    def renew(match: re.Match[str]) -> str:
        if match["name"] not in BLOCKS:
            return match[0]
        return f"{match['open']}\n{write(match['name'], match['content'])}\n{match['close']}"

    marks = r"(?P<open><!-- generated: (?P<name>[a-z]+) -->)\n(?P<content>.*?)(?P<close><!-- end generated -->)"
    return re.sub(marks, renew, text, flags=re.DOTALL)
