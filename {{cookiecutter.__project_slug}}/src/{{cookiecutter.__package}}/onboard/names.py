"""Names that SQL, YAML and Python take without quotes."""

import functools
import re
import unicodedata
from collections.abc import Iterable

import duckdb

LONGEST = 60
# The project's own columns.
TAKEN = {"row_key", "row_digest"}


def clean(names: Iterable[str]) -> dict[str, str]:
    """A plain name for each column: lower case, no two alike, no word of SQL.

    Returns:
        Clean names by the original ones, in order.
    """
    found: dict[str, str] = {}
    used = set(TAKEN)
    words = keywords()
    for number, name in enumerate(names, start=1):
        base = plain(name) or f"column_{number}"
        base = f"{base}_" if base in words else base
        chosen, count = base, 1
        while chosen in used:
            count += 1
            chosen = f"{base}_{count}"
        used.add(chosen)
        found[name] = chosen
    return found


def plain(name: str) -> str:
    """Letters, digits and underscores of a name, in lower case; empty where there are none."""
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:LONGEST].strip("_")
    return f"c_{text}" if text[:1].isdigit() else text


@functools.cache
def keywords() -> set[str]:
    """The words of SQL, reserved or not: none of them makes a good name for a column."""
    with duckdb.connect() as connection:
        return {str(word) for (word,) in connection.execute("select keyword_name from duckdb_keywords()").fetchall()}
