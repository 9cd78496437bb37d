"""Writes the generated blocks: tables and diagrams of facts that a file holds, shown in pages between marks."""

import ast
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from mlteam.process.checks.project import ENGINE, Project
from mlteam.process.checks.team import ROLES, SEVERITIES, title

# Part of many emoji, which are several characters joined by it.
ZERO_WIDTH_JOINER = "\u200d"
BLOCKS: dict[str, Callable[[Project], str]] = {}


def block(render: Callable[[Project], str]) -> Callable[[Project], str]:
    """Register a function under its name as a block that pages may show."""
    BLOCKS[render.__name__] = render
    return render


def cell(value: object) -> str:
    """A value as the content of a table's cell: one line, nothing in it read as Markdown."""
    words = " ".join(str(value).split())
    text = "".join(c if c.isprintable() or c == ZERO_WIDTH_JOINER else " " for c in words)
    return re.sub(r"([\\`*_\[\]<>|&~])", r"\\\1", text)


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
            lines.append([link, title(project.owner(document.path))])
    return rows(["Page", "Delivered by"], lines, "There is no page yet.")


@block
def modules(project: Project) -> str:
    """Which room of the engine imports which, from the import statements; arrows that others imply are left out."""
    edges: dict[str, set[str]] = {}
    for path, text in project.engine.items():
        room, folder, _ = path.removeprefix(f"{ENGINE}/").partition("/")
        if folder:
            edges.setdefault(room, set()).update(to for to in imports(text) if to != room)
    arrows = [
        f"    {room} --> {to}"
        for room, below in sorted(edges.items())
        for to in sorted(below)
        if to in edges and not any(to in reachable_from(other, edges) for other in below - {to})
    ]
    if not arrows:
        return "No module imports another yet."
    return "\n".join(["```mermaid", "flowchart LR", *arrows, "```"])


def reachable_from(room: str, edges: dict[str, set[str]]) -> set[str]:
    """The rooms that a room imports, directly or through others."""
    reached: set[str] = set()
    waiting = [room]
    while waiting:
        fresh = edges.get(waiting.pop(), set()) - reached
        reached |= fresh
        waiting += fresh
    return reached


@cache
def imports(code: str) -> frozenset[str]:
    """The rooms of the engine that a module imports from."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return frozenset()
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return frozenset(name.split(".")[1] for name in named if name.startswith("mlteam."))


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
