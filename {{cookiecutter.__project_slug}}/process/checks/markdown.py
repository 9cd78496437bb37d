"""Reads a Markdown page once, with a parser, into the parts that checks look at."""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TypeVar

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable("table")
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
MARK = re.compile(r"^<!-- (generated: (?P<name>[a-z]+)|end generated) -->$", re.MULTILINE)
OPEN = "Open:"
SEEN = ("text", "text_special", "html_inline", "image")
Placed = TypeVar("Placed", "Block", "Span", "Fence")


@dataclass(frozen=True)
class Heading:
    """A heading of the page itself: not one inside a quote, a list, a fence or a comment."""

    text: str
    level: int
    line: int


@dataclass(frozen=True)
class Span:
    """A piece of text with the place where it stands."""

    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, the words after it, and its lines."""

    language: str
    words: tuple[str, ...]
    content: str
    line: int


@dataclass(frozen=True)
class Block:
    """A paragraph, cell, list item's line or fence, in the order of the page.

    Attributes:
        kind: `text` or `fence`.
        text: What a reader sees.
        plain: The same without code spans.
        line: Line counted from 1.
        generated: Whether it stands between generator marks.
        label: `Owner:` for a line that starts with `**Owner:**`.
    """

    kind: str
    text: str
    plain: str
    line: int
    generated: bool
    label: str = ""

    @property
    def answer(self) -> str:
        """The text after the label."""
        return self.text.removeprefix(self.label).strip()


@dataclass(frozen=True)
class Section:
    """What stands between a heading and the next one of the same or a higher level."""

    heading: Heading
    blocks: tuple[Block, ...]
    spans: tuple[Span, ...]
    fences: tuple[Fence, ...]
    links: tuple[Span, ...]
    generated: tuple[str, ...]

    @cached_property
    def prose(self) -> str:
        """What a person answered: no headings, comments, fences, generated blocks or open items."""
        return "\n".join(b.text for b in self.blocks if b.kind == "text" and not b.generated and b.label != OPEN)

    @cached_property
    def open_items(self) -> tuple[Block, ...]:
        """The prompts that nobody has answered yet."""
        return tuple(b for b in self.blocks if b.label == OPEN)

    def labelled(self, label: str) -> Block | None:
        """The first line that starts with the label in bold."""
        return next((b for b in self.blocks if b.label == label), None)

    @property
    def substance(self) -> bool:
        """Whether anything but headings and comments stands here."""
        return bool(self.blocks)


@dataclass
class Page:
    """A parsed Markdown file."""

    text: str
    front: dict[str, object] | None
    front_lines: dict[str, int]
    front_error: str
    headings: list[Heading] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    links: list[Span] = field(default_factory=list)
    generated: dict[str, tuple[int, int]] = field(default_factory=dict)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file without their ends."""
        return self.text.splitlines()

    @cached_property
    def sections(self) -> list[Section]:
        """Every section, in the order of the page."""
        return [self._section(index) for index in range(len(self.headings))]

    @cached_property
    def anchors(self) -> set[str]:
        """The fragments that links may name, as code hosts make them: repeated headings get a number."""
        seen: dict[str, int] = {}
        names = set()
        for heading in self.headings:
            name = re.sub(r"[^\w\- ]", "", heading.text.lower()).replace(" ", "-")
            names.add(f"{name}-{seen[name]}" if name in seen else name)
            seen[name] = seen.get(name, 0) + 1
        return names

    def named(self, title: str) -> list[Section]:
        """The sections with exactly this title."""
        return [s for s in self.sections if s.heading.text == title]

    def _section(self, index: int) -> Section:
        heading = self.headings[index]
        later = (h.line for h in self.headings[index + 1 :] if h.level <= heading.level)
        first, end = heading.line + 1, next(later, len(self.lines) + 1)
        return Section(
            heading,
            _between(self.blocks, first, end),
            _between(self.spans, first, end),
            _between(self.fences, first, end),
            _between(self.links, first, end),
            tuple(name for name, (line, _) in self.generated.items() if first <= line < end),
        )


def _between(things: list[Placed], first: int, end: int) -> tuple[Placed, ...]:
    """The things that start on the lines from `first` up to, not with, `end`."""
    low = bisect_left(things, first, key=lambda thing: thing.line)
    high = bisect_left(things, end, key=lambda thing: thing.line)
    return tuple(things[low:high])


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
