"""What the checker asks of a project: the engine's documents and questions, changed by the team's process.toml."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mlteam.core.errors import ProjectError
from mlteam.process.findings import STAGES, suggest
from mlteam.process.toml_files import find_key_line, get_table, parse_toml, read_toml

FILE = "process.toml"
DEFAULTS = Path(__file__).with_name("defaults.toml")
KEYS = ("documents", "questions", "areas", "off", "warn", "allow", "exceptions")
ALLOWED_KINDS = ("commands", "options", "paths", "names", "routes", "phrases")
EXCEPTION_KEYS = ("code", "path", "reason", "owner", "expires")
NEEDS = ("owner", "run", "where", "expect")
# A page of kind "reference" describes the project as it is, "readme" does so without front matter, "plan" may name what
# does not exist yet, and "record" is kept as it was written.
KINDS = ("reference", "readme", "plan", "record")
ENTRY_KEYS: dict[str, dict[str, type]] = {
    "document": {"path": str, "title": str, "owner": str, "kind": str, "blocks": list, "sections": dict},
    "section": {"has": str, "block": str, "columns": list, "open": bool, "needed_at": str},
    "question": {"group": str, "owner": str, "needs": list, "session": str, "needed_at": str},
}


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
        kind: One of `KINDS`.
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
    problems = list(_list_problems(own, defaults))
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


def _list_problems(own: dict[str, Any], defaults: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each problem of process.toml with the key that it is about."""
    for key in own:
        if key not in KEYS:
            yield (key,), f"unknown key {key!r}; {suggest(key, KEYS)}"
    for key in KEYS[:-1]:
        if not isinstance(own.get(key, {}), dict):
            yield (key,), f"{key} is not a table; write [{key}]"
    for name, document in get_table(own, "documents").items():
        keys = ("documents", name)
        yield from _list_entry_problems(keys, document, "document", defaults["documents"])
        sections = get_table(document).get("sections")
        known = get_table(defaults["documents"], name, "sections")
        for title, section in get_table(sections).items():
            yield from _list_entry_problems((*keys, "sections", title), section, "section", known)
    for question, change in get_table(own, "questions").items():
        yield from _list_entry_problems(("questions", question), change, "question", defaults["questions"])
    for table in ("off", "warn", "areas"):
        for key, value in get_table(own, table).items():
            if not isinstance(value, str) or not value.strip():
                yield (
                    (table, key),
                    f"{table}.{key} is not a text; write {key} = {'role' if table == 'areas' else 'why'!r}",
                )
    yield from _list_allow_problems(get_table(own, "allow"))
    yield from _list_exception_problems(own.get("exceptions", []))


def _list_allow_problems(allow: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for kind, words in allow.items():
        if kind not in ALLOWED_KINDS:
            yield ("allow", kind), f"unknown list {kind!r} under [allow]; {suggest(kind, ALLOWED_KINDS)}"
        elif not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            yield ("allow", kind), f"allow.{kind} is not a list of texts"


def _list_entry_problems(
    keys: tuple[str, ...], entry: Any, kind: str, defaults: dict[str, Any]
) -> Iterator[tuple[tuple[str, ...], str]]:
    name, types = keys[-1], ENTRY_KEYS[kind]
    if entry is False or (isinstance(entry, str) and kind != "document"):
        if name not in defaults:
            yield keys, f"no such {kind}: {name!r}; {suggest(name, defaults)}"
    elif not isinstance(entry, dict):
        yield keys, f"{name!r} must be a table, or false to drop the {kind}"
    else:
        choices = {"needed_at": STAGES, "kind": KINDS, "needs": NEEDS}
        for key, value in entry.items():
            unknown = [v for v in (value if isinstance(value, list) else [value]) if v not in choices.get(key, (v,))]
            if key not in types:
                yield (*keys, key), f"unknown key {key!r}; {suggest(key, types)}"
            elif not isinstance(value, types[key]) and not (key == "sections" and value is False):
                yield (*keys, key), f"{key} must be a {types[key].__name__}, not {value!r}"
            elif unknown:
                yield (*keys, key), f"unknown value {unknown[0]!r}; {suggest(str(unknown[0]), choices[key])}"


def _list_exception_problems(entries: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(entries, list):
        yield ("exceptions",), "exceptions is not a list of tables; write [[exceptions]]"
        return
    for entry in entries:
        unknown = [key for key in get_table(entry) if key not in EXCEPTION_KEYS]
        missing = [key for key in EXCEPTION_KEYS if key not in get_table(entry)]
        if unknown:
            yield ("exceptions",), f"unknown key {unknown[0]!r}; {suggest(unknown[0], EXCEPTION_KEYS)}"
        elif missing:
            yield ("exceptions",), f"the exception lacks {', '.join(missing)}"
        elif not isinstance(entry["expires"], dt.date) or isinstance(entry["expires"], dt.datetime):
            yield ("exceptions",), f"expires is not a date: {entry['expires']!r}; write 2027-01-31, without quotes"
