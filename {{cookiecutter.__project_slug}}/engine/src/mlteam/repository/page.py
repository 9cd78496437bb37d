"""The parts of a Markdown page: headings, blocks, code spans, fences, links."""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

OPEN = re.compile(r"Open(?: \((?P<stage>\w+)\))?:")
SHELL = ("sh", "bash", "shell", "console")
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
