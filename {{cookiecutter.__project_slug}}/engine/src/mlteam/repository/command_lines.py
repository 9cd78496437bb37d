"""Splits command lines into words, and into the sessions or commands that they name."""

import re
import shlex
from functools import cache
from pathlib import PurePosixPath


def split_words(command: str) -> list[str]:
    """Return the words of a command line; those of one with an open quote are split at spaces."""
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


@cache
def parse_command(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a command line into the sessions or commands that it names and the words after them.

    `nox -s a b -- --x` gives `(a, b)` and `(--x,)`; `mlteam a --x` gives `(a,)` and `(--x,)`; others give two empty
    tuples.
    """
    words = split_words(text)
    if words[:1] == ["mlteam"] and len(words) > 1 and re.fullmatch(r"[a-z]\w*", words[1]):
        return (words[1],), tuple(words[2:])
    start = next((i for i, word in enumerate(words) if PurePosixPath(word).name == "nox"), None)
    if start is None:
        return (), ()
    end = words.index("--") if "--" in words else len(words)
    names: list[str] = []
    taking = False
    for word in words[start + 1 : end]:
        if word.startswith(("--session=", "--sessions=")):
            names.append(word.partition("=")[2])
        elif word.startswith("-"):
            taking = word in ("-s", "-e", "--session", "--sessions")
        elif taking:
            names.append(word.rstrip(".,;:)`"))
    return tuple(names), tuple(words[end + 1 :])
