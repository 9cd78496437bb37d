"""Checks of the pages: what process.toml asks for is there, filled in, and reviewed in time."""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator

from mlteam.process.checks.registry import check
from mlteam.process.findings import ON_ENTRY, WARNING, Finding
from mlteam.repository.documents import count_days_to_review, find_renamed, find_renamed_question, list_documents
from mlteam.repository.page import Heading
from mlteam.repository.project import PROCESS, Project
from mlteam.repository.suggestions import find_nearest, suggest
from mlteam.repository.team import STAGES

FRONT_MATTER = {
    "owner": "a role or a person of team.toml",
    "reviewers": "a list of roles or people of team.toml",
    "status": "draft, reviewed, accepted or superseded",
    "last_reviewed": "a date such as 2026-01-31, or never",
    "review_in_days": "a whole number of days, at least 1",
}
OTHER_KEYS = ("date", "decided_by", "evidence")
NEVER = "never"
FIX = "nox -s process -- --fix"
# Joiners are not in this list: scripts and emoji are written with them.
INVISIBLE = {0x00AD, 0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


@check("PRC001", "every required page exists")
def check_pages(project: Project) -> Iterator[Finding]:
    """Compare the documents with the files, in exactly the same case."""
    for document in project.documents:
        if not project.exists(document.path):
            near = find_nearest(document.path, [path for path in project.pages if path not in project.document_of])
            accept = f' or accept {near}: [documents."{document.name}"] path = "{near}" in process.toml' if near else ""
            message, fix = f"required page {document.title!r} does not exist", f"{FIX} writes its skeleton{accept}"
            relax = f'drop it: [documents] "{document.name}" = false'
            yield Finding(document.path, 1, message, fix=fix, owner=document.owner, relax=relax)


@check("PRC002", "every required section is in its page")
def check_sections(project: Project) -> Iterator[Finding]:
    """Compare the sections of each document with the headings on the second level of its page."""
    for document, page in list_documents(project):
        present = {h.text for h in page.headings if h.level == 2}  # noqa: PLR2004
        for title in document.sections if document.kind != "record" else ():
            if title in present:
                continue
            table, message = f'[documents."{document.name}".sections]', f"required section {title!r} is missing"
            renamed = find_renamed(page.headings, 2, document.sections, title)
            yield _report_heading(document.path, message, f"## {title}", renamed, (table, title))


def _report_heading(
    path: str, message: str, wanted: str, renamed: Heading | None, setting: tuple[str, str], owner: str = ""
) -> Finding:
    """Return the finding of a heading that is missing, or there in other words."""
    table, key = setting
    line, found = (renamed.line, f'heading "{"#" * renamed.level} {renamed.text}"') if renamed else (1, "")
    fix = f'rename it back, or accept it: {table} "{key}" = "{renamed.text}"' if renamed else f"{FIX} adds it"
    relax, expected = f'drop it: {table} "{key}" = false', f'heading "{wanted}"'
    return Finding(path, line, message, expected=expected, found=found, fix=fix, owner=owner, relax=relax)


@check("PRC003", "no required section or question appears twice")
def check_duplicates(project: Project) -> Iterator[Finding]:
    """Look for headings with the same text where only one may be."""
    questions = [question.text for question in project.settings.questions]
    for document, page in list_documents(project):
        listed = {*document.sections, *(questions if document.path == PROCESS else ())}
        first: dict[str, int] = {}
        for heading in (h for h in page.headings if h.text in listed):
            if heading.text in first:
                message, found = f"duplicate section {heading.text!r}", f"the first is on line {first[heading.text]}"
                yield Finding(document.path, heading.line, message, found=found, fix="merge them")
            first.setdefault(heading.text, heading.line)


@check("PRC004", "the front matter of a page is complete and well typed")
def check_front_matter(project: Project) -> Iterator[Finding]:
    """Compare the front matter with the keys and types in `FRONT_MATTER`; a page without any fails from pilot on."""
    for document, page in list_documents(project):
        if document.kind == "readme":
            continue
        if page.front is None:
            blocks = "pilot" if page.front_error.startswith("no ") else "prototype"
            yield Finding(document.path, 1, page.front_error, fix=f"{FIX} adds it", blocks=blocks)
        for key, expected in FRONT_MATTER.items() if page.front is not None and document.kind != "record" else ():
            line, value = page.front_lines.get(key, 1), page.front.get(key) if page.front else None
            if value is None or not _is_well_typed(key, value):
                fault, found = ("missing", "") if value is None else ("wrong", str(value))
                message = f"front matter key {key!r} is {fault}"
                yield Finding(document.path, line, message, expected=expected, found=found)


def _is_well_typed(key: str, value: object) -> bool:
    if key == "reviewers":
        return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
    if key == "last_reviewed":
        return value == NEVER or (isinstance(value, dt.date) and not isinstance(value, dt.datetime))
    if key == "review_in_days":
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value in re.findall(r"\w+", FRONT_MATTER[key]) if key == "status" else isinstance(value, str) and bool(value)


@check("PRC005", "front matter and team.toml have no unknown keys")
def check_unknown_keys(project: Project) -> Iterator[Finding]:
    """Look for keys that nothing reads, and for stages that do not exist."""
    for document, page in list_documents(project):
        for key in page.front or {}:
            if document.kind != "record" and key not in (*FRONT_MATTER, *OTHER_KEYS):
                line = page.front_lines.get(str(key), 1)
                yield Finding(document.path, line, f"unknown key {key!r}", fix=suggest(str(key), FRONT_MATTER))
    team = project.team
    if (stage := str(team.content.get("stage"))) not in STAGES:
        yield Finding("team.toml", team.find_line("stage"), f"no such stage: {stage!r}", fix=suggest(stage, STAGES))
    for keys, known in team.list_unknown_keys():
        message = f"unknown key {'.'.join(keys)!r}"
        yield Finding("team.toml", team.find_line(*keys), message, fix=suggest(keys[-1], known))


@check("PRC006", "files are UTF-8, and pages have no invisible characters")
def check_characters(project: Project) -> Iterator[Finding]:
    """Look for what cannot be read, or would make two names of one."""
    _ = project.code, project.pages, project.read("CODEOWNERS")
    for path, reason in project.undecodable.items():
        yield Finding(path, 1, "the file is not UTF-8", found=reason, fix="save it as UTF-8")
    for path, page in project.pages.items():
        for number, line in enumerate(page.lines if not page.text.isascii() else (), start=1):
            for column, character in enumerate("" if line.isascii() else line, start=1):
                if ord(character) in INVISIBLE:
                    found = f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}"
                    yield Finding(path, number, "invisible character", column=column, found=found, fix="delete it")


