"""Pages with their generated blocks up to date."""

import re
from collections.abc import Callable

from mlteam.pages.blocks.markup import BLOCKS
from mlteam.pages.blocks.runs import RUN_BLOCKS, build_committed, build_newest, shows_run
from mlteam.repository.project import Project

BLOCK = re.compile(
    r"(?P<open><!-- generated: (?P<name>[a-z_]+) -->)\n(?P<content>.*?)(?P<close><!-- end generated -->)", re.DOTALL
)
WIDTH = 160


def refresh_blocks(text: str, project: Project) -> str:
    """Return a page with its blocks up to date, those of runs with the newest run on this machine."""

    def build(name: str, content: str) -> str:
        fresh = build_newest(name, content, project)
        # A machine without any run keeps the numbers of another one.
        return content.strip("\n") if not shows_run(fresh) and shows_run(content) else fresh

    return _replace_blocks(text, project, build)


def compare_blocks(text: str, project: Project) -> tuple[int, str, str] | None:
    """Compare the blocks of a page with what they must show.

    Returns:
        The first line that differs, counted from 1, its content, and the expected content; None if all agree.
    """
    text = text.replace("\r\n", "\n")
    wanted = _replace_blocks(text, project, lambda name, content: build_committed(name, content, project))
    if wanted == text:
        return None
    old, new = text.splitlines(), wanted.splitlines()
    number = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    shown, expected = (lines[number][:WIDTH] if number < len(lines) else "(end)" for lines in (old, new))
    return number + 1, shown, expected


def _replace_blocks(text: str, project: Project, build: Callable[[str, str], str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in BLOCKS:
            return match[0]
        if name not in RUN_BLOCKS and name not in project.built_blocks:
            project.built_blocks[name] = BLOCKS[name](project)
        content = build(name, match["content"]) if name in RUN_BLOCKS else project.built_blocks[name]
        return f"{match['open']}\n{content}\n{match['close']}"

    return BLOCK.sub(replace, text)
