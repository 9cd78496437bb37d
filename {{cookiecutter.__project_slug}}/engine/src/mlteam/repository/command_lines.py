"""Splits command lines into words, and into the sessions or commands that they name."""

import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import PurePosixPath

COMPOSE = "deploy/compose.yaml"
# The options of Docker Compose that take the next word, and the subcommands that take services.
VALUE_OPTIONS = re.compile(
    r"-[efnpuvw]|--(?:file|project-name|profile|env-file|env|user|workdir|volume|name|entrypoint|tail|since|until|timeout"
    r"|scale|signal|pull|index|format)"
)
SERVICE_VERBS = ("up", "start", "stop", "restart", "logs", "pull", "build", "ps", "rm", "kill", "create", "top")


def split_words(command: str) -> list[str]:
    """Return the words of a command line; those of one with an open quote are split at spaces."""
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


@cache
def parse_command(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a command line into the sessions or commands that it names and the words after them.

    `nox -s a b -- --x` gives `(a, b)` and `(--x,)`; `mlteam a --x` gives `(a,)` and `(--x,)`, and so does
    `docker compose run jobs a --x`; others give two empty tuples.
    """
    words = split_words(text)
    if list_services(text) == ("jobs",) and "run" in words:
        words = ["mlteam", *words[words.index("jobs") + 1 :]]
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


@cache
def list_services(text: str) -> tuple[str, ...]:
    """Return the services that a command line of Docker Compose names, if it is about the file of this repository."""
    words = split_words(re.split(r"[|&;<>]", text)[0])
    if words[:2] != ["docker", "compose"] or COMPOSE not in words:
        return ()
    given: list[str] = []
    for before, word in pairwise(words[1:]):
        # After the subcommand, -f follows a log.
        is_value = VALUE_OPTIONS.fullmatch(before) and not (before == "-f" and given)
        if not is_value and re.fullmatch(r"[a-z][\w.-]*", word):
            given.append(word)
    verb, services = given[0] if given else "", given[1:]
    if verb in ("run", "exec"):
        return tuple(services[:1])
    return tuple(services) if verb in SERVICE_VERBS else ()


def find_curl_method(text: str) -> str:
    """Return the method of a request that curl sends, or nothing where the line does not tell."""
    given = re.search(r"\s(?:-\w*X|--request)[ =]?(\w+)", text)
    if given or text.endswith("\\") or re.search(r"\s(?:-\w*[GIT]|--get|--head|--upload-file)\b", text):
        return given[1] if given else ""
    return "POST" if re.search(r"\s(?:-\w*[dF]|--data[\w-]*|--json|--form)\b", text) else "GET"
