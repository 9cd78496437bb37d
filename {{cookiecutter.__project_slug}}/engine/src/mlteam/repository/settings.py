"""What the checker asks of a project: the engine's documents and questions, changed by the team's process.toml."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mlteam.core.errors import ProjectError
from mlteam.repository.settings_problems import NEEDS, list_problems
from mlteam.repository.toml_files import find_key_line, get_table, parse_toml, read_toml

FILE = "process.toml"
DEFAULTS = Path(__file__).with_name("defaults.toml")


@dataclass(frozen=True)
class Section:
    """A section that a page must have.

    Attributes:
        title: Its heading on the second level.
        has: What a good answer contains.
        block: The generated block in it, or an empty text.
        columns: The columns of the table that it contains, if it is one.
        open: Whether it needs words of a person beside its block.
        needed_at: The stage at which an open item in it fails the check.
    """

    title: str
    has: str = ""
    block: str = ""
    columns: tuple[str, ...] = ()
    open: bool = False
    needed_at: str = "pilot"


@dataclass(frozen=True)
class Document:
    """A page that must exist.

    Attributes:
        name: Its path in the engine's defaults, which process.toml uses to refer to it.
        path: Its path, which may be a pattern.
        title: Its first heading.
        owner: The role that delivers it.
        kind: One of `KINDS` in settings_problems.
        blocks: The generated blocks that it must show.
        sections: Its sections by title.
    """

    name: str
    path: str
    title: str
    owner: str
    kind: str
    blocks: tuple[str, ...]
    sections: dict[str, Section]


@dataclass(frozen=True)
class Question:
    """A question that PROCESS.md answers.

    Attributes:
        text: Its heading on the third level.
        group: The heading above it.
        owner: The role that is responsible for the answer.
        needs: The evidence that the answer contains, from `NEEDS`.
        session: The session that the answer names.
        needed_at: The stage at which an open answer fails the check.
    """

    text: str
    group: str
    owner: str
    needs: tuple[str, ...] = NEEDS
    session: str = ""
    needed_at: str = "pilot"


@dataclass(frozen=True)
class ExceptionEntry:
    """A finding that the team accepts until a date."""

    code: str
    path: str
    reason: str
    owner: str
    expires: dt.date
    line: int


@dataclass(frozen=True)
class Settings:
    """The whole of it; `text` is process.toml."""

    text: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]
    areas: dict[str, str]
    off: dict[str, str]
    warn: dict[str, str]
    allow: dict[str, tuple[str, ...]]
    exceptions: tuple[ExceptionEntry, ...]

    def find_line(self, *keys: str) -> int:
        """Return the line of a key in process.toml, or of the nearest table above it."""
        return find_key_line(self.text, *keys)


def load_settings(root: Path) -> Settings:
    """Read the engine's defaults and apply process.toml.

    Raises:
        ProjectError: process.toml cannot be read or contains an unknown key or a wrong type; each problem is a line
            that names the file's line.
    """
    text, own = read_toml(root, FILE) if (root / FILE).exists() else ("", {})
    defaults = parse_toml(_read_defaults())
    problems = list(list_problems(own, defaults))
    if problems:
        lines = [f"{FILE}:{find_key_line(text, *keys)}: {message}" for keys, message in problems]
        raise ProjectError("\n".join(lines))
    return Settings(
        text,
        tuple(_build_documents(defaults["documents"], get_table(own, "documents"))),
        tuple(_build_questions(defaults["questions"], get_table(own, "questions"))),
        {path: role for path, role in {**defaults["areas"], **get_table(own, "areas")}.items() if role},
        get_table(own, "off"),
        get_table(own, "warn"),
        {kind: tuple(words) for kind, words in get_table(own, "allow").items()},
        tuple(_build_exceptions(text, own.get("exceptions", []))),
    )


@cache
def _read_defaults() -> str:
    return DEFAULTS.read_text(encoding="utf-8")


def _build_documents(defaults: dict[str, Any], own: dict[str, Any]) -> Iterator[Document]:
    """A document that the team sets to false is dropped, a table changes it, an unknown path adds one."""
    for name in {**defaults, **own}:
        if own.get(name) is False:
            continue
        entry, change = defaults.get(name, {}), get_table(own, name)
        sections = {} if change.get("sections") is False else entry.get("sections", {})
        changed = {k: v for k, v in change.items() if k != "sections"}
        fields: dict[str, Any] = {
            "path": name,
            "title": name,
            "owner": "engineering_manager",
            "kind": "reference",
            "blocks": (),
        }
        fields |= {**{k: v for k, v in entry.items() if k != "sections"}, **changed}
        built = _build_sections(sections, get_table(change, "sections"))
        shown = (*fields.pop("blocks"), *(s.block for s in built if s.block))
        yield Document(name, blocks=shown, sections={s.title: s for s in built}, **fields)


def _build_sections(defaults: dict[str, Any], own: dict[str, Any]) -> list[Section]:
    built = []
    for title in {**defaults, **own}:
        change = own.get(title)
        if change is not False:
            section = Section(title, **{**defaults.get(title, {}), **get_table(change)})
            built.append(replace(section, title=change) if isinstance(change, str) else section)
    return built


def _build_questions(defaults: dict[str, Any], own: dict[str, Any]) -> Iterator[Question]:
    """A question that the team sets to false is dropped, a text replaces its wording, an unknown one is added."""
    for text in {**defaults, **own}:
        change = own.get(text)
        if change is not False:
            fields = {"group": "People", "owner": "engineering_manager", **defaults.get(text, {}), **get_table(change)}
            fields["needs"] = tuple(fields.get("needs", NEEDS))
            yield Question(change if isinstance(change, str) else text, **fields)


def _build_exceptions(text: str, entries: list[dict[str, Any]]) -> Iterator[ExceptionEntry]:
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[exceptions]]"]
    for line, entry in zip(lines, entries, strict=False):
        yield ExceptionEntry(**entry, line=line)