@check("PRC007", "PROCESS.md answers every question")
def check_questions(project: Project) -> Iterator[Finding]:
    """Compare the questions with the headings on the third level of PROCESS.md."""
    page = project.pages.get(PROCESS)
    texts = [question.text for question in project.settings.questions]
    missing = [q for q in project.settings.questions if page and page.find_section(q.text, 3) is None]
    for question in missing:
        renamed = find_renamed_question(page, texts, question) if page else None
        message, setting = f"the question {question.text!r} has no answer", ("[questions]", question.text)
        yield _report_heading(PROCESS, message, f"### {question.text}", renamed, setting, question.owner)


@check("PRC060", "pages are reviewed in time", blocks=ON_ENTRY)
def check_reviews(project: Project) -> Iterator[Finding]:
    """Compare `last_reviewed` plus `review_in_days` with today; an overdue review warns, and stops a stage change."""
    for document, page in list_documents(project):
        reviewed, left = (page.front or {}).get("last_reviewed"), count_days_to_review(page)
        line, owner = page.front_lines.get("last_reviewed", 1), project.find_owner(document.path)
        if document.kind in ("record", "readme"):
            continue
        if reviewed == NEVER:
            yield Finding(document.path, line, "the page has never been reviewed", fix="review it", owner=owner)
        elif left is not None and isinstance(reviewed, dt.date) and reviewed > dt.date.today():
            yield Finding(document.path, line, f"last_reviewed is in the future: {reviewed}", blocks="prototype")
        elif left is not None and left < 0:
            for blocks in (WARNING, ON_ENTRY):
                message = f"the review is {-left} days overdue"
                yield Finding(document.path, line, message, fix="review the page", owner=owner, blocks=blocks)
