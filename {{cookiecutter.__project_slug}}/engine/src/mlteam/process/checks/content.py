"""Checks of what stands in a section: an answer, not a placeholder, not a copy, with the evidence it needs."""

import datetime as dt
import re
from collections.abc import Iterator
from functools import cache

from mlteam.process.checks.findings import Finding, check
from mlteam.process.checks.page import OPEN, Block, Page, Section
from mlteam.process.checks.project import Project, Question
from mlteam.process.checks.structure import PROCESS, documented

MARKERS = re.compile(r"\b(TODO|TBD|TBA|FIXME|XXX+)\b")
STARTS = re.compile(
    r"(todo|tbd|tba|fixme|lorem ipsum|wip\b|coming soon|to be (done|written|defined|determined|decided|announced)"
    r"|fill (this |me )?in\b|placeholder\b|à (compléter|définir|faire)|a (completar|definir)|por (definir|hacer)"
    r"|da (completare|definire)|noch (offen|zu)|zu ergänzen|wird (noch )?ergänzt|nog in te vullen|待定|未定|要記入)",
    re.IGNORECASE,
)
WHOLE = re.compile(
    r"(\.{2,}|…|\?+|<[^<>]*>|\{[^{}]*\}|\[[^\[\]]*\]|(same )?(as|see) (above|below)|ditto|none yet|pending"
    r"|unknown)\.?",
    re.IGNORECASE,
)
BRACKETS = re.compile(
    r"[<\[{](your|insert|describe|name of|fill|enter|add|todo|tbd|link to)\b[^>\]}]*[>\]}]", re.IGNORECASE
)
NOT_APPLICABLE = re.compile(r"(n\s*/?\s*a|not applicable)\b", re.IGNORECASE)
BECAUSE = re.compile(
    r"not applicable,? because:?\s+(?P<why>\S.{9,}?)\s+\((?P<owner>[^(),]+), (?P<date>\d{4}-\d{2}-\d{2})\)\.?",
    re.IGNORECASE | re.DOTALL,
)
GUIDANCE_SHARE, COPY_SHARE, SHINGLE = 0.8, 0.9, 3
COPY_WORDS = 20


def answers(project: Project) -> Iterator[tuple[Question, Section]]:
    """Each question with its first answer in PROCESS.md."""
    page = project.pages.get(PROCESS)
    for question in project.questions:
        found = page.named(question.text) if page else []
        if found:
            yield question, found[0]


def required(project: Project) -> Iterator[tuple[str, Page, Section, str, str]]:
    """Each required section and answer: path, page, section, the stage at which it must be filled, its owner."""
    for document, page in documented(project):
        for section in page.sections:
            wanted = document.sections.get(section.heading.text)
            if wanted is not None:
                stage = wanted.get("blocks", "shadow")
                yield document.path, page, section, stage, project.owner(document.path)
    for question, section in answers(project):
        yield PROCESS, project.pages[PROCESS], section, question.blocks, question.role


@check("PRC010", "no required section is empty")
def empty_sections(project: Project) -> Iterator[Finding]:
    """Headings, comments and generator marks are no answer."""
    for path, _, section, _, owner in required(project):
        if not section.substance:
            text = f"section {section.heading.text!r} is empty"
            fix = f"write the answer, or `**{OPEN}** what is missing` to keep it as an open item"
            yield Finding(path, section.heading.line, text, expected="an answer", fix=fix, owner=owner)


@check("PRC011", "no placeholder stands for an answer")
def placeholders(project: Project) -> Iterator[Finding]:
    """Words that promise an answer are not one; what is open says so as an open item."""
    for document, page in documented(project):
        for block in page.blocks:
            word = "" if block.kind == "fence" or block.generated else placeholder(block)
            if word:
                text = f"placeholder {word!r}{_under(page, block)}"
                fix = f"write the answer, or `**{OPEN}** what is missing`, or `Not applicable because: …`"
                yield Finding(document.path, block.line, text, found=block.text.split("\n")[0][:80], fix=fix)


def placeholder(block: Block) -> str:
    """The words of a block that stand for an answer that is not there, or empty."""
    if block.label == OPEN:
        return "" if len(block.answer.split()) > 1 else block.text
    answer = block.plain.removeprefix(block.label).strip(" *_:")
    for pattern in (STARTS, WHOLE):
        found = pattern.match(answer) if pattern is STARTS else pattern.fullmatch(answer)
        if found and not (answer != block.text.strip(" *_:") and not answer):
            return found[0]
    anywhere = MARKERS.search(block.plain) or BRACKETS.search(block.plain)
    return anywhere[0] if anywhere else ""


def _under(page: Page, block: Block) -> str:
    above = [h.text for h in page.headings if h.line <= block.line]
    return f" under {above[-1]!r}" if above else ""


