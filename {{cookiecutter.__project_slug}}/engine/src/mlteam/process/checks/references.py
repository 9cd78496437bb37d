"""Checks of what pages point to: links, headings, files, tests."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from mlteam.process.checks.registry import check
from mlteam.process.findings import WARNING, Finding
from mlteam.repository.links import list_links
from mlteam.repository.page import Span
from mlteam.repository.project import ENGINE, Project
from mlteam.repository.python_code import list_tests
from mlteam.repository.suggestions import find_nearest, suggest

ENDINGS = "toml|py|md|sql|yml|yaml|jinja|json|cfg|sh|csv|ipynb|html"
PATH = re.compile(rf"(?:\.{{1,2}}/)?[\w.*<>{{}}-]+(?:/[\w.*<>={{}}-]*)+|[\w-]+\.(?:{ENDINGS})|CODEOWNERS")
TEST = re.compile(r"(?P<file>[\w./-]+\.py)::(?P<name>\w+)")
# What commands create is not in git.
CREATED: tuple[str, ...] = ("data/", ".venv/", ".nox/", "sql/target/", "sql/logs/", "engine/dist/", "deploy/secrets/")
CREATED += ("docs/figures/", "docs/launches/", "docs/postmortems/")


@check("PRC027", "every link inside the repository leads to a file")
def check_links(project: Project) -> Iterator[Finding]:
    """Look up the targets of links and images, in exactly the same case; links to other sites are not followed."""
    for path, link, target, _ in project.remember(list_links):
        if target is None or not project.exists(target):
            message = f"broken link {link.text!r}: " + ("file not found" if target else "outside the repository")
            fix = _suggest_path(project, target or link.text)
            yield Finding(path, link.line, message, column=link.column, fix=fix, allow=("paths", link.text))


@check("PRC028", "every link to a heading leads to one")
def check_anchors(project: Project) -> Iterator[Finding]:
    """Look up the part after `#` among the headings of the page."""
    for path, link, target, anchor in project.remember(list_links):
        page = project.find_page(target) if anchor and target else None
        if page and anchor not in page.anchors:
            message = f"{target} has no heading for #{anchor}"
            yield Finding(path, link.line, message, column=link.column, fix=suggest(anchor, page.anchors))


def _suggest_path(project: Project, path: str) -> str:
    folder = posixpath.dirname(path.rstrip("/")) or "."
    by_folder = project.remember(_group_by_folder)
    return suggest(path.rstrip("/"), by_folder.get(folder, project.folders))


def _group_by_folder(project: Project) -> dict[str, frozenset[str]]:
    """Return the files and folders in each folder."""
    found: dict[str, set[str]] = {}
    for path in (*project.files, *project.folders):
        found.setdefault(str(PurePosixPath(path).parent), set()).add(path)
    return {folder: frozenset(paths) for folder, paths in found.items()}


@check("PRC029", "every path in code marks or in a command exists")
def check_paths(project: Project) -> Iterator[Finding]:
    """Look up paths that begin with a folder of the repository, and tests; a plan or a page of the team's own warns."""
    for path, page in project.pages.items():
        blocks = "" if path in project.reference_pages else WARNING
        commands = [Span(w, c.line) for f in page.fences for c in f.commands for w in re.split(r"[\s=@\"']+", c.text)]
        for span in (*page.spans, *commands, *_list_words(page.spans)):
            test = TEST.fullmatch(span.text)
            file = test["file"] if test else span.text
            if (test or _is_own_path(project, file)) and not _matches_file(project, path, file):
                message, fix = f"path `{file}` does not exist", _suggest_path(project, file)
            elif test and test["name"] not in (known := list_tests(project.read(file))):
                message = f"{file} has no test {test['name']!r}"
                fix = suggest(test["name"], [name for name in known if name.startswith("test")])
            else:
                continue
            yield Finding(path, span.line, message, column=span.column, fix=fix, blocks=blocks, allow=("paths", file))


def _list_words(spans: list[Span]) -> Iterator[Span]:
    """Yield the words of code spans that are commands."""
    for span in spans:
        if " " in span.text:
            yield from (Span(word, span.line, span.column) for word in re.split(r"[\s=@\"']+", span.text))


def _is_own_path(project: Project, text: str) -> bool:
    """Return whether a text is a path of this repository: its first folder, or the path below it, is here."""
    if not PATH.fullmatch(text) or text.startswith(CREATED) or "NAME" in text:
        return False
    first, _, rest = text.removeprefix("./").partition("/")
    last = text.rpartition("/")[2]
    if "/" not in text:
        return "*" not in text
    below = "/" in rest and (project.exists(rest) or rest.startswith(CREATED))
    return ("." in last or not last) and (project.exists(first) or below)


def _matches_file(project: Project, page: str, text: str) -> bool:
    """Return whether a text is a file or folder, from the root, from the page or in the engine; `<name>` is any."""
    if "/" not in text:
        # A file name alone is often an example; only one that is nearly that of a file here is a typo.
        return not find_nearest(text, project.file_names, 0.85) or text in project.file_names
    pattern = re.sub(r"<[^<>]*>|\{[^{}]*\}", "*", text).rstrip("/").removeprefix("./")
    beside = (PurePosixPath(page).parent / pattern).as_posix()
    if "*" not in pattern:
        return any(project.exists(place) for place in (pattern, beside, f"{ENGINE}/{pattern}"))
    folder = pattern.partition("*")[0].rpartition("/")[0]
    return bool(project.list_matching(pattern)) or (text != pattern and project.exists(folder))
