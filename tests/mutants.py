"""Small untruths, seeded one by one into a generated project, and what the process check must say about each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLACEHOLDERS = (
    "TBD",
    "TODO: write this",
    "…",
    "<describe here>",
    "[your answer]",
    "lorem ipsum dolor",
    "same as above",
    "?",
)


@dataclass(frozen=True)
class Mutant:
    """An edit of one file, and the finding that it must cause.

    Attributes:
        name: What was done.
        path: The file that is edited; `text` is None where it is deleted.
        text: The file's new content.
        code: The check that must catch it.
        where: The file that the finding names.
        line: The line that the finding names.
    """

    name: str
    path: str
    text: str | None
    code: str
    where: str
    line: int


@dataclass(frozen=True)
class Source:
    """A file of the project with its lines, from which mutants are made."""

    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.split("\n")

    def line(self, part: str) -> int:
        """The first line that holds a text, counted from 1."""
        return next(number for number, line in enumerate(self.lines, start=1) if part in line)

    def with_line(self, number: int, *new: str) -> str:
        """The text with one line replaced."""
        return "\n".join([*self.lines[: number - 1], *new, *self.lines[number:]])

    def section(self, number: int) -> tuple[int, int]:
        """The first and the last line of the section whose heading is on a line."""
        level = len(self.lines[number - 1].split(" ")[0])
        rest = enumerate(self.lines[number:], start=number + 1)
        fenced, end = False, len(self.lines)
        for found, line in rest:
            fenced ^= line.startswith("```")
            if not fenced and re.match(rf"#{{1,{level}}} ", line):
                end = found - 1
                break
        return number, end

    def with_body(self, number: int, *body: str) -> str:
        """The text with the content of a section replaced; its heading stays."""
        first, last = self.section(number)
        return "\n".join([*self.lines[:first], "", *body, "", *self.lines[last:]])

    def edit(self, old: str, new: str, code: str, where: str = "", line: int = 0) -> Mutant:
        """A mutant that replaces the first occurrence of a text."""
        assert old in self.text, (self.path, old)
        text = self.text.replace(old, new, 1)
        found = line or self.line(old.split("\n", maxsplit=1)[0])
        return Mutant(f"{old!r} becomes {new!r}", self.path, text, code, where or self.path, found)


def read(project: Path, path: str) -> Source:
    """One file of the project."""
    return Source(path, (project / path).read_text(encoding="utf-8"))


def section_mutants(page: Source, title: str, number: int) -> Iterator[Mutant]:
    """A required section is deleted, renamed, put on another level, emptied, doubled, filled with nothing."""
    at = page.line(f"## {title}")
    first, last = page.section(at)
    without = "\n".join([*page.lines[: first - 1], *page.lines[last:]])
    body = "\n".join(page.lines[first - 1 : last])
    name = f"section {title!r}"
    yield Mutant(f"{name} is deleted", page.path, without, "PRC002", page.path, 1)
    yield Mutant(f"{name} is renamed", page.path, page.with_line(at, f"## {title.upper()}!"), "PRC002", page.path, at)
    yield Mutant(f"{name} is a level lower", page.path, page.with_line(at, f"### {title}"), "PRC002", page.path, at)
    doubled = f"{page.text.rstrip()}\n\n{body.rstrip()}\n"
    yield Mutant(f"duplicate {name}", page.path, doubled, "PRC003", page.path, len(page.lines) + 1)
    yield Mutant(f"{name} is emptied", page.path, page.with_body(at, "<!-- soon -->"), "PRC010", page.path, at)
    text = PLACEHOLDERS[number % len(PLACEHOLDERS)]
    yield Mutant(f"{name} says {text!r}", page.path, page.with_body(at, text), "PRC011", page.path, at + 2)


def front_matter_mutants(page: Source) -> Iterator[Mutant]:
    """The front matter names nobody, lacks a field, has an unknown one, or a day that is none."""
    edits = (
        (r"^owner: .*$", "owner: the_team", "PRC020"),
        (r"^reviewers: .*$", "reviewers: [someone]", "PRC020"),
        (r"^status: .*$", "status: finished", "PRC004"),
        (r"^review_in_days: .*$", "review_in_days: often", "PRC004"),
        (r"^last_reviewed: .*$", "last_reviewed: 2999-01-01", "PRC060"),
        (r"^last_reviewed: .*$", "last_reviewed: yesterday", "PRC004"),
        (r"^status: (.*)$", r"state: \1", "PRC005"),
    )
    for pattern, new, code in edits:
        at = page.line(re.search(pattern, page.text, re.MULTILINE)[0])  # type: ignore[index]
        text = re.sub(pattern, new, page.text, count=1, flags=re.MULTILINE)
        yield Mutant(f"front matter says {new!r}", page.path, text, code, page.path, at)
    without = re.sub(r"^review_in_days: .*\n", "", page.text, count=1, flags=re.MULTILINE)
    yield Mutant("front matter lacks review_in_days", page.path, without, "PRC004", page.path, 1)
    impossible = re.sub(r"^last_reviewed: .*$", "last_reviewed: 2026-02-30", page.text, count=1, flags=re.MULTILINE)
    yield Mutant("front matter names 30 February", page.path, impossible, "PRC004", page.path, 1)


def reference_mutants(page: Source) -> Iterator[Mutant]:
    """Each link, anchor, path, session and command of a page is broken, outside of generated blocks."""
    inside = False
    for at, line in enumerate(page.lines, start=1):
        inside = (inside or line.startswith("<!-- generated")) and not line.startswith("<!-- end")
        if inside:
            continue
        edits = [
            *((m.span(1), "gone-" + m[1], "PRC027") for m in re.finditer(r"\]\(((?:\.\./)*[\w][\w./-]*)[)#]", line)),
            *((m.span(1), m[1] + "-gone", "PRC028") for m in re.finditer(r"\]\([^)]*#([\w-]+)\)", line)),
            *((m.span(1), m[1] + "x", "PRC030") for m in re.finditer(r"nox -s ([a-z]+)", line)),
            *(
                (m.span(1), "gone/" + m[1], "PRC029")
                for m in re.finditer(r"`((?:sql|src|pipelines|docs)/[\w./]+)`", line)
            ),
        ]
        for (start, end), new, code in edits:
            mutated = line[:start] + new + line[end:]
            yield Mutant(
                f"{line[start:end]!r} becomes {new!r}", page.path, page.with_line(at, mutated), code, page.path, at
            )


def block_mutants(page: Source) -> Iterator[Mutant]:
    """The last row of each generated block is changed by hand, and each block's marks are taken away."""
    marks = list(re.finditer(r"<!-- generated: (\w+) -->\n(.*?)<!-- end generated -->\n", page.text, re.DOTALL))
    for mark in marks:
        last = page.text.count("\n", 0, mark.end()) - 1
        mutated = page.with_line(last, page.lines[last - 1] + " by hand")
        yield Mutant(f"block {mark[1]} is changed by hand", page.path, mutated, "PRC050", page.path, last)
        unmarked = page.text.replace(f"<!-- generated: {mark[1]} -->\n", "", 1)
        yield Mutant(f"block {mark[1]} loses its mark", page.path, unmarked, "PRC050", page.path, 1)


