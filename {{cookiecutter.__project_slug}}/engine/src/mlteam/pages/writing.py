"""Writes generated blocks, CODEOWNERS, and skeletons of missing and new pages; never changes prose."""

import datetime as dt
import re
from pathlib import Path

from mlteam.core.errors import ProjectError
from mlteam.pages.codeowners import FILE as CODEOWNERS
from mlteam.pages.codeowners import build_code_owners
from mlteam.pages.generated import refresh_blocks
from mlteam.pages.records import build_decision, build_postmortem
from mlteam.repository.broken_files import find_broken_files
from mlteam.repository.documents import find_renamed, find_renamed_question, list_documents
from mlteam.repository.markdown import parse_page
from mlteam.repository.page import Page
from mlteam.repository.project import PROCESS, Project
from mlteam.repository.settings import FILE as SETTINGS
from mlteam.repository.settings import Document, Question, Section
from mlteam.repository.suggestions import suggest

NEW_KINDS = ("decision", "design", "page", "postmortem", "question")
RECORDS = {"decision": build_decision, "postmortem": build_postmortem}


def fix_project(root: Path) -> list[str]:
    """Bring everything generated up to date and add what is missing; return one line for each change."""
    project = Project(root)
    changes = [f"wrote {document.path}" for document in _write_missing_pages(project)]
    project = Project(root)
    for document, page in list_documents(project):
        if save_text(root / document.path, _add_missing_parts(project, document, page)):
            changes.append(f"completed {document.path}")
    return changes + refresh_pages(root)


def refresh_pages(root: Path) -> list[str]:
    """Bring the generated blocks and CODEOWNERS up to date; return one line for each change.

    While a file that they are made of is broken, the blocks stay as they are.
    """
    project = Project(root)
    pages = {} if find_broken_files(project) else project.pages
    texts = {path: refresh_blocks(page.text, project) for path, page in pages.items() if page.generated}
    owners = build_code_owners(project)
    texts |= {} if CODEOWNERS in project.undecodable else {CODEOWNERS: owners}
    return [f"refreshed {path}" for path, text in texts.items() if save_text(root / path, text)]


def save_text(path: Path, text: str) -> bool:
    """Write a text with the line ends that the file has; return whether the file has changed."""
    before = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    if before.replace("\r\n", "\n") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\r\n" if "\r\n" in before else "\n")
    return True


def _write_missing_pages(project: Project) -> list[Document]:
    missing = [d for d in project.documents if not project.exists(d.path) and "*" not in d.path]
    for document in missing:
        sections = [build_section(section) for section in document.sections.values()]
        page = "\n".join([build_front_matter(document.owner), f"# {document.title}\n", *sections])
        save_text(project.root / document.path, page)
    return missing


def _add_missing_parts(project: Project, document: Document, page: Page) -> str:
    """Add front matter, sections and questions that are missing, unless they are there under another name."""
    text = page.text
    if document.kind == "record":
        return text
    if document.kind != "readme" and page.front is None and page.front_error.startswith("no "):
        text = f"{build_front_matter(document.owner)}{text}"
    titles = list(document.sections)
    for index, title in enumerate(titles):
        headings = parse_page(text).headings
        if not any(h.text == title for h in headings) and not find_renamed(headings, 2, titles, title):
            following = [h.line for h in headings if h.level == 2 and h.text in titles[index + 1 :]]  # noqa: PLR2004
            text = _insert(text, min(following, default=0), build_section(document.sections[title]))
    return _add_questions(project, text) if document.path == PROCESS else text


def _add_questions(project: Project, text: str) -> str:
    texts = [question.text for question in project.settings.questions]
    for question in project.settings.questions:
        page = parse_page(text)
        if page.find_section(question.text, 3) or find_renamed_question(page, texts, question):
            continue
        group = page.find_section(question.group, 2)
        added = build_question(question, project.team.get_title(question.owner))
        text = _insert(text, group.end if group and group.end <= len(page.lines) else 0, added)
    return text


