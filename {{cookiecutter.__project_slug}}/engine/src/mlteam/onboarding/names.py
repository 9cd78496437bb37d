"""Names that SQL, YAML and Python take without quotes."""

import functools
import re
from collections.abc import Iterable

import duckdb
from slugify import slugify

from mlteam.core.errors import ProjectError

MAX_NAME_LENGTH = 60
PIPELINE_NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")
# The project's own columns.
PROJECT_COLUMNS = {"row_key", "row_digest"}


def reject_pipeline_name(name: str) -> None:
    """Refuse what cannot name a pipeline and its tables.

    Raises:
        ProjectError: It has other characters, or too many.
    """
    if not PIPELINE_NAME_PATTERN.fullmatch(name):
        fix = "use up to 40 small letters, digits and underscores"
        raise ProjectError(f"{name!r} is not a valid pipeline name", fix=fix)


def clean_names(names: Iterable[str]) -> dict[str, str]:
    """Return a plain name for each column: lower case, no two alike, no word of SQL.

    Returns:
        Clean names by the original ones, in order.
    """
    found: dict[str, str] = {}
    used = set(PROJECT_COLUMNS)
    words = load_sql_keywords()
    for number, name in enumerate(names, start=1):
        base = slugify_name(name) or f"column_{number}"
        base = f"{base}_" if base in words else base
        chosen, count = base, 1
        while chosen in used:
            count += 1
            chosen = f"{base}_{count}"
        used.add(chosen)
        found[name] = chosen
    return found


def slugify_name(name: str) -> str:
    """Letters, digits and underscores of a name, transliterated to ASCII, in lower case; empty where there are none."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    text = slugify(words, separator="_", max_length=MAX_NAME_LENGTH, entities=False, decimal=False, hexadecimal=False)
    return f"c_{text}" if text[:1].isdigit() else text


def load_sql_keywords() -> set[str]:
    """Return the words of SQL, reserved or not: none of them makes a good name for a column."""
    return set(_load_keyword_categories())


def load_reserved_words() -> set[str]:
    """Return the words of SQL that need quotes where they name a column."""
    return {word for word, category in _load_keyword_categories().items() if category in ("reserved", "type_function")}


@functools.cache
def _load_keyword_categories() -> dict[str, str]:
    with duckdb.connect() as connection:
        return dict(connection.execute("select keyword_name, keyword_category from duckdb_keywords()").fetchall())
