"""Reads a Markdown page into its parts."""

import re
from collections.abc import Iterator
from functools import cache

import yaml
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from mlteam.repository.page import Block, Fence, Heading, Page, Span

SPECIAL = re.compile(r"[\n\\`*_\[\]!<>&]")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"^<!-- (generated: (?P<name>[a-z_]+)|end generated) -->$", re.MULTILINE)
IMAGE = re.compile(r"""<img\b[^>]*\bsrc=["']([^"']+)""", re.IGNORECASE)
VISIBLE = ("text", "text_special", "html_inline", "image")


def _skip_text(state: StateInline, silent: bool) -> bool:
    """Skip to the next character that the rules of CommonMark look at: the library's own rule stops at many more."""
    stop = SPECIAL.search(state.src, state.pos)
    end = stop.start() if stop else state.posMax
    if end == state.pos:
        return False
    if not silent:
        state.pending += state.src[state.pos : end]
    state.pos = end
    return True


PARSER = MarkdownIt("commonmark").enable("table")
PARSER.inline.ruler.at("text", _skip_text)


@cache
def parse_page(text: str) -> Page:
    """Parse a page from its decoded text, without a byte-order mark."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    page, match = Page(text), FRONT_MATTER.match(text)
    body = text
    if match:
        body = "\n" * match[0].count("\n") + text[match.end() :]
        keys = re.finditer(r"^([A-Za-z_]\w*):", match[1], re.MULTILINE)
        page.front_lines = {key[1]: match[1][: key.start()].count("\n") + 2 for key in keys}
        page.front, page.front_error = _parse_front_matter(match[1])
    name, first = "", 0
    for mark in MARK.finditer(body):
        line = body.count("\n", 0, mark.start()) + 1
        if mark["name"]:
            name, first = mark["name"], line
        elif name:
            page.generated[name] = (first, line)
            name = ""
    lines = body.split("\n")
    for first, last in page.generated.values():
        # What is generated is compared as a whole; its content is not parsed.
        lines[first : last - 1] = [""] * (last - first - 1)
    for token, heading in _walk(PARSER.parse("\n".join(lines))):
        _add_token(token, heading, page)
    page.blocks += [Block("", first, True) for first, _ in page.generated.values()]
    page.blocks.sort(key=lambda block: block.line)
    return page


def _parse_front_matter(text: str) -> tuple[dict[str, object] | None, str]:
    try:
        front = yaml.load(text, Loader=LOADER)  # noqa: S506
    except (yaml.YAMLError, ValueError) as error:
        return None, f"not YAML: {str(error).splitlines()[0]}"
    return (front, "") if isinstance(front, dict) else (None, "not a list of `key: value` lines")


def _walk(tokens: list[Token]) -> Iterator[tuple[Token, Token | None]]:
    """Yield each token with the heading that it is in."""
    heading: Token | None = None
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            heading = token if token.type == "heading_open" else None
        yield token, heading


def _add_token(token: Token, heading: Token | None, page: Page) -> None:
    line = token.map[0] + 1 if token.map else 1
    if token.type == "inline":
        _add_inline(token, heading, page, line)
    elif token.type in ("fence", "code_block"):
        words = token.info.split()
        page.fences.append(Fence(words[0] if words else "", tuple(words[1:]), token.content, line))
        page.blocks.append(Block("", line))
    elif token.type == "html_block" and (text := COMMENT.sub("", token.content).strip()):
        page.blocks.append(Block(text, line, prose=text))
        page.links += [Span(source, line) for source in IMAGE.findall(text)]


def _add_inline(token: Token, heading: Token | None, page: Page, line: int) -> None:
    children = token.children or []
    text, prose = _join_visible(children)
    if heading is not None:
        if heading.level == 0:
            page.headings.append(Heading(text, int(heading.tag[1]), line))
        return
    filled = [c for c in children if c.type != "text" or c.content]
    strong = len(filled) > 1 and filled[0].type == "strong_open" and filled[1].content.endswith(":")
    if text:
        page.blocks.append(Block(text, line, False, filled[1].content if strong else "", prose))
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            line += 1
        elif child.type == "code_inline":
            page.spans.append(_locate(child.content, line, page))
        elif child.type in ("link_open", "image"):
            page.links.append(_locate(str(child.attrs.get("href", child.attrs.get("src", ""))), line, page))
        elif child.type == "html_inline":
            page.links += [Span(source, line) for source in IMAGE.findall(child.content)]


def _join_visible(children: list[Token]) -> tuple[str, str]:
    """Join what a reader sees, with code and without; tags stay: `<describe here>` is told from an answer by them."""
    text, prose = [], []
    for child in children:
        if child.type == "code_inline":
            text.append(child.content)
        elif child.type in VISIBLE:
            text.append(child.content)
            prose.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            text.append("\n")
            prose.append("\n")
    return COMMENT.sub("", "".join(text)).strip(), COMMENT.sub("", "".join(prose)).strip()


def _locate(text: str, line: int, page: Page) -> Span:
    """Find the column; the cells of a table all have the line of its row, a wrapped paragraph the right one."""
    for number in range(line, min(line + 2, len(page.lines)) + 1):
        column = page.lines[number - 1].find(text)
        if column >= 0:
            return Span(text, number, column + 1)
    return Span(text, line)
