"""The list of generated blocks, and Markdown that shows values as they are."""

import re
from collections.abc import Callable

from mlteam.repository.project import Project

# Part of many emoji, which are several characters joined by it.
ZERO_WIDTH_JOINER = "\u200d"
BLOCKS: dict[str, Callable[[Project], str]] = {}


def block(render: Callable[[Project], str]) -> Callable[[Project], str]:
    """Register a function `build_NAME` as the block NAME, which pages show between generator marks."""
    BLOCKS[render.__name__.removeprefix("build_")] = render
    return render


def escape_cell(value: object) -> str:
    """Return a value as one line of a table cell in which nothing is read as Markdown."""
    words = " ".join(str(value).split())
    text = "".join(c if c.isprintable() or c == ZERO_WIDTH_JOINER else " " for c in words)
    return re.sub(r"([\\`*_\[\]<>|&~])", r"\\\1", text)


def keep_markup(text: object) -> str:
    """Return the team's own words as one line of a table cell; code marks and emphasis keep their meaning."""
    return " ".join(str(text).split()).replace("|", "\\|")


def mark_code(value: object) -> str:
    """Return a value in code marks, or a dash if it is empty."""
    return f"`{value}`" if value not in (None, "") else "-"


def build_table(header: str, rows: list[list[str]], empty: str = "") -> str:
    """Return a Markdown table with the columns of `header`, separated by `|`, or `empty` if it has no rows."""
    columns = header.split("|")
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) if rows else empty


def build_flowchart(edges: list[tuple[str, str]], empty: str) -> str:
    """Return a Mermaid flowchart of edges, or `empty` if there are none."""
    arrows = [f"    {_make_id(a)}[{a}] --> {_make_id(b)}[{b}]" for a, b in edges]
    return "\n".join(["```mermaid", "flowchart LR", *arrows, "```"]) if edges else empty


def _make_id(name: str) -> str:
    return re.sub(r"\W", "_", name)
