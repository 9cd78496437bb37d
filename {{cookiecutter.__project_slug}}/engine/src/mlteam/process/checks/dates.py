"""Checks of dates: reviews happen in time, and are more than a new date."""

import datetime as dt
import re
import subprocess
from collections.abc import Iterator

from mlteam.process.checks.findings import Finding, check
from mlteam.process.checks.markdown import parse
from mlteam.process.checks.page import Page
from mlteam.process.checks.project import Project
from mlteam.process.checks.structure import NEVER, documented


def today() -> dt.date:
    """The day on which the check runs."""
    return dt.date.today()


@check("PRC060", "pages are reviewed in time", blocks="production")
def reviews(project: Project) -> Iterator[Finding]:
    """`last_reviewed` plus `review_in_days` has not passed, and does not lie in the future."""
    for document, page in documented(project):
        reviewed, days = (page.front or {}).get("last_reviewed"), (page.front or {}).get("review_in_days")
        line = page.front_lines.get("last_reviewed", 1)
        if reviewed == NEVER:
            text = "the page was never reviewed"
            fix = "review it and set last_reviewed to the day"
            yield Finding(document.path, line, text, fix=fix, owner=project.owner(document.path), blocks="production")
        elif isinstance(reviewed, dt.date) and isinstance(days, int):
            yield from _dated(project, document.path, line, reviewed, days)


def _dated(project: Project, path: str, line: int, reviewed: dt.date, days: int) -> Iterator[Finding]:
    now = today()
    if reviewed > now:
        text = f"last reviewed on {reviewed}, which is yet to come"
        yield Finding(path, line, text, expected=f"a day up to {now}", blocks="prototype")
    elif (late := (now - reviewed).days - days) > 0:
        text = f"last reviewed {reviewed}, due every {days} days: {late} days late"
        yield Finding(path, line, text, fix="review the page", owner=project.owner(path))


def due(page: Page) -> int | None:
    """Days until the page is due for review, negative once it is late; None if it was never reviewed."""
    reviewed, days = (page.front or {}).get("last_reviewed"), (page.front or {}).get("review_in_days")
    if not isinstance(reviewed, dt.date) or not isinstance(days, int):
        return None
    return days - (today() - reviewed).days


@check("PRC061", "a review leaves more than a new date")
def date_only(project: Project) -> Iterator[Finding]:
    """Compared with the last commit, a new `last_reviewed` comes with another text or a new `evidence`."""
    for path in _changed(project):
        page, before = project.pages.get(path), _committed(project, path)
        if page is None or page.front is None or before is None or before.front is None:
            continue
        moved = page.front.get("last_reviewed") != before.front.get("last_reviewed")
        if moved and page.front.get("evidence") == before.front.get("evidence") and _same(page.text, before.text):
            line = page.front_lines.get("last_reviewed", 1)
            expected = "`evidence:` in the front matter says what was looked at"
            text = "only the date of the review changed"
            yield Finding(path, line, text, expected=expected, fix="say what was reviewed", owner=project.owner(path))


def _same(one: str, other: str) -> bool:
    return re.sub(r"(?m)^last_reviewed:.*$", "", one) == re.sub(r"(?m)^last_reviewed:.*$", "", other)


def _changed(project: Project) -> list[str]:
    """Pages that differ from the last commit; none where there is no repository or no commit."""
    paths = [d.path for d, page in documented(project) if (page.front or {}).get("last_reviewed") not in (None, NEVER)]
    listed = _git(project, "diff", "--name-only", "--relative", "HEAD", "--", *paths) if paths else ""
    return listed.splitlines()


def _committed(project: Project, path: str) -> Page | None:
    text = _git(project, "show", f"HEAD:./{path}")
    return parse(text) if text else None


def _git(project: Project, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=project.root, capture_output=True, check=False, encoding="utf-8", timeout=10
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout if done.returncode == 0 else ""
