"""Checks of diagrams: each node is a path, each edge says what flows, and no part is left out."""

import re
from collections.abc import Iterator

from .findings import Finding, check, did_you_mean
from .page import Fence
from .project import Project

DIAGRAM_PAGE = "docs/design.md"
CLICK = re.compile(r"""^\s*click\s+(?P<node>\w+)\s+(?:href\s+)?"(?P<path>[^"]+)""")
ARROW = re.compile(r"(?P<left>\w+)[^\s-]*.*?\s(?:-->|==>|-\.->|---)\s*(?P<label>\|[^|]*\|)?\s*(?P<right>\w+)")
NODE = re.compile(r"(\w+)\s*[\[({>]+\"?([^\])}\"]*)")
PARTS = ("pipelines", "sql/models/staging", "sql/models/features")


@check("PRC041", "the system diagram shows every part, and nothing that is not there")
def diagram(project: Project) -> Iterator[Finding]:
    """Set equality between the `click` targets of the diagram in docs/design.md and the parts of the system."""
    page = project.pages.get(DIAGRAM_PAGE)
    if page is None:
        return
    drawn = [f for f in page.fences if f.language == "mermaid" and CLICK.search("\n".join(_clicks(f)))]
    if not drawn:
        expected = 'a Mermaid flowchart whose nodes have `click NODE "path"`'
        yield Finding(DIAGRAM_PAGE, 1, "there is no system diagram", expected=expected)
        return
    targets: set[str] = set()
    for fence in drawn:
        targets |= {match["path"] for line in _clicks(fence) if (match := CLICK.match(line))}
        yield from _broken(project, fence)
    shown = {target.removeprefix("../").rstrip("/") for target in targets}
    for part in (*PARTS, project.package):
        if project.exists(part) and not any(target == part or target.startswith(f"{part}/") for target in shown):
            text = f"the system diagram does not show {part}/"
            expected = f'click NODE "../{part}"'
            yield Finding(DIAGRAM_PAGE, drawn[0].line, text, expected=expected, fix="draw it")


def _clicks(fence: Fence) -> list[str]:
    return [line for line in fence.content.splitlines() if line.lstrip().startswith("click ")]


def _broken(project: Project, fence: Fence) -> Iterator[Finding]:
    """Targets that are not there, edges without words, nodes that nothing reaches or that lead to no path."""
    lines = list(enumerate(fence.content.splitlines(), start=fence.line + 1))
    edges = [(n, match) for n, line in lines if (match := ARROW.search(line))]
    linked = {name for _, edge in edges for name in (edge["left"], edge["right"])}
    clicked = {match["node"]: (n, match["path"]) for n, line in lines if (match := CLICK.match(line))}
    for node, (number, target) in clicked.items():
        path = target.removeprefix("../").rstrip("/")
        if not project.exists(path):
            fix = did_you_mean(path, [*project.folders, *project.files])
            yield Finding(DIAGRAM_PAGE, number, f"node {node!r} leads to {target!r}, which is not there", fix=fix)
        if node not in linked:
            yield Finding(DIAGRAM_PAGE, number, f"node {node!r} has no edge", fix="draw the edge, or delete the node")
    for number, edge in edges:
        if not (edge["label"] or "").strip("| "):
            text = f"the edge from {edge['left']} to {edge['right']} does not say what flows"
            yield Finding(DIAGRAM_PAGE, number, text, expected=f"{edge['left']} -->|what flows| {edge['right']}")
        for node in (edge["left"], edge["right"]):
            if node not in clicked:
                text, fix = f"node {node!r} leads to no path", f'add: click {node} "../path"'
                yield Finding(DIAGRAM_PAGE, number, text, fix=fix)
