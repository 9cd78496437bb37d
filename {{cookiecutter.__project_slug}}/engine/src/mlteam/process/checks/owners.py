"""Checks of people: every owner is somebody, every role is held, and CODEOWNERS says the same."""

import re
from collections.abc import Iterator

from mlteam.process.checks.findings import Finding, check, did_you_mean
from mlteam.process.checks.project import Project
from mlteam.process.checks.structure import documented
from mlteam.process.checks.team import ROLES, SEVERITIES

RESERVED = re.compile(r"@(.+\.)?(example(\.(com|org|net))?|invalid|test|localhost)$", re.IGNORECASE)
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
CODEOWNERS = "CODEOWNERS"


def owners(project: Project) -> Iterator[tuple[str, int, str]]:
    """Every owner that a file of the repository names: path, line, and the words."""
    for document, page in documented(project):
        front = page.front or {}
        line = page.front_lines
        yield document.path, line.get("owner", 1), str(front.get("owner", ""))
        reviewers = front.get("reviewers")
        for reviewer in reviewers if isinstance(reviewers, list) else ():
            yield document.path, line.get("reviewers", 1), str(reviewer)
        yield from ((document.path, b.line, b.answer.split("\n")[0]) for b in page.blocks if b.label == "Owner:")
    for source in project.dbt.sources.values():
        if source.owner:
            yield source.path, owner_line(project, source.path, source.line), source.owner
    for severity, entry in project.team.escalation.items():
        for key in ("role", "then"):
            if entry.get(key):
                yield "team.toml", project.team.line_of("escalation", severity, key), entry[key]


def owner_line(project: Project, path: str, line: int) -> int:
    """The line of the `owner:` that holds for a table, which may stand above it at its source."""
    lines = project.text(path).splitlines()
    found = [number for number, text in enumerate(lines, start=1) if re.match(r"\s*owner:", text)]
    return next((n for n in reversed(found) if n <= line), found[0] if found else line)


@check("PRC020", "every owner is a role that is held, or a person")
def resolvable(project: Project) -> Iterator[Finding]:
    """Owners are looked up in team.toml; a team's name or a person who is not there answers for nothing."""
    known = [*ROLES, *project.team.people]
    for path, line, owner in sorted(set(owners(project))):
        if owner and project.team.resolve(owner) is None:
            text = f"owner {owner!r} is not a person or a held role of team.toml"
            people = f"roles: {', '.join(ROLES)}; people: {', '.join(project.team.people) or 'none'}"
            fix = did_you_mean(owner.replace(" ", "_"), known)
            yield Finding(path, line, text, expected=people, found=owner, fix=fix)


@check("PRC021", "every role is held by somebody")
def roles_held(project: Project) -> Iterator[Finding]:
    """Each of the six roles names at least one person, and only people who are there."""
    team = project.team
    for role in ROLES:
        named = team.raw.get("roles", {}).get(role) if isinstance(team.raw.get("roles"), dict) else None
        line = team.line_of("roles", role)
        if not isinstance(named, list) or not named:
            text = f"nobody holds the role {role}"
            yield Finding("team.toml", line, text, expected=f'{role} = ["person"]', fix="name who answers for it")
            continue
        for key in named:
            if key not in team.people:
                text = f"role {role} names {key!r}, who is not under [people]"
                yield Finding("team.toml", line, text, fix=did_you_mean(str(key), team.people))


@check("PRC022", "every person can be reached")
def contacts(project: Project) -> Iterator[Finding]:
    """A name and an address for each person, and a channel for the team."""
    team = project.team
    if not team.channel.strip():
        yield Finding("team.toml", team.line_of("channel"), "the team has no channel", expected='channel = "#team"')
    for person in team.people.values():
        line = team.line_of("people", person.key)
        if not person.name.strip():
            yield Finding("team.toml", line, f"person {person.key!r} has no name", expected='name = "…"')
        if not ADDRESS.fullmatch(person.email):
            text, found = f"person {person.key!r} has no e-mail address", person.email or "none"
            yield Finding("team.toml", line, text, expected='email = "name@host"', found=found)
        elif RESERVED.search(person.email):
            text = f"mail to {person.email} reaches nobody: the domain is reserved for examples"
            line = team.line_of("people", person.key, "email")
            yield Finding("team.toml", line, text, fix="give a real address", owner=person.key, blocks="shadow")


