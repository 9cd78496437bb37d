"""Checks of the pages: what process.toml asks for is there, filled in, and reviewed in time."""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Iterator

from mlteam.process.checks.registry import check
from mlteam.process.findings import ON_ENTRY, STAGES, WARNING, Finding, find_nearest, suggest
from mlteam.process.page import Heading, Page, Section
from mlteam.process.project import PROCESS, Project
from mlteam.process.settings import Document, Question

FRONT_MATTER = {
    "owner": "a role or a person of team.toml",
    "reviewers": "a list of roles or people of team.toml",
    "status": "draft, reviewed, accepted or superseded",
    "last_reviewed": "a date such as 2026-01-31, or never",
    "review_in_days": "a whole number of days, at least 1",
}
OTHER_KEYS = ("date", "decided_by", "evidence")
NEVER = "never"
# Joiners are not in this list: scripts and emoji are written with them.
INVISIBLE = {0x00AD, 0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def list_documents(project: Project) -> Iterator[tuple[Document, Page]]:
    """Yield the required pages that exist and can be read."""
    for document in project.documents:
        if document.path in project.pages:
            yield document, project.pages[document.path]


def list_answers(project: Project) -> Iterator[tuple[Question, Section]]:
    """Yield each question with its answer in PROCESS.md."""
    page = project.pages.get(PROCESS)
    for question in project.settings.questions:
        section = page.find_section(question.text, 3) if page else None
        if section:
            yield question, section


def find_renamed(headings: list[Heading], level: int, listed: Iterable[str], title: str) -> Heading | None:
    """Return the heading that seems to be a missing one under another name or on another level.

    It is on the level of the missing one, not in the list, and in its place: between the same listed neighbors.
    """
    order = list(listed)
    by_title = {h.text: h for h in headings if h.level == level}
    before = [by_title[t].line for t in order[: order.index(title)] if t in by_title]
    after = [by_title[t].line for t in order[order.index(title) :] if t in by_title]
    low, high = max(before, default=0), min((line for line in after if line > max(before, default=0)), default=10**9)
    unlisted = {h.text: h for h in headings if h.level == level and h.text not in order}
    same = next((h for h in headings if h.text == title), None)
    near = unlisted.get(find_nearest(title, unlisted, 0.75))
    return same or near or next((h for h in unlisted.values() if low < h.line < high), None)


@check("PRC001", "every required page exists")
def check_pages(project: Project) -> Iterator[Finding]:
    """Compare the documents with the files, in exactly the same case."""
    for document in project.documents:
        if not project.exists(document.path):
            near = find_nearest(document.path, [path for path in project.pages if path not in project.document_of])
            renamed = f'or accept {near}: [documents."{document.name}"] path = "{near}" in process.toml' if near else ""
            yield Finding(
                document.path,
                1,
                f"required page {document.title!r} does not exist",
                fix=f"nox -s process -- --fix writes its skeleton {renamed}".rstrip(),
                owner=document.owner,
                relax=f'drop it: [documents] "{document.name}" = false',
            )


@check("PRC002", "every required section is in its page")
def check_sections(project: Project) -> Iterator[Finding]:
    """Compare the sections of each document with the headings on the second level of its page."""
    for document, page in list_documents(project):
        present = {h.text for h in page.headings if h.level == 2}  # noqa: PLR2004
        for title in document.sections if document.kind != "record" else ():
            if title in present:
                continue
            table, renamed = (
                f'[documents."{document.name}".sections]',
                find_renamed(page.headings, 2, document.sections, title),
            )
            rename = f'rename it back, or accept it: {table} "{title}" = "{renamed.text}"' if renamed else ""
            yield Finding(
                document.path,
                renamed.line if renamed else 1,
                f"required section {title!r} is missing",
                expected=f'heading "## {title}"',
                found=f'heading "{"#" * renamed.level} {renamed.text}"' if renamed else "",
                fix=rename or "nox -s process -- --fix adds it",
                relax=f'drop it: {table} "{title}" = false',
            )


@check("PRC003", "no required section or question appears twice")
def check_duplicates(project: Project) -> Iterator[Finding]:
    """Look for headings with the same text where only one may be."""
    questions = [question.text for question in project.settings.questions]
    for document, page in list_documents(project):
        listed = {*document.sections, *(questions if document.path == PROCESS else ())}
        first: dict[str, int] = {}
        for heading in (h for h in page.headings if h.text in listed):
            if heading.text in first:
                found = f"the first is on line {first[heading.text]}"
                yield Finding(
                    document.path, heading.line, f"duplicate section {heading.text!r}", found=found, fix="merge them"
                )
            first.setdefault(heading.text, heading.line)


@check("PRC004", "the front matter of a page is complete and well typed")
def check_front_matter(project: Project) -> Iterator[Finding]:
    """Compare the front matter with the keys and types in `FRONT_MATTER`; a page without any fails from pilot on."""
    for document, page in list_documents(project):
        if document.kind == "readme":
            continue
        if page.front is None:
            blocks = "pilot" if page.front_error.startswith("no ") else "prototype"
            yield Finding(document.path, 1, page.front_error, fix="nox -s process -- --fix adds it", blocks=blocks)
        for key, expected in FRONT_MATTER.items() if page.front is not None and document.kind != "record" else ():
            line, value = page.front_lines.get(key, 1), page.front.get(key) if page.front else None
            if value is None or not _is_well_typed(key, value):
                message = f"front matter key {key!r} is {'missing' if value is None else 'wrong'}"
                yield Finding(
                    document.path, line, message, expected=expected, found="" if value is None else str(value)
                )


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
        yield Finding(
            "team.toml", team.find_line(*keys), f"unknown key {'.'.join(keys)!r}", fix=suggest(keys[-1], known)
        )


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
        accept = f'rename it back, or accept it: [questions] "{question.text}" = "{renamed.text}"' if renamed else ""
        yield Finding(
            PROCESS,
            renamed.line if renamed else 1,
            f"the question {question.text!r} has no answer",
            expected=f'heading "### {question.text}"',
            found=f'heading "{renamed.text}"' if renamed else "",
            fix=accept or "nox -s process -- --fix adds it",
            owner=question.owner,
            relax=f'drop it: [questions] "{question.text}" = false',
        )


def find_renamed_question(page: Page, texts: list[str], question: Question) -> Heading | None:
    """Return the heading in the question's group that seems to be the question in other words."""
    group = page.find_section(question.group, 2)
    inside = [h for h in page.headings if group and group.heading.line < h.line < group.end]
    return find_renamed(inside, 3, texts, question.text)


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


def count_days_to_review(page: Page) -> int | None:
    """Count the days until the next review, negative once it is overdue; None if the page has never been reviewed."""
    reviewed, days = ((page.front or {}).get(key) for key in ("last_reviewed", "review_in_days"))
    known = isinstance(reviewed, dt.date) and isinstance(days, int)
    return days - (dt.date.today() - reviewed).days if known else None  # type: ignore[operator]
