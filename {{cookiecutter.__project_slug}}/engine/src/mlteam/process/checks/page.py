"""The parts of a Markdown page that checks look at."""

import re
import shlex
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

OPEN = "Open:"
SHELL = ("sh", "bash", "shell", "console")
LABEL_ENDS = re.compile(r"[\[\](){}|]|\s(?:--|-\.)\s|\s(?:-->|\.->)")
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

    @cached_property
    def commands(self) -> list[tuple[Span, list[str] | None]]:
        """The command lines of a shell block with their words, or None where the quotes do not close."""
        if self.language not in SHELL:
            return []
        found: list[tuple[Span, list[str] | None]] = []
        for number, line in enumerate(self.content.splitlines(), start=self.line + 1):
            bare = line.strip().removeprefix("$ ")
            if not bare or bare.startswith("#"):
                continue
            try:
                words = shlex.split(bare, comments=True)
            except ValueError:
                words = None
            found.append((Span(bare, number, 1), words))
        return found

    @cached_property
    def labels(self) -> list[Span]:
        """What a diagram writes on its nodes and arrows."""
        lines = enumerate(self.content.splitlines(), start=self.line + 1) if self.language == "mermaid" else ()
        return [Span(label.strip(), number, 1) for number, line in lines for label in LABEL_ENDS.split(line)]


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
    def commands(self) -> list[Span]:
        """Every command line: the code spans, the lines of the shell blocks, the labels of the diagrams."""
        shell = [line for fence in self.fences for line, _ in fence.commands]
        return [*self.spans, *shell, *(label for fence in self.fences for label in fence.labels)]

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
