"""Checks of engine/ and of the diagram that shows it."""

import re
from collections.abc import Iterator

from mlteam.core.release import compute_tree_digest, read_release
from mlteam.process.checks.registry import check
from mlteam.process.findings import Finding
from mlteam.repository.project import ENGINE, Project
from mlteam.repository.suggestions import suggest
from mlteam.repository.toml_files import find_key_line, get_table

DIAGRAM_PAGE = "docs/design.md"
CLICK = re.compile(r"""^\s*click\s+(?P<node>\w+)\s+(?:href\s+)?"(?:\.\./)*(?P<path>[^"]+?)/?\"""")
ARROW = re.compile(r"(?P<left>\w+)[^\s-]*.*?\s(?:-->|==>|-\.->|---)\s*(?P<label>\|[^|]*\|)?\s*(?P<right>\w+)")
# What the diagram must show: the team's parts, and the rooms of the engine through which data flows.
TEAM_PARTS = ("pipelines", "sql/models/staging", "sql/models/features")
ROOMS = ("data", "modeling", "registry", "evaluation", "reports", "launch", "serving", "monitoring")


@check("PRC041", "the system diagram shows every part of the system where it is")
def check_diagram(project: Project) -> Iterator[Finding]:
    """Compare the `click` targets of the diagram in docs/design.md with the folders; without a diagram, nothing."""
    page = project.pages.get(DIAGRAM_PAGE)
    drawn = [f for f in page.fences if f.language == "mermaid" and "click " in f.content] if page else []
    for fence in drawn:
        lines = list(enumerate(fence.content.splitlines(), start=fence.line + 1))
        clicked = {m["node"]: (n, m["path"]) for n, line in lines if (m := CLICK.match(line))}
        edges = [(n, m) for n, line in lines if (m := ARROW.search(line)) and not CLICK.match(line)]
        linked = {name for _, edge in edges for name in (edge["left"], edge["right"])}
        for node, (number, path) in clicked.items():
            if not project.exists(path):
                fix = suggest(path, [*project.folders, *project.files])
                yield Finding(DIAGRAM_PAGE, number, f"node {node!r} leads to {path!r}, which does not exist", fix=fix)
            elif node in ROOMS and not f"{path}/".startswith(f"{ENGINE}/{node}/"):
                message = f"node {node!r} leads to {path!r}, which is not the room of this name"
                yield Finding(DIAGRAM_PAGE, number, message, expected=f"{ENGINE}/{node}")
            elif node not in linked:
                yield Finding(DIAGRAM_PAGE, number, f"node {node!r} has no edge", fix="draw it, or delete the node")
        for number, edge in edges:
            if not (edge["label"] or "").strip("| "):
                message = f"the edge from {edge['left']} to {edge['right']} has no label"
                yield Finding(DIAGRAM_PAGE, number, message, expected=f"{edge['left']} -->|what flows| {edge['right']}")
            for node in {edge["left"], edge["right"]} - clicked.keys():
                fix = f'add: click {node} "../path"'
                yield Finding(DIAGRAM_PAGE, number, f"node {node!r} leads to no path", fix=fix)
        shown = {path for _, path in clicked.values()}
        for part in (*TEAM_PARTS, *(f"{ENGINE}/{room}" for room in ROOMS)):
            if project.exists(part) and not any(path == part or path.startswith(f"{part}/") for path in shown):
                message, expected = f"the system diagram does not show {part}/", f'click NODE "../{part}"'
                yield Finding(DIAGRAM_PAGE, fence.line, message, expected=expected, allow=("paths", part))


@check("PRC092", "engine/ is unchanged since its release, or an exception names who edited it and why", blocks="pilot")
def check_engine_edits(project: Project) -> Iterator[Finding]:
    """Compare the digest of the files with engine/RELEASE: an update would overwrite an edit."""
    folder = project.root / "engine"
    if project.exists("engine/pyproject.toml") and compute_tree_digest(folder) != read_release(folder)["tree_sha256"]:
        message = "engine/ has been edited since its release, so an update would undo the edit"
        fix = "move the change to src/, metrics/ or sql/, or declare it under [[exceptions]] in process.toml"
        yield Finding("engine/RELEASE", 1, message, fix=fix)


@check("PRC093", "engine/ has the version that pyproject.toml names")
def check_engine_version(project: Project) -> Iterator[Finding]:
    """Compare `engine` under `[tool.mlteam]` with engine/RELEASE."""
    expected = str(get_table(project.read_tables("pyproject.toml"), "tool", "mlteam").get("engine", ""))
    found = read_release(project.root / "engine")["version"]
    if project.exists("engine/pyproject.toml") and expected and found != expected:
        message = f"the project's files expect engine {expected}, and engine/ is {found or 'not a release'}"
        line = find_key_line(project.read("pyproject.toml"), "tool.mlteam", "engine")
        yield Finding("pyproject.toml", line, message, fix="restore engine/ from git, or adapt the files and this line")
