"""What process.toml may contain, and what is wrong with one that contains something else."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from mlteam.repository.suggestions import suggest
from mlteam.repository.team import STAGES
from mlteam.repository.toml_files import get_table

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


def list_problems(own: dict[str, Any], defaults: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
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
