"""Checks of form: files, headings, front matter, team.toml and the questions stand where they must."""

import datetime as dt
import unicodedata
from collections.abc import Iterator

from mlteam.process.checks.errors import STAGES
from mlteam.process.checks.findings import Finding, check, did_you_mean
from mlteam.process.checks.page import Page
from mlteam.process.checks.project import Document, Project
from mlteam.process.checks.team import ESCALATION_KEYS, KEYS, PERSON_KEYS, ROLES, SEVERITIES, table

PROCESS = "PROCESS.md"
FRONT_MATTER = ("owner", "reviewers", "status", "last_reviewed", "review_in_days")
DECISION_KEYS = ("date", "decided_by", "evidence")
STATUSES = ("draft", "reviewed", "accepted", "superseded")
NEVER = "never"
# Joiners are not among them: scripts and emoji are written with them.
INVISIBLE = {0x00AD, 0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


@check("PRC001", "every required page exists")
def required_files(project: Project) -> Iterator[Finding]:
    """A page of process/documents.toml is a file of the repository, with the same case."""
    pages = [f for f in project.files if f.endswith(".md")]
    for document in project.documents:
        if not project.exists(document.path):
            yield Finding(
                document.path,
                1,
                f"required page {document.title!r} does not exist",
                expected=document.path,
                found=did_you_mean(document.path, pages),
                fix="nox -s process -- --fix   (writes its skeleton; you write the answers)",
                owner=document.role,
            )


@check("PRC002", "every required section stands in its page")
def required_sections(project: Project) -> Iterator[Finding]:
    """A section of process/documents.toml is a second-level heading of its page, in the same words."""
    for document, page in documented(project):
        present = {h.text for h in page.headings if h.level == 2}  # noqa: PLR2004
        missing = [title for title in document.sections if title not in present]
        extra = [h for h in page.headings if h.text not in document.sections]
        for title in missing:
            near = nearest(title, [h.text for h in extra])
            found = next((h for h in page.headings if h.text in (title, near)), None)
            yield Finding(
                document.path,
                found.line if found else 1,
                f"required section {title!r} is missing",
                expected=f'heading "## {title}"',
                found=f'heading "{"#" * found.level} {found.text}"'
                if found
                else f"{len(page.headings)} other headings",
                fix="rename the heading back" if found else "nox -s process -- --fix   (adds the section to fill in)",
            )


@check("PRC003", "no required section stands twice")
def repeated_sections(project: Project) -> Iterator[Finding]:
    """Two sections with one name leave it open which of them holds."""
    for document, page in documented(project):
        seen: dict[str, int] = {}
        for heading in page.headings:
            if heading.text in document.sections and heading.text in seen:
                yield Finding(
                    document.path,
                    heading.line,
                    f"section {heading.text!r} stands twice",
                    expected="one section of this name",
                    found=f"another on line {seen[heading.text]}",
                    fix="merge the two",
                )
            seen.setdefault(heading.text, heading.line)


@check("PRC004", "the front matter of every required page is there and typed")
def front_matter(project: Project) -> Iterator[Finding]:
    """Owner, reviewers, status, last_reviewed and review_in_days stand at the top, each of its kind."""
    for document, page in documented(project):
        if page.front is None:
            expected = ", ".join(FRONT_MATTER)
            yield Finding(document.path, 1, f"the front matter cannot be read: {page.front_error}", expected=expected)
            continue
        for key in FRONT_MATTER:
            if key not in page.front:
                yield Finding(document.path, 1, f"front matter lacks {key!r}", expected=_kind(key), fix=f"add `{key}:`")
            elif not _well_typed(key, page.front[key]):
                line = page.front_lines.get(key, 1)
                found = str(page.front[key])
                yield Finding(document.path, line, f"{key!r} is not what it must be", expected=_kind(key), found=found)


def _kind(key: str) -> str:
    kinds = {
        "owner": "a role or a person of team.toml",
        "reviewers": "a list of roles or people of team.toml",
        "status": " or ".join(STATUSES),
        "last_reviewed": f"a day such as 2026-01-31, or {NEVER}",
        "review_in_days": "a whole number of days, 1 or more",
    }
    return kinds[key]


def _well_typed(key: str, value: object) -> bool:
    if key == "reviewers":
        return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
    if key == "last_reviewed":
        return value == NEVER or (isinstance(value, dt.date) and not isinstance(value, dt.datetime))
    if key == "review_in_days":
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    if key == "status":
        return value in STATUSES
    return isinstance(value, str) and bool(value)


@check("PRC005", "team.toml and front matter say nothing that nobody reads")
def unknown_fields(project: Project) -> Iterator[Finding]:
    """A misspelt key is an answer that nobody hears."""
    for document, page in documented(project):
        for key in page.front or {}:
            if key not in FRONT_MATTER + DECISION_KEYS:
                fix = did_you_mean(str(key), FRONT_MATTER)
                yield Finding(document.path, page.front_lines.get(str(key), 1), f"unknown field {key!r}", fix=fix)
    team = project.team
    stage = team.raw.get("stage")
    if stage not in STAGES:
        line, fix = team.line_of("stage"), did_you_mean(str(stage), STAGES)
        yield Finding("team.toml", line, f"there is no stage {stage!r}", expected=" or ".join(STAGES), fix=fix)
    for keys, known in _team_keys(team.raw):
        if keys[-1] not in known:
            fix = did_you_mean(keys[-1], known)
            yield Finding("team.toml", team.line_of(*keys), f"unknown key {'.'.join(keys)!r}", fix=fix)


def _team_keys(raw: dict[str, object]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every key of team.toml as its path, with what may stand there."""
    yield from (((key,), KEYS) for key in raw)
    yield from ((("roles", role), ROLES) for role in table(raw.get("roles")))
    yield from ((("escalation", severity), SEVERITIES) for severity in table(raw.get("escalation")))
    for severity, entry in table(raw.get("escalation")).items():
        yield from ((("escalation", severity, key), ESCALATION_KEYS) for key in table(entry))
    for person, entry in table(raw.get("people")).items():
        yield from ((("people", person, key), PERSON_KEYS) for key in table(entry))


@check("PRC006", "pages are UTF-8 and hide nothing")
def readable(project: Project) -> Iterator[Finding]:
    """A page that cannot be read proves nothing, and an invisible character makes two names of one."""
    for path, reason in project.broken.items():
        yield Finding(path, 1, "the file is not UTF-8 text", found=reason, fix="save it as UTF-8")
    for path, page in project.pages.items():
        if page.text.isascii():
            continue
        for number, line in enumerate(page.lines, start=1):
            for column, character in enumerate("" if line.isascii() else line, start=1):
                if ord(character) in INVISIBLE:
                    name = unicodedata.name(character, "unnamed")
                    found = f"U+{ord(character):04X} {name}"
                    yield Finding(path, number, "an invisible character", column=column, found=found, fix="delete it")


@check("PRC007", "each question is answered exactly once, in its exact words")
def questions(project: Project) -> Iterator[Finding]:
    """Set equality between process/questions.toml and the third-level headings of PROCESS.md."""
    page = project.pages.get(PROCESS)
    if page is None:
        return
    wanted = [q.text for q in project.questions]
    headings = [h for h in page.headings if h.level == 3]  # noqa: PLR2004
    asked = [h.text for h in headings]
    for question in project.questions:
        if question.text in asked:
            continue
        near = nearest(question.text, [text for text in asked if text not in wanted])
        line = next((h.line for h in page.headings if h.text in (near, question.text)), 1)
        yield Finding(
            PROCESS,
            line,
            f"the question {question.text!r} has no answer",
            expected=f'heading "### {question.text}"',
            found=f'heading "{near}"' if near else f"{len(asked)} questions",
            fix="rename the heading back" if near else "nox -s process -- --fix   (adds it, to be answered)",
            owner=question.role,
        )
    for index, heading in enumerate(headings):
        if heading.text in wanted and heading.text in asked[:index]:
            first = headings[asked.index(heading.text)].line
            text = f"the question {heading.text!r} is answered twice"
            yield Finding(PROCESS, heading.line, text, found=f"first on line {first}", fix="merge the two")


def documented(project: Project) -> Iterator[tuple[Document, Page]]:
    """The required pages that exist and can be read."""
    for document in project.documents:
        if document.path in project.pages:
            yield document, project.pages[document.path]


def nearest(title: str, candidates: list[str]) -> str:
    """The candidate that is the same words differently spelt, or empty."""
    import difflib

    by_lower = {c.lower(): c for c in candidates}
    near = difflib.get_close_matches(title.lower(), by_lower, n=1, cutoff=0.75)
    return by_lower[near[0]] if near else ""
