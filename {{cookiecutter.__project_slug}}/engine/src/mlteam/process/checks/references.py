"""Checks of what pages point at: links, paths, sessions, commands, environment variables, tests."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath
from urllib.parse import unquote

from mlteam.process.checks.findings import Finding, check, did_you_mean
from mlteam.process.checks.page import Span
from mlteam.process.checks.project import ENGINE, Project

PATH = re.compile(
    r"(?:\.{1,2}/)?[\w.*-]+(?:/[\w.*<>=-]*)+|[\w-]+\.(?:toml|py|md|sql|yml|yaml|jinja|json|cfg)|CODEOWNERS"
)
TEST = re.compile(r"(?P<file>[\w./-]+\.py)::(?P<name>\w+)")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
MADE = ("data/", ".venv/", ".nox/", "sql/target/", "sql/logs/")
LOOKING = ("curl", "df", "ls")
KNOWN_COMMANDS = ("nox", "uv", "uvx", "git", "python", "python3", "pipx", "pre-commit", "cd", "cruft", *LOOKING)
REMOTE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
CONSOLE_SCRIPT = "mlteam"


@check("PRC027", "every link inside the repository leads to a file")
def links(project: Project) -> Iterator[Finding]:
    """The target exists, in exactly this case, inside the repository; links to elsewhere are not followed."""
    for path, page in project.pages.items():
        for link in page.links:
            target, _ = split(link.text)
            if REMOTE.match(link.text) or not target:
                continue
            found = _resolve(path, target)
            if found is None or not project.exists(found):
                text = (
                    f"link {link.text!r} leads nowhere" if found else f"link {link.text!r} leads out of the repository"
                )
                fix = _near(project, found or target)
                yield Finding(path, link.line, text, column=link.column, found=found or target, fix=fix)


@check("PRC028", "every link to a heading finds it")
def anchors(project: Project) -> Iterator[Finding]:
    """The part after # is a heading of the page that the link leads to."""
    for path, page in project.pages.items():
        for link in page.links:
            target, anchor = split(link.text)
            found = _resolve(path, target) if target else path
            if not anchor or REMOTE.match(link.text) or found not in project.pages:
                continue
            known = project.pages[found].anchors
            if anchor not in known:
                text = f"{found} has no heading for #{anchor}"
                yield Finding(path, link.line, text, column=link.column, fix=did_you_mean(anchor, known))


def split(link: str) -> tuple[str, str]:
    """A link's path and its fragment, decoded."""
    path, _, anchor = link.partition("#")
    return unquote(path.partition("?")[0]), unquote(anchor)


def _resolve(page: str, target: str) -> str | None:
    """The path from the root that a link on a page means, or None outside of the repository."""
    joined = target.lstrip("/") if target.startswith("/") else str(PurePosixPath(page).parent / target)
    path = os.path.normpath(joined).replace("\\", "/")
    return None if path.startswith("..") else path


def _near(project: Project, path: str) -> str:
    wanted = path.rstrip("/")
    folder = str(PurePosixPath(wanted).parent)
    siblings = [p for p in (*project.files, *project.folders) if str(PurePosixPath(p).parent) == folder]
    return did_you_mean(wanted, siblings or project.files[:0] or sorted(project.folders))


@check("PRC029", "every path in code marks exists")
def paths(project: Project) -> Iterator[Finding]:
    """A path, a pattern, or a test named `file.py::test`; what commands make under data/ is left out."""
    for path, span in _spans(project):
        test = TEST.fullmatch(span.text)
        if test:
            yield from _missing_test(project, path, span, test["file"], test["name"])
        elif _is_path(project, span.text) and not _names_file(project, path, span.text):
            fix = _near(project, span.text)
            yield Finding(path, span.line, f"path `{span.text}` does not exist", column=span.column, fix=fix)


def _is_path(project: Project, text: str) -> bool:
    """Whether words in code marks are a path: they have an ending, close with a slash, or begin with a folder."""
    if not PATH.fullmatch(text) or text.startswith(MADE):
        return False
    first, last = text.split("/", maxsplit=1)[0], text.rsplit("/", maxsplit=1)[-1]
    return not last or "." in last or "/" not in text or project.exists(first)


def _spans(project: Project) -> Iterator[tuple[str, Span]]:
    for path, page in project.pages.items():
        for span in page.spans:
            if not any(first < span.line < last for first, last in page.generated.values()):
                yield path, span


def _names_file(project: Project, page: str, text: str) -> bool:
    """Whether the text is a file or folder, seen from the root or from the page; `<name>` stands for any."""
    pattern = re.sub(r"<[^<>]*>", "*", text).rstrip("/").removeprefix("./")
    beside = (PurePosixPath(page).parent / pattern).as_posix()
    if "*" not in pattern:
        return project.exists(pattern) or project.exists(beside) or project.exists(f"{ENGINE}/{pattern}")
    folder = pattern.partition("*")[0].rpartition("/")[0]
    return (
        bool(project.matching(pattern))
        or any(PurePosixPath(f).match(pattern) for f in project.folders)
        or ("<" in text and project.exists(folder))
    )


