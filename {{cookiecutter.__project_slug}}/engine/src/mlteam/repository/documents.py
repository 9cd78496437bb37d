"""The required pages and the answers as they are, and headings that seem to be missing ones in other words."""

import datetime as dt
from collections.abc import Iterable, Iterator

from mlteam.repository.page import Heading, Page, Section
from mlteam.repository.project import PROCESS, Project
from mlteam.repository.settings import Document, Question
from mlteam.repository.suggestions import find_nearest


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


def find_renamed_question(page: Page, texts: list[str], question: Question) -> Heading | None:
    """Return the heading in the question's group that seems to be the question in other words."""
    group = page.find_section(question.group, 2)
    inside = [h for h in page.headings if group and group.heading.line < h.line < group.end]
    return find_renamed(inside, 3, texts, question.text)


def count_days_to_review(page: Page) -> int | None:
    """Count the days until the next review, negative once it is overdue; None if the page has never been reviewed."""
    reviewed, days = ((page.front or {}).get(key) for key in ("last_reviewed", "review_in_days"))
    known = isinstance(reviewed, dt.date) and isinstance(days, int)
    return days - (dt.date.today() - reviewed).days if known else None  # type: ignore[operator]