@check("PRC012", "no answer is the guidance that came with the section")
def guidance_kept(project: Project) -> Iterator[Finding]:
    """Four fifths of the guidance's word triples in the answer are too many to be one's own words."""
    for document, page in documented(project):
        for section in page.sections:
            hint = document.sections.get(section.heading.text, {}).get("has", "")
            wanted = shingles(hint)
            if wanted and len(wanted & shingles(section.prose)) >= GUIDANCE_SHARE * len(wanted):
                text = f"section {section.heading.text!r} repeats its guidance"
                fix = "answer in the project's own words and numbers"
                yield Finding(document.path, section.heading.line, text, found=hint, fix=fix)


@check("PRC013", "no answer is a copy of another")
def copies(project: Project) -> Iterator[Finding]:
    """Two sections that share nine tenths of their word triples: one of them is not about its title."""
    index: dict[str, list[int]] = {}
    seen: list[tuple[str, Section, frozenset[str]]] = []
    for path, _, section, _, owner in required(project):
        words = shingles("\n".join(b.text for b in section.blocks if b.label != OPEN and not b.generated))
        if len(words) < COPY_WORDS:
            continue
        # Sets that share nine tenths share one of the first tenth in any common order, so only those are compared.
        head = sorted(words)[: len(words) - int(COPY_SHARE * len(words)) + 1]
        for other in sorted({number for word in head for number in index.get(word, ())}):
            other_path, other_section, other_words = seen[other]
            if len(words & other_words) >= COPY_SHARE * len(words | other_words):
                text = f"section {section.heading.text!r} is a copy of {other_section.heading.text!r}"
                found = f"{other_path}:{other_section.heading.line}"
                yield Finding(path, section.heading.line, text, found=found, fix="answer each, or link", owner=owner)
                break
        for word in head:
            index.setdefault(word, []).append(len(seen))
        seen.append((path, section, words))


@cache
def shingles(text: str) -> frozenset[str]:
    """The runs of three words in a text, in lower case, without punctuation."""
    words = re.findall(r"\w+", text.lower())
    return frozenset(" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1))


@check("PRC014", "an answer has the evidence that its question asks for")
def evidence(project: Project) -> Iterator[Finding]:
    """A command, a place, what to expect and an owner, as process/questions.toml lists for each question."""
    forms = {
        "owner": "a line `**Owner:** role`",
        "run": "a command: a fenced `sh` block or `nox -s …`",
        "where": "a line `**Where:**` with a link or a path",
        "expect": "a line `**Expect:**` that says what happens",
    }
    for question, section in answers(project):
        needs = ("owner",) if section.open_items else question.needs
        for need in needs:
            if not _has(section, need):
                text = f"the answer to {question.text!r} lacks its {need!r} line"
                fix = "add it to the answer"
                yield Finding(PROCESS, section.heading.line, text, expected=forms[need], fix=fix, owner=question.role)


def _has(section: Section, need: str) -> bool:
    if need == "run":
        return any(f.language == "sh" for f in section.fences) or any(s.text.startswith("nox ") for s in section.spans)
    block = section.labelled(f"{need.capitalize()}:")
    if block is None or not block.answer:
        return False
    return need != "where" or any(s.line >= block.line for s in (*section.spans, *section.links))


@check("PRC015", "what does not apply says why, who says so, and when")
def not_applicable(project: Project) -> Iterator[Finding]:
    """A bare "n/a" is a question that nobody asked."""
    for document, page in documented(project):
        for block in page.blocks:
            if block.generated or block.kind == "fence" or not NOT_APPLICABLE.match(block.answer):
                continue
            said = BECAUSE.fullmatch(block.answer)
            if said is None or project.team.resolve(said["owner"]) is None or not _is_day(said["date"]):
                text = f"not applicable without a reason, an owner and a date{_under(page, block)}"
                expected = "Not applicable because: the reason (role or person, 2026-01-31)"
                yield Finding(document.path, block.line, text, expected=expected, found=block.text.split("\n")[0][:80])


def _is_day(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text) <= dt.date.today()
    except ValueError:
        return False


@check("PRC016", "no open item is left", blocks="shadow")
def open_items(project: Project) -> Iterator[Finding]:
    """What only the team can know is open while the project is a prototype, and must be answered after it."""
    for path, _, section, stage, owner in required(project):
        for item in section.open_items:
            text = f"open under {section.heading.text!r}: {' '.join(item.answer.split())}"
            yield Finding(path, item.line, text, fix="answer it in its place", owner=owner, blocks=stage)


@check("PRC017", "an answer names its command as soon as there is one")
def closable(project: Project) -> Iterator[Finding]:
    """A question that waited for a command must not wait longer than the command."""
    for question, section in answers(project):
        if question.session not in project.sessions:
            continue
        named = re.compile(rf"nox -s (\S+ )*{re.escape(question.session)}(?![\w-])")
        code = [*(f.content for f in section.fences), *(s.text for s in section.spans)]
        if section.open_items or not any(named.search(text) for text in code):
            text = f"the answer to {question.text!r} does not name `nox -s {question.session}`"
            line = project.sessions[question.session][1]
            found = "an open item" if section.open_items else "other commands"
            expected = f"the command, which is there (noxfile.py:{line})"
            fix = "answer with the command"
            yield Finding(
                PROCESS, section.heading.line, text, expected=expected, found=found, fix=fix, owner=question.role
            )