def _missing_test(project: Project, path: str, span: Span, file: str, name: str) -> Iterator[Finding]:
    if not project.exists(file):
        yield Finding(path, span.line, f"path `{file}` does not exist", column=span.column, fix=_near(project, file))
    elif name not in functions(project.text(file)):
        known = [f for f in functions(project.text(file)) if f.startswith("test")]
        yield Finding(
            path, span.line, f"{file} has no test {name!r}", column=span.column, fix=did_you_mean(name, known)
        )


@cache
def functions(code: str) -> frozenset[str]:
    """The names of the functions that a module defines."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return frozenset()
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


@check("PRC030", "every session that a page names exists")
def sessions(project: Project) -> Iterator[Finding]:
    """`nox -s NAME`, `nox -e NAME` and their long forms, in running text as in fenced blocks."""
    for path, page in project.pages.items():
        for span in page.commands:
            for name in named_sessions(span.text):
                if name not in project.sessions and not re.search(r"[A-Z<…]", name):
                    text = f"`nox -s {name}` does not exist"
                    known = f"sessions: {', '.join(project.sessions)}"
                    fix = did_you_mean(name, project.sessions)
                    column = max(page.lines[span.line - 1].find(name) + 1, 1)
                    yield Finding(path, span.line, text, column=column, expected=known, found=name, fix=fix)


@cache
def named_sessions(text: str) -> tuple[str, ...]:
    """The sessions that a command line asks nox for."""
    words = text.replace('"', " ").replace("'", " ").split()
    starts = [i for i, word in enumerate(words) if PurePosixPath(word).name == "nox"]
    if not starts:
        return ()
    names: list[str] = []
    taking = False
    for word in words[starts[0] + 1 :]:
        if word == "--":
            break
        if word.startswith(("--session=", "--sessions=")):
            names.append(word.partition("=")[2])
        elif word.startswith("-"):
            taking = word in ("-s", "-e", "--session", "--sessions")
        elif taking:
            names.append(word.rstrip(".,;:)"))
    return tuple(names)


@check("PRC031", "every command in a shell block can be read and is known")
def shell_blocks(project: Project) -> Iterator[Finding]:
    """The quotes close, and the first word is a tool of the team, the console script, or a file."""
    known = (*KNOWN_COMMANDS, CONSOLE_SCRIPT)
    for path, page in project.pages.items():
        for fence in page.fences:
            for span, words in fence.commands:
                if words is None:
                    yield Finding(path, span.line, f"a quote does not close in `{span.text}`", fix="close it")
                elif words and words[0] not in known and not project.exists(words[0].removeprefix("./")):
                    text = f"command {words[0]!r} is not known"
                    fix = did_you_mean(words[0], known)
                    yield Finding(path, span.line, text, expected=f"one of {', '.join(known)}", fix=fix)


@check("PRC032", "every command of the console script exists")
def script_commands(project: Project) -> Iterator[Finding]:
    """`<script> NAME` is a command that the command line defines."""
    script, known = CONSOLE_SCRIPT, project.cli_commands
    for path, page in project.pages.items() if script and known else ():
        for span in page.commands:
            words = span.text.split()
            if (
                len(words) > 1
                and words[0] == script
                and re.fullmatch(r"[a-z][\w-]*", words[1])
                and words[1] not in known
            ):
                text = f"`{script} {words[1]}` does not exist"
                yield Finding(path, span.line, text, column=span.column, fix=did_you_mean(words[1], known))


@check("PRC033", "every Python block can be read")
def python_blocks(project: Project) -> Iterator[Finding]:
    """A block that Python refuses cannot be followed."""
    for path, page in project.pages.items():
        for fence in page.fences:
            if fence.language in ("python", "py"):
                try:
                    ast.parse(fence.content)
                except SyntaxError as error:
                    line = fence.line + (error.lineno or 1)
                    yield Finding(path, line, f"not Python: {error.msg}", column=error.offset or 1, fix="fix the line")


@check("PRC034", "every environment variable that a page names is read by the code")
def variables(project: Project) -> Iterator[Finding]:
    """A name in capitals with underscores, in code marks, is a string somewhere in the code or a CI file."""
    for path, span in _spans(project):
        name = span.text.partition("=")[0]
        if VARIABLE.fullmatch(name) and name not in project.strings:
            text = f"no code reads the environment variable {name}"
            known = [s for s in project.strings if VARIABLE.fullmatch(s)]
            yield Finding(path, span.line, text, column=span.column, fix=did_you_mean(name, known))
