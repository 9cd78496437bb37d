"""Checks of answers: filled in, with evidence, and neither open nor missing without need."""

import re
from collections.abc import Iterator

from mlteam.process.checks.registry import check
from mlteam.process.findings import WARNING, Finding
from mlteam.repository.documents import list_answers, list_documents
from mlteam.repository.page import OPEN, Block, Page, Section
from mlteam.repository.project import PROCESS, Project
from mlteam.repository.suggestions import suggest
from mlteam.repository.team import STAGES

PLACEHOLDER = re.compile(
    r"(?:todo|tbd|tba|fixme)\b|lorem ipsum|(?:to be|not yet) (?:done|written|defined|decided)\b", re.I
)
ALONE = re.compile(r"\.{2,}|…|\?+|-+|<[^<>]*>|\[[^\[\]]*\]|(?:(?:same )?as|see) (?:above|below)\.?|n\s*/?\s*a\.?", re.I)
MISSING = re.compile(
    r"\bdo(?:es)? not exist\b|\bnot (?:yet )?(?:implemented|supported|available)\b"
    r"|\b(?:there (?:is|are) no|is not|are not|was not|cannot|no)\b[^.;:\n]{0,60}\byet\b",
    re.I,
)
# A condition states nothing: "if you have no table yet".
CONDITION = re.compile(r"\b(?:if|unless|until|when|where|while|whether|as long as)\b[^.;:]*$", re.I)
FIX_EMPTY = "write the answer, or `**Open:** what is missing`"
EVIDENCE = {
    "owner": "a line `**Owner:** role`",
    "run": "a command: a fenced `sh` block or `nox -s …`",
    "where": "a line `**Where:**` with a link or a path",
    "expect": "a line `**Expect:**` that says what happens",
}


def list_required(project: Project) -> Iterator[tuple[str, Page, Section, str, str]]:
    """Yield each required section and answer: path, page, section, stage at which it must be filled in, owner."""
    for document, page in list_documents(project):
        for section in page.sections:
            wanted = document.sections.get(section.heading.text)
            if wanted is not None:
                yield document.path, page, section, wanted.needed_at, project.find_owner(document.path)
    for question, section in list_answers(project):
        yield PROCESS, project.pages[PROCESS], section, question.needed_at, question.owner


@check("PRC010", "no required section is empty")
def check_empty_sections(project: Project) -> Iterator[Finding]:
    """Look for sections with nothing but headings, comments and generator marks."""
    for path, _, section, _, owner in list_required(project):
        if not section.blocks:
            message = f"section {section.heading.text!r} is empty"
            yield Finding(path, section.heading.line, message, fix=FIX_EMPTY, owner=owner)


@check("PRC011", "no placeholder replaces an answer")
def check_placeholders(project: Project) -> Iterator[Finding]:
    """Look for paragraphs that begin with a marker, and for sections that consist of nothing else."""
    for document, page in list_documents(project):
        alone = {s.blocks[0] for s in page.sections if len(s.blocks) == 1 and s.heading.text in document.sections}
        alone |= {s.blocks[0] for q, s in list_answers(project) if document.path == PROCESS and len(s.blocks) == 1}
        for block in page.blocks:
            words = _find_placeholder(block, alone=block in alone)
            if words and not page.lines[block.line - 1].lstrip().startswith("|"):
                message, allow = f"placeholder {words!r}", ("phrases", words)
                yield Finding(document.path, block.line, message, fix=FIX_EMPTY, allow=allow)


def _find_placeholder(block: Block, *, alone: bool) -> str:
    text = block.answer.strip(" *_:")
    if block.is_open:
        return block.text if len(text.split()) < 2 else ""  # noqa: PLR2004
    match = PLACEHOLDER.match(text) or (ALONE.fullmatch(text) if alone else None)
    return match[0] if match and block.prose else ""


@check("PRC014", "an answer has the evidence that its question needs")
def check_evidence(project: Project) -> Iterator[Finding]:
    """Look for the owner, the command, the place and the expectation that each question lists; the last two warn."""
    for question, section in list_answers(project):
        for need in ("owner",) if section.open_items else question.needs:
            if not _has_evidence(section, need):
                message, expected = f"the answer to {question.text!r} has no {need!r} line", EVIDENCE[need]
                blocks, owner = WARNING if need in ("where", "expect") else "", question.owner
                relax, line = f'ask for less: [questions."{question.text}"] needs = ["owner"]', section.heading.line
                yield Finding(PROCESS, line, message, expected=expected, owner=owner, blocks=blocks, relax=relax)


def _has_evidence(section: Section, need: str) -> bool:
    if need == "run":
        return any(f.commands for f in section.fences) or any(s.text.startswith("nox ") for s in section.spans)
    block = section.find_labelled(f"{need.capitalize()}:")
    return bool(block and block.answer)


@check("PRC016", "no open item is left at its stage", blocks="pilot")
def check_open_items(project: Project) -> Iterator[Finding]:
    """List the open items; `**Open (production):**` names the stage that needs the answer."""
    for path, _, section, stage, owner in list_required(project):
        for item in section.open_items:
            named = OPEN.fullmatch(item.label)
            needed_at = (named["stage"] if named else "") or stage
            if needed_at not in STAGES:
                message, fix = f"no such stage: {needed_at!r}", suggest(needed_at, STAGES)
                yield Finding(path, item.line, message, fix=fix, blocks="prototype")
                continue
            message = f"open in {section.heading.text!r}: {' '.join(item.answer.split())}"
            relax = 'ask for it later: "**Open (production):**" in the page, or needed_at'
            yield Finding(path, item.line, message, fix="answer it", owner=owner, blocks=needed_at, relax=relax)


@check("PRC017", "nothing is called open or missing that exists")
def check_closable(project: Project) -> Iterator[Finding]:
    """Compare open items, and sentences about what is missing, with the sessions and files that exist by now."""
    for question, section in list_answers(project):
        named = re.compile(rf"nox -s (\S+ )*{re.escape(question.session)}(?![\w-])")
        code = [*(f.content for f in section.fences), *(s.text for s in section.spans)]
        if question.session in project.sessions and (section.open_items or not any(map(named.search, code))):
            message = f"the answer to {question.text!r} does not name `nox -s {question.session}`, which exists"
            fix = "answer with the command"
            yield Finding(PROCESS, section.heading.line, message, fix=fix, owner=question.owner)
    for path, page in project.reference_pages.items():
        for block in page.blocks:
            missing = MISSING.search(block.prose)
            if missing and CONDITION.search(block.prose[: missing.start()]):
                missing = None
            if not block.is_open and not missing:
                continue
            spans = [s.text for s in page.spans if block.line <= s.line <= block.line + block.text.count("\n")]
            for text in spans if block.is_open else ():
                if text.removeprefix("nox -s ") in project.sessions or project.exists(text):
                    message = f"open item names {text!r}, which exists"
                    yield Finding(path, block.line, message, fix="answer it", allow=("phrases", text))
            if missing and not (block.is_open and spans):
                fix = "write `**Open:**` with the name of what is missing in code marks, or delete the sentence"
                message = f"{missing[0]!r} cannot be checked"
                yield Finding(path, block.line, message, fix=fix, allow=("phrases", missing[0]))
