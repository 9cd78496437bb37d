"""Reads a Markdown page into the parts that checks look at."""

import re
import shlex
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TypeVar

import yaml
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

SPECIAL = re.compile(r"[\n\\`*_\[\]!<>&]")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OPEN = re.compile(r"Open(?: \((?P<stage>\w+)\))?:")
SHELL = ("sh", "bash", "shell", "console")
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"^<!-- (generated: (?P<name>[a-z_]+)|end generated) -->$", re.MULTILINE)
IMAGE = re.compile(r"""<img\b[^>]*\bsrc=["']([^"']+)""", re.IGNORECASE)
VISIBLE = ("text", "text_special", "html_inline", "image")
Placed = TypeVar("Placed", "Block", "Span", "Fence")


@dataclass(frozen=True)
class Heading:
    """A heading of the page itself: not one in a quote, a list, a fence or a comment."""

    text: str
    level: int
    line: int


@dataclass(frozen=True)
class Span:
    """A piece of text with its place: a code span, a link target or a command line."""

    text: str
    line: int
    column: int = 1


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, the words after it, and its lines."""

    language: str
    words: tuple[str, ...]
    content: str
    line: int

    @cached_property
    def commands(self) -> list[Span]:
        """The command lines of a shell block."""
        lines = enumerate(self.content.splitlines(), start=self.line + 1) if self.language in SHELL else ()
        bare = ((number, line.strip().removeprefix("$ ")) for number, line in lines)
        return [Span(line, number) for number, line in bare if line and not line.startswith("#")]


@dataclass(frozen=True)
class Block:
    """A paragraph, table cell, fence or generated block.

    Attributes:
        text: What a reader sees; empty for a fence or a generated block.
        line: Line, counted from 1.
        generated: Whether it is a generated block.
        label: `Owner:` if it starts with `**Owner:**`.
        prose: The same as `text` without code spans.
    """

    text: str
    line: int
    generated: bool = False
    label: str = ""
    prose: str = ""

    @property
    def answer(self) -> str:
        """The text after the label."""
        return self.text.removeprefix(self.label).strip()

    @property
    def is_open(self) -> bool:
        """Whether this is an item that nobody has answered yet."""
        return bool(OPEN.fullmatch(self.label))


@dataclass(frozen=True)
class Section:
    """A heading and what follows it, up to the next one of the same or a higher level; `end` is exclusive."""

    heading: Heading
    end: int
    blocks: tuple[Block, ...]
    spans: tuple[Span, ...]
    fences: tuple[Fence, ...]
    links: tuple[Span, ...]

    @cached_property
    def open_items(self) -> tuple[Block, ...]:
        """The items that nobody has answered yet."""
        return tuple(block for block in self.blocks if block.is_open)

    def find_labelled(self, label: str) -> Block | None:
        """Return the first block that starts with the label in bold."""
        return next((block for block in self.blocks if block.label == label), None)


@dataclass
class Page:
    """A parsed Markdown file; `front` is None without front matter, and `front_error` says why."""

    text: str
    front: dict[str, object] | None = None
    front_lines: dict[str, int] = field(default_factory=dict)
    front_error: str = "no front matter between two lines of three dashes"
    headings: list[Heading] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    links: list[Span] = field(default_factory=list)
    generated: dict[str, tuple[int, int]] = field(default_factory=dict)

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.splitlines()

    @cached_property
    def commands(self) -> list[Span]:
        """Every text that may be a command: the code spans, the lines of shell blocks and of diagrams."""
        lines = [command for fence in self.fences for command in fence.commands]
        drawn = [f for f in self.fences if f.language == "mermaid"]
        labels = [
            Span(t, f.line + n)
            for f in drawn
            for n, line in enumerate(f.content.splitlines(), 1)
            for t in re.split(r"[\[\](){}|]|\s-->|\s\.->|\s--\s|\s-\.\s", line)
        ]
        return [*self.spans, *lines, *(Span(label.text.strip(), label.line) for label in labels)]

    @cached_property
    def sections(self) -> list[Section]:
        """Every section, in the order of the page."""
        return [self._build_section(index) for index in range(len(self.headings))]

    @cached_property
    def anchors(self) -> set[str]:
        """The fragments of the headings, as code hosts make them: repeated headings get a number."""
        seen: dict[str, int] = {}
        names = set()
        for heading in self.headings:
            name = re.sub(r"[^\w\- ]", "", heading.text.lower()).replace(" ", "-")
            names.add(f"{name}-{seen[name]}" if name in seen else name)
            seen[name] = seen.get(name, 0) + 1
        return names

    def find_section(self, title: str, level: int = 0) -> Section | None:
        """Return the first section with this title, on any level unless one is given."""
        return next((s for s in self.sections if s.heading.text == title and level in (0, s.heading.level)), None)

    def _build_section(self, index: int) -> Section:
        heading = self.headings[index]
        later = (h.line for h in self.headings[index + 1 :] if h.level <= heading.level)
        first, end = heading.line + 1, next(later, len(self.lines) + 1)
        parts = [_select_lines(p, first, end) for p in (self.blocks, self.spans, self.fences, self.links)]
        return Section(heading, end, *parts)


def _select_lines(parts: list[Placed], first: int, end: int) -> tuple[Placed, ...]:
    low = bisect_left(parts, first, key=lambda part: part.line)
    return tuple(parts[low : bisect_left(parts, end, key=lambda part: part.line)])


def split_words(command: str) -> list[str]:
    """Return the words of a command line; those of one with an open quote are split at spaces."""
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


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
    text, prose = (_join_visible(children, code=code) for code in (True, False))
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


def _join_visible(children: list[Token], *, code: bool) -> str:
    """Join what a reader sees; tags stay, so that `<describe here>` can be told from an answer."""
    parts = []
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type in VISIBLE or (code and child.type == "code_inline"):
            parts.append(child.content)
    return COMMENT.sub("", "".join(parts)).strip()


def _locate(text: str, line: int, page: Page) -> Span:
    """Find the column; the cells of a table all have the line of its row, a wrapped paragraph the right one."""
    for number in range(line, min(line + 2, len(page.lines)) + 1):
        column = page.lines[number - 1].find(text)
        if column >= 0:
            return Span(text, number, column + 1)
    return Span(text, line)