def question_mutants(page: Source, questions: Sequence[Any]) -> Iterator[Mutant]:
    """A question is deleted, reworded, asked twice, or its answer emptied, or left without owner or evidence."""
    for number, question in enumerate(questions):
        at = page.line(f"### {question.text}")
        first, last = page.section(at)
        without = "\n".join([*page.lines[: first - 1], *page.lines[last:]])
        body = "\n".join(page.lines[first - 1 : last])
        name = f"question {question.text!r}"
        yield Mutant(f"{name} is deleted", page.path, without, "PRC007", page.path, 1)
        reworded = page.with_line(at, f"### {question.text.replace('?', ' here?')}")
        yield Mutant(f"{name} is reworded", page.path, reworded, "PRC007", page.path, at)
        twice = f"{page.text.rstrip()}\n\n{body.rstrip()}\n"
        yield Mutant(f"{name} is asked twice", page.path, twice, "PRC003", page.path, len(page.lines) + 1)
        yield Mutant(f"{name} has no answer", page.path, page.with_body(at), "PRC010", page.path, at)
        text = PLACEHOLDERS[number % len(PLACEHOLDERS)]
        yield Mutant(f"{name} says {text!r}", page.path, page.with_body(at, text), "PRC011", page.path, at + 2)
        owner = next(n for n in range(first, last + 1) if "**Owner:**" in page.lines[n - 1])
        yield Mutant(f"{name} lost its owner", page.path, page.with_line(owner), "PRC014", page.path, at)
        nobody = page.with_line(owner, "- **Owner:** whoever has time")
        yield Mutant(f"{name} is owned by nobody", page.path, nobody, "PRC020", page.path, owner)
        yield from evidence_mutants(page, at, last, question)


def evidence_mutants(page: Source, first: int, last: int, question: Any) -> Iterator[Mutant]:
    """An answer that is not open loses a line of its evidence, or the command that it is about."""
    lines = page.lines[first - 1 : last]
    if any("**Open:**" in line for line in lines):
        return
    for label in ("Where", "Expect"):
        at = next((first + n for n, line in enumerate(lines) if f"**{label}:**" in line), 0)
        if at and label.lower() in question.needs:
            mutated = page.with_line(at, page.lines[at - 1].replace(f"**{label}:**", "Note:"))
            yield Mutant(f"{question.text!r} lost {label}", page.path, mutated, "PRC014", page.path, first)
    body = "\n".join(lines)
    if question.session and body.count(f"nox -s {question.session}") == 1:
        mutated = page.text.replace(body, body.replace(f"nox -s {question.session}", "nox -s tests"), 1)
        yield Mutant(f"{question.text!r} lost its command", page.path, mutated, "PRC017", page.path, first)
