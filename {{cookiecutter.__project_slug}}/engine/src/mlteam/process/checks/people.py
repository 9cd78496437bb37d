"""Checks of people: owners exist, roles are held, nobody is evaluated in the repository or by a model's metric."""

import datetime as dt
import re
from collections.abc import Iterator

from mlteam.pages.codeowners import FILE as CODEOWNERS
from mlteam.pages.codeowners import build_code_owners
from mlteam.process.checks.registry import check
from mlteam.process.findings import WARNING, Finding
from mlteam.repository.documents import list_answers
from mlteam.repository.owners import list_owners
from mlteam.repository.page import Page
from mlteam.repository.project import PROCESS, Project
from mlteam.repository.settings import FILE as SETTINGS
from mlteam.repository.suggestions import suggest
from mlteam.repository.team import FILE as TEAM
from mlteam.repository.team import TITLES

RESERVED = re.compile(r"@(.+\.)?(example(\.(com|org|net))?|invalid|test|localhost)$", re.IGNORECASE)
EXPECTATIONS = "docs/performance-expectations.md"
# The words of a form, whatever a team calls its fields, and of an evaluation of a person.
FIELDS = {
    "person": r"name|employee|person|engineer|team member|report of|role",
    "period": r"period|half|quarter|year|cycle|date",
    "rating": r"rating|score|grade|level|overall|assessment|result",
    "text": r"expectations?|achievements?|strengths?|growth|next steps|evidence|outcome|collaboration|operations"
    r"|technical quality|documentation|discipline|feedback|goals",
    "approver": r"approver|manager|reviewer|signed|calibrat\w+",
}
FIELD = re.compile(
    rf"^[ \t>*_#|-]*(?P<label>(?:\w+[ /-]){{0,2}}(?:{'|'.join(FIELDS.values())})\b[^:|\n]{{0,50}})(?::|\|)[ \t*_]*"
    r"(?P<value>[^\s|*_:-][^|\n]*)\|?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
# Without one of these words, a page is not read any further.
SUSPICIOUS = re.compile(r"expectation|rated|rating|perform|evaluation|review of|appraisal|assessment|calibration")
EVALUATIVE = re.compile(r"\b(?:performance|evaluation|review of|appraisal|assessment)\b", re.IGNORECASE)
VERDICT = re.compile(
    r"\b(?:exceed(?:s|ed)?|meets?|met|below|above|miss(?:es|ed)?|fell short of)"
    r" (?:all |most |the |our )?expectations?\b"
    r"|\brat(?:ed|ing)\W{0,3}(?:is |as |of )?(?:\d|[A-E]\b|excellent|good|poor|strong|weak|outstanding)"
    r"|\b(?:under|out|top|low)[- ]?perform(?:s|ed|er|ing)\b|\bperformance improvement plan\b",
    re.I,
)
RATED = re.compile(
    r"\b(?:rat(?:e|es|ed|ing|ings)|scor(?:e|es|ed|ing)|grad(?:e|es|ed|ing)|expectations?|bonus\w*|promot\w+|salar\w+|raise"
    r"|evaluat\w+|apprais\w+|reward\w*|perform(?:s|ed|er|ers)|judged|measured by|counts?)\b",
    re.I,
)
METRIC_WORDS = (
    r"auc|roc|accuracy|precision|recall|f1|log[- ]?loss|rmse|mae|r2|brier|lift"
    r"|model(?:'s)? (?:metric|score|quality|performance)"
)
NEGATED = r"\b(?:no|not|never|nothing|neither|nor|without|whatever|regardless|independent|apart from|refuse[sd]?)\b"


@check("PRC020", "every owner is a role or a person in team.toml")
def check_owners(project: Project) -> Iterator[Finding]:
    """Look up owners, reviewers and escalation roles; compare **Owner:** with the question's role."""
    team = project.team
    for path, line, owner in sorted(set(list_owners(project))):
        if owner and not team.find_role(owner) and team.find_person(owner) is None:
            fix = suggest(owner.replace(" ", "_"), [*team.roles, *team.people])
            yield Finding(path, line, f"owner {owner!r} is not in team.toml", fix=fix)
    for question, section in list_answers(project):
        block = section.find_labelled("Owner:")
        role = team.find_role(block.answer.split("\n")[0]) if block else ""
        if block and role and role != team.find_role(question.owner):
            message = f"the answer is owned by {team.get_title(role)}, the question by {team.get_title(question.owner)}"
            accept = f'[questions."{question.text}"] owner = "{role}"'
            yield Finding(PROCESS, block.line, message, fix=f"correct the owner, or accept it: {accept}", relax=accept)


@check("PRC021", "every role is held by somebody in the team", blocks=WARNING)
def check_roles(project: Project) -> Iterator[Finding]:
    """A role that nobody holds warns; one that names an unknown person fails."""
    team = project.team
    for role in team.roles:
        keys = team.list_holder_keys(role)
        line = team.find_line("roles", role)
        if not keys:
            fix = f'name somebody, or the team\'s own role for it: [role_names] own_name = "{role}"'
            yield Finding(TEAM, line, f"nobody holds the role {role}", fix=fix)
        for key in (key for key in keys if key not in team.people):
            message = f"role {role} names {key!r}, who is not under [people]"
            yield Finding(TEAM, line, message, fix=suggest(key, team.people), blocks="prototype")
    for name, role in team.role_names.items():
        if role not in TITLES:
            line, message = team.find_line("role_names", name), f"role_names.{name}: no such role: {role!r}"
            yield Finding(TEAM, line, message, fix=suggest(role, TITLES), blocks="prototype")


@check("PRC022", "every person has a name and an address")
def check_contacts(project: Project) -> Iterator[Finding]:
    """Look at the people and the channel; an address at a domain reserved for examples fails from pilot on."""
    team = project.team
    if not team.channel.strip():
        yield Finding(TEAM, team.find_line("channel"), "the team has no channel", expected='channel = "#team"')
    for person in team.people.values():
        line = team.find_line("people", person.key)
        if not person.name.strip():
            yield Finding(TEAM, line, f"person {person.key!r} has no name", expected='name = "…"')
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", person.email):
            yield Finding(TEAM, line, f"person {person.key!r} has no e-mail address", expected='email = "name@host"')
        elif RESERVED.search(person.email):
            line = team.find_line("people", person.key, "email")
            message = f"{person.email} is an example, not an address"
            yield Finding(TEAM, line, message, fix="enter a real address", owner=person.key, blocks="pilot")


@check("PRC024", "CODEOWNERS agrees with team.toml and the documents")
def check_code_owners(project: Project) -> Iterator[Finding]:
    """Compare the generated part of CODEOWNERS with what `--fix` would write."""
    old, new = project.read(CODEOWNERS).replace("\r\n", "\n"), build_code_owners(project)
    if old != new:
        pairs = enumerate(zip(old.splitlines(), new.splitlines(), strict=False), start=1)
        line = next((n for n, (a, b) in pairs if a != b), 1)
        message = "CODEOWNERS is out of date" if old else "CODEOWNERS does not exist"
        yield Finding(CODEOWNERS, line, message, fix="nox -s process -- --fix")


@check("PRC025", "every severity has a role, a time limit and a next role", blocks=WARNING)
def check_escalation(project: Project) -> Iterator[Finding]:
    """Look at the tables under [escalation]."""
    for severity, entry in (project.team.escalation or {"page": {}}).items():
        missing = [key for key in ("role", "within", "then") if not entry.get(key)]
        if missing:
            line = project.team.find_line("escalation", severity)
            yield Finding(TEAM, line, f"escalation of a {severity} lacks {', '.join(missing)}", fix="add it")


@check("PRC026", "nobody who left owns anything", blocks=WARNING)
def check_departed(project: Project) -> Iterator[Finding]:
    """Look for roles and pages of people with a `left` date."""
    team = project.team
    for role in team.roles:
        for person in (p for p in team.list_holders(role) if p.left):
            message = f"{person.name} left on {person.left} and still has the role {role}"
            yield Finding(TEAM, team.find_line("roles", role), message, fix="name a successor")
    for path, line, owner in sorted(set(list_owners(project))):
        owning = None if team.find_role(owner) else team.find_person(owner)
        if owning and owning.left:
            message = f"{owning.name} left on {owning.left} and still owns this"
            yield Finding(path, line, message, fix="name a successor")


@check("PRC075", "no performance rating depends on a model metric")
def check_ratings(project: Project) -> Iterator[Finding]:
    """Look for sentences that name a metric and a rating: good work on a model that fails can be rated highest."""
    named = [re.escape(m).replace("_", "[_ ]") for m in project.metrics]
    metric = re.compile(rf"\b(?:{'|'.join([*named, METRIC_WORDS])})\b", re.I)
    paths = [d.path for d in project.documents if d.name == EXPECTATIONS]
    for path in (path for path in paths if path in project.pages):
        for number, line in enumerate(project.pages[path].lines, start=1):
            for sentence in re.split(r"(?<=[.!?])\s", line):
                found = metric.search(sentence)
                if found and RATED.search(sentence.replace(found[0], "")) and not re.search(NEGATED, sentence, re.I):
                    message = f"a performance rating depends on a model metric ({found[0]})"
                    fix = "rate the work: code, experiments, documents, operations"
                    yield Finding(path, number, message, fix=fix)


@check("PRC076", "no evaluation of a person is in the repository")
def check_evaluations(project: Project) -> Iterator[Finding]:
    """Look for filled forms, by the fields of the project's own form and by common ones, and for verdicts on people."""
    forms = [d.path for d in project.documents if d.name == EXPECTATIONS and d.path in project.pages]
    own = {line.partition(":")[0].strip().lower() for path in forms for line in _list_form_lines(project.pages[path])}
    people = [person.name for person in project.team.people.values() if person.name]
    for path, page in project.pages.items():
        text = page.text.lower()
        if path not in forms and not SUSPICIOUS.search(text) and not any(label in text for label in own):
            continue
        filled = {m["label"].strip(" *_").lower(): m for m in FIELD.finditer(page.text)}
        matching = [match for label, match in filled.items() if label in own]
        kinds = {k for k, p in FIELDS.items() for label in filled if re.search(rf"\b(?:{p})\b", label)}
        form = {"person", "rating"} <= kinds or {"person", "period", "text"} <= kinds or {"rating", "text"} <= kinds
        form = form and path not in forms and bool(EVALUATIVE.search(page.text))
        verdicts = [m for m in VERDICT.finditer(page.text) if path not in forms and _names_person(page.text, m, people)]
        if len(matching) > 1:
            found: list[re.Match[str]] = matching
        else:
            found = list(filled.values()) if form else verdicts
        if found:
            start = found[0].start() + len(found[0][0]) - len(found[0][0].lstrip())
            line = page.text.count("\n", 0, start) + 1
            yield Finding(path, line, "this looks like an evaluation of a person", fix="keep it outside the repository")


def _list_form_lines(page: Page) -> list[str]:
    return [line for f in page.fences if f.language == "text" for line in f.content.splitlines() if ":" in line]


def _names_person(text: str, verdict: re.Match[str], people: list[str]) -> bool:
    """Return whether a person of the team is named near a verdict."""
    around = text[max(0, verdict.start() - 200) : verdict.end() + 100]
    names = {part for name in people for part in (name, name.split()[0])}
    return any(re.search(rf"\b{re.escape(name)}\b", around) for name in names)


@check("PRC090", "exceptions have an owner and a reason, and end", blocks=WARNING)
def check_exceptions(project: Project) -> Iterator[Finding]:
    """Warn about exceptions that end within two weeks or have ended; an owner who is unknown fails."""
    for entry in project.settings.exceptions:
        days = (entry.expires - dt.date.today()).days
        if project.team.find_person(entry.owner) is None:
            yield Finding(SETTINGS, entry.line, f"owner {entry.owner!r} is not in team.toml", blocks="prototype")
        if days < 14:  # noqa: PLR2004
            ends = f"ends on {entry.expires}" if days >= 0 else f"ended on {entry.expires}"
            message = f"the exception for {entry.code} in {entry.path} {ends}"
            yield Finding(SETTINGS, entry.line, message, fix="fix the finding, or decide again", owner=entry.owner)
