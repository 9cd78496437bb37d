"""Reads a Markdown page once, with a parser, into the parts that checks look at."""

import re
from functools import cache

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mlteam.process.checks.page import Block, Fence, Heading, Page, Span

PARSER = MarkdownIt("commonmark").enable("table")
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
MARK = re.compile(r"^<!-- (generated: (?P<name>[a-z]+)|end generated) -->$", re.MULTILINE)
SEEN = ("text", "text_special", "html_inline", "image")


@cache
def parse(text: str) -> Page:
    """Parse a page; `text` is decoded, without a byte-order mark."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    page, body_start = _front_matter(text)
    blank = "\n" * text[:body_start].count("\n")
    body = blank + text[body_start:]
    page.generated = _generated_blocks(body)
    _walk(PARSER.parse(body), page)
    return page


def _front_matter(text: str) -> tuple[Page, int]:
    match = re.match(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", text, re.DOTALL | re.MULTILINE)
    if not match:
        return Page(text, None, {}, "no front matter between two lines of three dashes"), 0
    keys = re.finditer(r"^([A-Za-z_]\w*):", match[1], re.MULTILINE)
    lines = {key[1]: match[1][: key.start()].count("\n") + 2 for key in keys}
    try:
        front = yaml.load(match[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, ValueError) as error:
        return Page(text, None, lines, f"not YAML: {str(error).splitlines()[0]}"), match.end()
    if not isinstance(front, dict):
        return Page(text, None, lines, "front matter is not a list of `key: value` lines"), match.end()
    return Page(text, front, lines, ""), match.end()


def _generated_blocks(body: str) -> dict[str, tuple[int, int]]:
    """Where each generated block's marks stand: name to its first and last line."""
    found: dict[str, tuple[int, int]] = {}
    name, first = "", 0
    for mark in MARK.finditer(body):
        line = body.count("\n", 0, mark.start()) + 1
        if mark["name"]:
            name, first = mark["name"], line
        elif name:
            found[name] = (first, line)
            name = ""
    return found


def _walk(tokens: list[Token], page: Page) -> None:
    heading: Token | None = None
    for token in tokens:
        if token.type == "heading_open":
            heading = token
        elif token.type == "heading_close":
            heading = None
        elif token.type == "inline":
            _read_inline(token, heading, page)
        elif token.type in ("fence", "code_block"):
            _read_fence(token, page)
        elif token.type == "html_block" and (text := COMMENT.sub("", token.content).strip()):
            page.blocks.append(Block("text", text, text, _line(token), _is_generated(_line(token), page)))


def _read_fence(token: Token, page: Page) -> None:
    words = token.info.split()
    line = _line(token)
    page.fences.append(Fence(words[0] if words else "", tuple(words[1:]), token.content, line))
    page.blocks.append(Block("fence", token.content, "", line, _is_generated(line, page)))


def _read_inline(token: Token, heading: Token | None, page: Page) -> None:
    line = _line(token)
    text, plain = visible(token), visible(token, code=False)
    if heading is not None:
        if heading.level == 0:
            page.headings.append(Heading(text, int(heading.tag[1]), line))
        return
    label, start = _label(token), line
    if text:
        page.blocks.append(Block("text", text, plain, start, _is_generated(start, page), label))
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            line += 1
        elif child.type == "code_inline":
            page.spans.append(_locate(child.content, line, page))
        elif child.type in ("link_open", "image"):
            page.links.append(_locate(str(child.attrs.get("href", child.attrs.get("src", ""))), line, page))


def visible(token: Token, *, code: bool = True) -> str:
    """The text that a reader sees; tags stay, so that `<describe here>` can be told from an answer."""
    parts = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type in SEEN or (code and child.type == "code_inline"):
            parts.append(child.content)
    return COMMENT.sub("", "".join(parts)).strip()


def _label(token: Token) -> str:
    """`Owner:` for a line that starts with `**Owner:**`."""
    children = [c for c in token.children or () if not (c.type == "text" and not c.content)]
    if len(children) > 1 and children[0].type == "strong_open" and children[1].content.endswith(":"):
        return children[1].content
    return ""


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _is_generated(line: int, page: Page) -> bool:
    return any(first < line < last for first, last in page.generated.values())


def _locate(text: str, line: int, page: Page) -> Span:
    """Find the column; a table's cells all carry the table row's line, a wrapped paragraph's the right one."""
    for number in range(line, min(line + 2, len(page.lines)) + 1):
        column = page.lines[number - 1].find(text)
        if column >= 0:
            return Span(text, number, column + 1)
    return Span(text, line, 1)
