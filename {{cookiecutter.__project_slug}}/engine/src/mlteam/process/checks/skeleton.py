"""Writes what a machine can write: generated blocks, CODEOWNERS, and skeletons of what is missing, never over prose."""

from pathlib import Path

from mlteam.process.checks.cards import refreshed
from mlteam.process.checks.content import answers
from mlteam.process.checks.markdown import parse
from mlteam.process.checks.owners import CODEOWNERS
from mlteam.process.checks.page import OPEN, Page
from mlteam.process.checks.project import Document, Project, Question
from mlteam.process.checks.structure import PROCESS, documented, nearest

MARKS = ("# generated: owners\n", "# end generated\n")


def fix(root: Path) -> list[str]:
    """Bring the repository's generated parts up to date; what changed, one line each."""
    changed = [f"wrote {path}" for path in _missing_pages(Project(root))]
    changed += [f"wrote {path}" for path in _missing_sections(Project(root))]
    project = Project(root)
    for path, page in project.pages.items():
        if page.generated and save(root / path, refreshed(page.text, project)):
            changed.append(f"refreshed {path}")
    if save(root / CODEOWNERS, code_owners(project)):
        changed.append(f"refreshed {CODEOWNERS}")
    return changed


def save(path: Path, text: str) -> bool:
    """Write a text with the line ends that the file has; whether that changed it."""
    before = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    if before.replace("\r\n", "\n") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\r\n" if "\r\n" in before else "\n")
    return True


def _missing_pages(project: Project) -> list[str]:
    missing = [d for d in project.documents if not project.exists(d.path)]
    for document in missing:
        save(project.root / document.path, skeleton(document))
    return [document.path for document in missing]


def _missing_sections(project: Project) -> list[str]:
    """Add absent sections at the end of their page, unless one stands there under a name that looks misspelt."""
    written = []
    for document, page in documented(project):
        present = [heading.text for heading in page.headings]
        absent = [t for t in document.sections if t not in present and not nearest(t, present)]
        text = page.text + "".join(f"\n{part(document, title)}" for title in absent)
        if document.path == PROCESS:
            text = _with_questions(project, page, text)
        if save(project.root / document.path, text):
            written.append(document.path)
    return written


def _with_questions(project: Project, page: Page, text: str) -> str:
    """The page with an open answer for each question that has none, under its group."""
    answered = {question.text for question, _ in answers(project)}
    others = [heading.text for heading in page.headings]
    for question in project.questions:
        if question.text in answered or nearest(question.text, others):
            continue
        lines = text.rstrip("\n").split("\n")
        lines[_end_of_group(text, question) : 0] = ["", *open_answer(question).rstrip("\n").split("\n")]
        text = "\n".join(lines) + "\n"
    return text


def _end_of_group(text: str, question: Question) -> int:
    """The number of lines before the end of the question's group, or of the page where there is no such group."""
    headings = parse(text).headings
    group = next((i for i, h in enumerate(headings) if h.text == question.group), None)
    after = [h.line for h in headings[group + 1 :] if h.level <= headings[group].level] if group is not None else []
    return after[0] - 2 if after else len(text.rstrip("\n").split("\n"))


def open_answer(question: Question) -> str:
    """A question with its answer as an open item."""
    needs = ", ".join(question.needs)
    owner = question.role.replace("_", " ")
    return f"### {question.text}\n\n**{OPEN}** answer with {needs}.\n\n- **Owner:** {owner}\n"


def skeleton(document: Document) -> str:
    """A page as it is before anybody has answered anything."""
    front = (
        f"---\nowner: {document.role}\nreviewers: [engineering_manager]\nstatus: draft\n"
        "last_reviewed: never\nreview_in_days: 180\n---\n"
    )
    return "\n".join([f"{front}# {document.title}\n", *(part(document, title) for title in document.sections)])


def part(document: Document, title: str) -> str:
    """A section with its guidance, its generated block if it has one, and its prompt if it needs a person."""
    section = document.sections[title]
    lines = [f"## {title}", "", f"<!-- A good answer has: {section['has']}. -->", ""]
    if "block" in section:
        lines += [f"<!-- generated: {section['block']} -->", "<!-- end generated -->", ""]
    else:
        lines += [f"**{OPEN}** {section['has'][0].upper()}{section['has'][1:]}?", ""]
    return "\n".join(lines)


def code_owners(project: Project) -> str:
    """CODEOWNERS with its generated lines as they must be; what the team added below them stays."""
    text = project.text(CODEOWNERS).replace("\r\n", "\n") if project.exists(CODEOWNERS) else "".join(MARKS)
    before, first, rest = text.partition(MARKS[0])
    if not first:
        before, rest = "", "".join(MARKS) + text
        rest = rest.partition(MARKS[0])[2]
    _, last, after = rest.partition(MARKS[1])
    rules = [(f"/{area}", role) for area, role in project.areas.items() if project.exists(area.strip("/"))]
    rules += [(f"/{document.path}", project.owner(document.path)) for document in project.documents]
    lines = [f"{pattern} {_handles(project, role)}".rstrip() for pattern, role in rules]
    everything = f"* {_handles(project, 'engineering_manager')}".rstrip()
    return before + MARKS[0] + "\n".join([everything, *lines]) + "\n" + (last or MARKS[1]) + after


def _handles(project: Project, owner: str) -> str:
    """The people behind an owner, as CODEOWNERS names them."""
    holders = project.team.holders(owner) or [p for p in [project.team.resolve(owner)] if p]
    return " ".join(person.code_owner for person in holders if not person.left)