def _insert(text: str, line: int, part: str) -> str:
    """Insert a part before a line, or at the end if the line is 0."""
    lines = text.rstrip("\n").split("\n")
    if not line:
        return "\n".join(lines) + f"\n\n{part.rstrip()}\n"
    return "\n".join([*lines[: line - 1], *part.rstrip().split("\n"), "", *lines[line - 1 :]]) + "\n"


def build_front_matter(owner: str) -> str:
    """Return the front matter of a page that nobody has reviewed."""
    return (
        f"---\nowner: {owner}\nreviewers: [engineering_manager]\nstatus: draft\n"
        "last_reviewed: never\nreview_in_days: 180\n---\n"
    )


def build_section(section: Section) -> str:
    """Return a section that nobody has answered: its hint, and its generated block or an open item."""
    lines = [f"## {section.title}", ""]
    if section.block:
        lines += [f"<!-- generated: {section.block} -->", "<!-- end generated -->", ""]
    if not section.block or section.open:
        hint = f" A good answer contains: {section.has}." if section.has else ""
        lines += [f"**Open:** to be written.{hint}", ""]
    if section.columns:
        lines += [f"| {' | '.join(section.columns)} |", f"|{' --- |' * len(section.columns)}", ""]
    return "\n".join(lines)


def build_question(question: Question, owner: str) -> str:
    """Return a question with an open answer."""
    return f"### {question.text}\n\n**Open:** answer with {', '.join(question.needs)}.\n\n- **Owner:** {owner}\n"


def create_page(root: Path, kind: str, title: str) -> list[str]:
    """Create a decision, a design document, a page, a postmortem or a question.

    Args:
        root: The repository.
        kind: One of `NEW_KINDS`.
        title: The title, or the text of the question.

    Returns:
        One line for each change.

    Raises:
        ProjectError: The kind is unknown, the title is empty, or the page exists already.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    if kind not in NEW_KINDS or not slug:
        raise ProjectError(f"--new {kind} {title!r}", fix=suggest(kind, NEW_KINDS) if slug else "add a title")
    if kind == "question":
        return _create_question(root, title)
    today, numbers = dt.date.today(), [int(p.name[:4]) for p in (root / "docs/decisions").glob("[0-9]*.md")]
    paths = {
        "decision": f"docs/decisions/{max(numbers, default=0) + 1:04}-{slug}.md",
        "design": f"docs/design-{slug}.md",
        "page": f"docs/{slug}.md",
        "postmortem": f"docs/postmortems/{today}-{slug}.md",
    }
    path = paths[kind]
    if (root / path).exists():
        raise ProjectError("the page exists already", where=path, fix="choose another title")
    project = Project(root)
    if kind in RECORDS:
        text = RECORDS[kind](title, today)
    else:
        designs = [d for d in project.documents if d.name == "docs/design.md" and kind == "design"]
        sections = [s for d in designs for s in d.sections.values() if not s.block]
        front = build_front_matter("engineering_manager")
        text = "\n".join([front, f"# {title}\n", *(build_section(section) for section in sections)])
    save_text(root / path, text)
    return [f"wrote {path}", *refresh_pages(root)]


def _create_question(root: Path, text: str) -> list[str]:
    """Add a question to process.toml and its open answer to PROCESS.md."""
    project = Project(root)
    if any(question.text == text for question in project.settings.questions):
        raise ProjectError("the question exists already", where=PROCESS)
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    entry = f'\n[questions."{quoted}"]\ngroup = "People"\nowner = "engineering_manager"\nneeds = ["owner", "where"]\n'
    before = project.read(SETTINGS)
    (root / SETTINGS).write_text(before.rstrip("\n") + "\n" + entry, encoding="utf-8", newline="\n")
    return [f"added it to {SETTINGS}", *fix_project(root)]
