"""TOML files with the lines of their keys."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from mlteam.core.errors import ProjectError


@cache
def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML text; callers share the result and must not change it."""
    return tomllib.loads(text)


def read_toml(root: Path, path: str) -> tuple[str, dict[str, Any]]:
    """Read a TOML file as text and as tables.

    Raises:
        ProjectError: The file is missing, not UTF-8 or not TOML; the message names the line.
    """
    try:
        text = (root / path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ProjectError(f"cannot be read: {error.strerror}", where=path, fix="restore it from git") from None
    except UnicodeDecodeError as error:
        raise ProjectError(f"not UTF-8 text: {error.reason}", where=path, fix="save it as UTF-8") from None
    try:
        return text, parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"not TOML: {error}", where=f"{path}:{find_error_line(error)}", fix="fix the line") from None


def find_error_line(error: tomllib.TOMLDecodeError) -> int:
    """Return the line that a parser's message names, or 1."""
    line = re.search(r"line (\d+)", str(error))
    return int(line[1]) if line else 1


def get_table(value: object, *keys: str) -> dict[str, Any]:
    """Return the table under the keys, or an empty one where the file has none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def find_key_line(text: str, *keys: str) -> int:
    """Return the line of a dotted key in a TOML text, or of the nearest table above it."""
    lines = index_keys(text)
    names = (".".join(keys[:depth]) for depth in range(len(keys), 0, -1))
    return next((lines[name] for name in names if name in lines), 1)


@cache
def index_keys(text: str) -> dict[str, int]:
    """Return the first line of each table and key, by its dotted name without quotes."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip().replace('"', "").replace("'", "")
        header = re.match(r"\[+\s*(.+?)\s*\]+\s*(?:#.*)?$", bare)
        key = re.match(r"([^=#\[\]{}]+?)\s*=", bare)
        if header:
            table = header[1]
            found.setdefault(table, number)
        elif key:
            found.setdefault(f"{table}.{key[1]}" if table else key[1], number)
    return found


def find_word_line(text: str, word: str, *keys: str) -> int:
    """Return the line of a quoted word in a list that may span several lines."""
    start = find_key_line(text, *keys)
    lines = text.splitlines()
    return next((n for n in range(start, len(lines) + 1) if f'"{word}"' in lines[n - 1]), start)
