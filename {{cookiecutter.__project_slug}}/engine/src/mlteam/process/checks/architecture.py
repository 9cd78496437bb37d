"""Checks of diagrams: each node is a path, each edge says what flows, no part and no route is left out."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from mlteam.process.checks.findings import Finding, check, did_you_mean
from mlteam.process.checks.page import Fence
from mlteam.process.checks.project import Project

DIAGRAM_PAGE = "docs/design.md"
CLICK = re.compile(r"""^\s*click\s+(?P<node>\w+)\s+(?:href\s+)?"(?P<path>[^"]+)""")
ARROW = re.compile(r"(?P<left>\w+)[^\s-]*.*?\s(?:-->|==>|-\.->|---)\s*(?P<label>\|[^|]*\|)?\s*(?P<right>\w+)")
NODE = re.compile(r"(\w+)\s*[\[({>]+\"?([^\])}\"]*)")
PARTS = ("pipelines", "sql/models/staging", "sql/models/features", "engine/src/mlteam")
SERVING_PAGE = "PROCESS.md"
METHODS = ("get", "post", "put", "patch", "delete")
ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*)")
Route = tuple[str, str]


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
    for part in PARTS:
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


@check("PRC042", "the serving diagram shows every route of the service, and no diagram one that is not there")
def routes(project: Project) -> Iterator[Finding]:
    """Set equality between `GET /path` in the diagrams of PROCESS.md and the routes that the code declares."""
    served = {route: f"{path}:{line}" for path, text in project.engine.items() for route, line in declared_routes(text)}
    shown: set[Route] = set()
    drawn = 1
    for path, page in project.pages.items():
        for fence in page.fences:
            for number, route in _asked(fence):
                shown |= {route} if path == SERVING_PAGE else set()
                drawn = fence.line if path == SERVING_PAGE else drawn
                if route not in served:
                    known = [" ".join(other) for other in served]
                    asked = " ".join(route)
                    yield Finding(path, number, f"no code answers {asked}", fix=did_you_mean(asked, known))
    for route, where in served.items():
        if route not in shown:
            text = f"the serving diagram does not show {' '.join(route)}"
            yield Finding(SERVING_PAGE, drawn, text, expected=f"an edge that says it; the code: {where}")


def _asked(fence: Fence) -> Iterator[tuple[int, Route]]:
    """The routes that a diagram names, with their lines."""
    lines = enumerate(fence.content.splitlines(), start=fence.line + 1) if fence.language == "mermaid" else ()
    for number, line in lines:
        yield from ((number, (found[1], found[2])) for found in ROUTE.finditer(line))


@cache
def declared_routes(code: str) -> tuple[tuple[Route, int], ...]:
    """The routes that a module's decorators declare, as `@app.get("/path")`, and on which line."""
    found = []
    for node in ast.walk(ast.parse(code)) if "fastapi" in code else ():
        for call in node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ():
            match call:
                case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(at)), *_]):
                    if method in METHODS:
                        found.append(((method.upper(), at), call.lineno))
    return tuple(found)