@check("PRC023", "every decision was taken by exactly one")
def one_approver(project: Project) -> Iterator[Finding]:
    """`decided_by` in a decision's front matter is one role or person; others are consulted in the text."""
    for path, page in project.pages.items():
        if not re.fullmatch(r"docs/decisions/\d.*\.md", path) or page.front is None:
            continue
        by = page.front.get("decided_by")
        if not isinstance(by, str) or project.team.resolve(by) is None:
            line = page.front_lines.get("decided_by", 1)
            expected = "decided_by: one role or person of team.toml"
            yield Finding(path, line, "the decision has not exactly one who took it", expected=expected, found=str(by))


@check("PRC024", "CODEOWNERS covers every required path with people of the team")
def codeowners(project: Project) -> Iterator[Finding]:
    """The last matching pattern wins there, so a repeated one silently drops the owners before it."""
    if not project.exists(CODEOWNERS):
        fix = "nox -s process -- --fix"
        yield Finding(CODEOWNERS, 1, "CODEOWNERS does not exist", fix=fix)
        return
    known = {p.code_owner for p in project.team.people.values()} | {p.email for p in project.team.people.values()}
    first: dict[str, int] = {}
    for number, pattern, named in code_owner_lines(project):
        if pattern in first:
            found = f"first on line {first[pattern]}"
            yield Finding(CODEOWNERS, number, f"pattern {pattern!r} stands twice", found=found, fix="keep one")
        first.setdefault(pattern, number)
        for name in named:
            if name not in known:
                fix = did_you_mean(name, known)
                yield Finding(CODEOWNERS, number, f"owner {name!r} is not in team.toml", fix=fix)
        if not named:
            yield Finding(CODEOWNERS, number, f"pattern {pattern!r} has no owner", fix="name one, or delete the line")
        if not _names_something(project, pattern):
            yield Finding(CODEOWNERS, number, f"pattern {pattern!r} names no file", fix="delete the line")
    for path in [*(f"/{d.path}" for d in project.documents), *(f"/{area}" for area in project.areas)]:
        if path not in first and project.exists(path.strip("/")):
            text = f"no pattern for {path!r}"
            yield Finding(
                CODEOWNERS, 1, text, expected=f"a line that starts with {path}", fix="nox -s process -- --fix"
            )


def code_owner_lines(project: Project) -> Iterator[tuple[int, str, list[str]]]:
    """Each rule of CODEOWNERS: its line, its pattern and its owners."""
    for number, line in enumerate(project.text(CODEOWNERS).splitlines(), start=1):
        words = line.split("#")[0].split() if not line.lstrip().startswith("[") else []
        if words:
            yield number, words[0], words[1:]


def _names_something(project: Project, pattern: str) -> bool:
    path = pattern.strip("/")
    return path == "*" or "*" in path or project.exists(path)


@check("PRC025", "every severity says who answers, how soon, and who is next")
def escalation(project: Project) -> Iterator[Finding]:
    """A page that nobody is named for waits until somebody feels named."""
    for severity in SEVERITIES:
        entry = project.team.escalation.get(severity, {})
        missing = [key for key in ("role", "within", "then") if not entry.get(key)]
        if missing:
            line = project.team.line_of("escalation", severity)
            text = f"escalation of a {severity} lacks {', '.join(missing)}"
            expected = f'[escalation.{severity}] with role, within = "15 minutes", then'
            yield Finding("team.toml", line, text, expected=expected)


@check("PRC026", "nobody who left still answers for something")
def departed(project: Project) -> Iterator[Finding]:
    """A person with `left` keeps the entry, for the record, and holds no role and no page."""
    left = {p.key for p in project.team.people.values() if p.left}
    for role in ROLES:
        for person in project.team.holders(role):
            if person.key in left:
                text = f"{person.name} left on {person.left} and still holds the role {role}"
                yield Finding("team.toml", project.team.line_of("roles", role), text, fix="name a successor")
    for path, line, owner in sorted(set(owners(project))):
        owning = project.team.resolve(owner)
        if owning and owning.key in left and owner not in ROLES and owner.replace(" ", "_") not in ROLES:
            yield Finding(
                path, line, f"{owning.name} left on {owning.left} and still owns this", fix="name a successor"
            )
