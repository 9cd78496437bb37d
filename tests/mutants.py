"""Small untruths, seeded one by one into a generated project, and what the process check must say about each."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import baking

PROCESS_CODE = baking.ROOT / "{{cookiecutter.__project_slug}}" / "process"
PLACEHOLDERS = ("TBD", "TODO: write this", "…", "<describe here>", "[your answer]", "lorem ipsum dolor", "same as above", "?")
FEATURES = "sql/models/features/"
CARRIER_YML = f"{FEATURES}carrier_history.yml"
PIPELINE = "pipelines/flight_delays.toml"


def checker() -> Any:
    """The runner of the generated project's check, from the template, where it stands as it will be generated."""
    if str(PROCESS_CODE) not in sys.path:
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(PROCESS_CODE))
    from checks import runner

    return runner


@dataclass(frozen=True)
class Mutant:
    """An edit of one file, and the finding that it must cause.

    Attributes:
        name: What was done.
        path: The file that is edited; `text` is None where it is deleted.
        text: The file's new content.
        code: The check that must catch it.
        where: The file that the finding names.
        line: The line that the finding names.
    """

    name: str
    path: str
    text: str | None
    code: str
    where: str
    line: int


@dataclass(frozen=True)
class Source:
    """A file of the project with its lines, from which mutants are made."""

    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.split("\n")

    def line(self, part: str) -> int:
        """The first line that holds a text, counted from 1."""
        return next(number for number, line in enumerate(self.lines, start=1) if part in line)

    def with_line(self, number: int, *new: str) -> str:
        """The text with one line replaced."""
        return "\n".join([*self.lines[: number - 1], *new, *self.lines[number:]])

    def section(self, number: int) -> tuple[int, int]:
        """The first and the last line of the section whose heading stands on a line."""
        level = len(self.lines[number - 1].split(" ")[0])
        rest = enumerate(self.lines[number:], start=number + 1)
        fenced, end = False, len(self.lines)
        for found, line in rest:
            fenced ^= line.startswith("```")
            if not fenced and re.match(rf"#{{1,{level}}} ", line):
                end = found - 1
                break
        return number, end

    def with_body(self, number: int, *body: str) -> str:
        """The text with the content of a section replaced; its heading stays."""
        first, last = self.section(number)
        return "\n".join([*self.lines[:first], "", *body, "", *self.lines[last:]])

    def edit(self, old: str, new: str, code: str, where: str = "", line: int = 0, name: str = "") -> Mutant:
        """A mutant that replaces the first occurrence of a text."""
        assert old in self.text, (self.path, old)
        text = self.text.replace(old, new, 1)
        found = line or self.line(old.split("\n")[0])
        return Mutant(name or f"{old!r} becomes {new!r}", self.path, text, code, where or self.path, found)


def read(project: Path, path: str) -> Source:
    """One file of the project."""
    return Source(path, (project / path).read_text(encoding="utf-8"))


def mutants(project: Path) -> Iterator[Mutant]:
    """Every mutant of a project with the flights example."""
    documents = checker().Project(project).documents
    pages = [(document, read(project, document.path)) for document in documents]
    for document, page in pages:
        for number, (title, wanted) in enumerate(document.sections.items()):
            yield from section_mutants(page, title, wanted, number)
        yield from front_matter_mutants(page)
        yield from reference_mutants(page)
        yield from block_mutants(page)
        if not document.path.startswith("docs/decisions/"):
            yield Mutant("the page is deleted", page.path, None, "PRC001", page.path, 1)
    yield from question_mutants(read(project, "PROCESS.md"), checker().Project(project).questions)
    yield from team_mutants(read(project, "team.toml"))
    yield from data_mutants(project)
    yield from other_mutants(project)


def section_mutants(page: Source, title: str, wanted: dict[str, str], number: int) -> Iterator[Mutant]:
    """A required section is deleted, renamed, put on another level, emptied, doubled, filled with nothing."""
    at = page.line(f"## {title}")
    first, last = page.section(at)
    without = "\n".join([*page.lines[: first - 1], *page.lines[last:]])
    body = "\n".join(page.lines[first - 1 : last])
    name = f"section {title!r}"
    yield Mutant(f"{name} is deleted", page.path, without, "PRC002", page.path, 1)
    yield Mutant(f"{name} is renamed", page.path, page.with_line(at, f"## {title.upper()}!"), "PRC002", page.path, at)
    yield Mutant(f"{name} is a level lower", page.path, page.with_line(at, f"### {title}"), "PRC002", page.path, at)
    doubled = f"{page.text.rstrip()}\n\n{body.rstrip()}\n"
    yield Mutant(f"{name} stands twice", page.path, doubled, "PRC003", page.path, len(page.lines) + 1)
    yield Mutant(f"{name} is emptied", page.path, page.with_body(at, "<!-- soon -->"), "PRC010", page.path, at)
    text = PLACEHOLDERS[number % len(PLACEHOLDERS)]
    yield Mutant(f"{name} says {text!r}", page.path, page.with_body(at, text), "PRC011", page.path, at + 2)
    if len(wanted["has"].split()) > 3:
        yield Mutant(f"{name} says its guidance", page.path, page.with_body(at, wanted["has"]), "PRC012", page.path, at)


def front_matter_mutants(page: Source) -> Iterator[Mutant]:
    """The front matter names nobody, lacks a field, has an unknown one, or a day that is none."""
    edits = (
        (r"^owner: .*$", "owner: the_team", "PRC020"),
        (r"^reviewers: .*$", "reviewers: [someone]", "PRC020"),
        (r"^status: .*$", "status: finished", "PRC004"),
        (r"^review_in_days: .*$", "review_in_days: often", "PRC004"),
        (r"^last_reviewed: .*$", "last_reviewed: 2999-01-01", "PRC060"),
        (r"^last_reviewed: .*$", "last_reviewed: yesterday", "PRC004"),
        (r"^status: (.*)$", r"state: \1", "PRC005"),
    )
    for pattern, new, code in edits:
        at = page.line(re.search(pattern, page.text, re.MULTILINE)[0])  # type: ignore[index]
        text = re.sub(pattern, new, page.text, count=1, flags=re.MULTILINE)
        yield Mutant(f"front matter says {new!r}", page.path, text, code, page.path, at)
    without = re.sub(r"^review_in_days: .*\n", "", page.text, count=1, flags=re.MULTILINE)
    yield Mutant("front matter lacks review_in_days", page.path, without, "PRC004", page.path, 1)
    impossible = re.sub(r"^last_reviewed: .*$", "last_reviewed: 2026-02-30", page.text, count=1, flags=re.MULTILINE)
    yield Mutant("front matter names 30 February", page.path, impossible, "PRC004", page.path, 1)


def reference_mutants(page: Source) -> Iterator[Mutant]:
    """Each link, anchor, path, session and command of a page is broken, outside of generated blocks."""
    inside = False
    for at, line in enumerate(page.lines, start=1):
        inside = (inside or line.startswith("<!-- generated")) and not line.startswith("<!-- end")
        if inside:
            continue
        edits = [
            *((m.span(1), "gone-" + m[1], "PRC027") for m in re.finditer(r"\]\(((?:\.\./)*[\w][\w./-]*)[)#]", line)),
            *((m.span(1), m[1] + "-gone", "PRC028") for m in re.finditer(r"\]\([^)]*#([\w-]+)\)", line)),
            *((m.span(1), m[1] + "x", "PRC030") for m in re.finditer(r"nox -s ([a-z]+)", line)),
            *((m.span(1), "gone/" + m[1], "PRC029") for m in re.finditer(r"`((?:sql|src|pipelines|docs)/[\w./]+)`", line)),
        ]
        for (start, end), new, code in edits:
            mutated = line[:start] + new + line[end:]
            yield Mutant(f"{line[start:end]!r} becomes {new!r}", page.path, page.with_line(at, mutated), code, page.path, at)


def block_mutants(page: Source) -> Iterator[Mutant]:
    """The last row of each generated block is changed by hand, and each block's marks are taken away."""
    marks = list(re.finditer(r"<!-- generated: (\w+) -->\n(.*?)<!-- end generated -->\n", page.text, re.DOTALL))
    for mark in marks:
        last = page.text.count("\n", 0, mark.end()) - 1
        mutated = page.with_line(last, page.lines[last - 1] + " by hand")
        yield Mutant(f"block {mark[1]} is changed by hand", page.path, mutated, "PRC050", page.path, last)
        unmarked = page.text.replace(f"<!-- generated: {mark[1]} -->\n", "", 1)
        yield Mutant(f"block {mark[1]} loses its mark", page.path, unmarked, "PRC050", page.path, 1)


def question_mutants(page: Source, questions: list[Any]) -> Iterator[Mutant]:
    """A question is deleted, reworded, asked twice, or its answer emptied, or left without owner or evidence."""
    for number, question in enumerate(questions):
        at = page.line(f"### {question.text}")
        first, last = page.section(at)
        without = "\n".join([*page.lines[: first - 1], *page.lines[last:]])
        body = "\n".join(page.lines[first - 1 : last])
        name = f"question {question.text!r}"
        yield Mutant(f"{name} is deleted", page.path, without, "PRC007", page.path, 1)
        reworded = page.with_line(at, f"### {question.text.replace('?', ' here?')}")
        yield Mutant(f"{name} is reworded", page.path, reworded, "PRC007", page.path, at)
        twice = f"{page.text.rstrip()}\n\n{body.rstrip()}\n"
        yield Mutant(f"{name} is asked twice", page.path, twice, "PRC007", page.path, len(page.lines) + 1)
        yield Mutant(f"{name} has no answer", page.path, page.with_body(at), "PRC010", page.path, at)
        text = PLACEHOLDERS[number % len(PLACEHOLDERS)]
        yield Mutant(f"{name} says {text!r}", page.path, page.with_body(at, text), "PRC011", page.path, at + 2)
        owner = next(n for n in range(first, last + 1) if "**Owner:**" in page.lines[n - 1])
        yield Mutant(f"{name} lost its owner", page.path, page.with_line(owner), "PRC014", page.path, at)
        nobody = page.with_line(owner, "- **Owner:** whoever has time")
        yield Mutant(f"{name} is owned by nobody", page.path, nobody, "PRC020", page.path, owner)
        yield from evidence_mutants(page, at, last, question)


def evidence_mutants(page: Source, first: int, last: int, question: Any) -> Iterator[Mutant]:
    """An answer that is not open loses a line of its evidence, or the command that it is about."""
    lines = page.lines[first - 1 : last]
    if any("**Open:**" in line for line in lines):
        return
    for label in ("Where", "Expect"):
        at = next((first + n for n, line in enumerate(lines) if f"**{label}:**" in line), 0)
        if at and label.lower() in question.needs:
            mutated = page.with_line(at, page.lines[at - 1].replace(f"**{label}:**", "Note:"))
            yield Mutant(f"{question.text!r} lost {label}", page.path, mutated, "PRC014", page.path, first)
    body = "\n".join(lines)
    if question.session and body.count(f"nox -s {question.session}") == 1:
        mutated = page.text.replace(body, body.replace(f"nox -s {question.session}", "nox -s tests"), 1)
        yield Mutant(f"{question.text!r} lost its command", page.path, mutated, "PRC017", page.path, first)


def team_mutants(team: Source) -> Iterator[Mutant]:
    """Roles nobody holds, people who cannot be reached, stages and keys that do not exist."""
    roles = ("product_manager", "engineering_manager", "data_scientist", "ml_engineer", "data_engineer", "devops_engineer")
    handle = re.search(r"\[people\.([\w-]+)\]", team.text)[1]  # type: ignore[index]
    for role in roles:
        held = f'{role} = ["{handle}"]'
        yield team.edit(held, f"{role} = []", "PRC021")
        yield team.edit(held, f'{role} = ["somebody"]', "PRC021")
        yield team.edit(held, f'{role}s = ["{handle}"]', "PRC005")
    yield team.edit('stage = "prototype"', 'stage = "prod"', "PRC005")
    yield team.edit("channel = ", "chanel = ", "PRC005")
    yield team.edit('channel = "#ml-team"', 'channel = ""', "PRC022")
    yield team.edit('email = "ada@example.org"', 'email = "ada"', "PRC022", line=team.line("[people."))
    yield team.edit('name = "Ada Lovelace"', 'name = ""', "PRC022", line=team.line("[people."))
    left = team.text.replace('email = "ada@example.org"\n', 'email = "ada@example.org"\nleft = 2026-01-31\n')
    yield Mutant("the only person left", team.path, left, "PRC026", team.path, team.line("product_manager = ") + 1)
    for severity in ("page", "ticket"):
        at = team.line(f"[escalation.{severity}]")
        yield Mutant(f"{severity}: nobody is next", team.path, team.with_line(at + 3), "PRC025", team.path, at)
        nobody = team.with_line(at + 1, 'role = "night_watch"')
        yield Mutant(f"{severity}: nobody answers", team.path, nobody, "PRC020", team.path, at + 1)


def data_mutants(project: Path) -> Iterator[Mutant]:
    """Facts change in the SQL layer or the pipeline file only."""
    sources, pipeline = read(project, "sql/models/sources.yml"), read(project, PIPELINE)
    for table in ("flights", "weather", "planes", "airports", "airlines"):
        staging = f"sql/models/staging/stg_{table}.sql"
        reads = read(project, staging)
        at = reads.line(f"source('nycflights', '{table}')")
        yield sources.edit(f"- name: {table}\n", f"- name: {table}_v2\n", "PRC044", staging, at)
        yield reads.edit(f"'{table}'", f"'{table}_old'", "PRC044", staging, at)
        yield reads.edit(f"'{table}'", f"'{table}_old'", "PRC044", sources.path, sources.line(f"- name: {table}"))
        yield Mutant(f"{staging} is deleted", staging, None, "PRC045", f"sql/models/staging/stg_{table}.yml", 4)
        yml = f"sql/models/staging/stg_{table}.yml"
        yield Mutant(f"{yml} is deleted", yml, None, "PRC045", staging, 1)
    first = sources.line("- name: flights")
    yield sources.edit("owner: data_engineer", "contact: data_engineer", "PRC044", line=first)
    yield sources.edit("owner: data_engineer", "owner: upstream_team", "PRC020")
    yield sources.edit("warn_after", "warn_later", "PRC044", line=first)
    yield sources.edit("{count: 7, period: day}", "{count: 9, period: day}", "PRC050", "PROCESS.md", block_row(project, "7 days"))
    yield sources.edit("version: 2", "version: [2", "PRC043", line=3)
    carrier = read(project, CARRIER_YML)
    yield carrier.edit("- name: carrier_history", "- name: carrier_record", "PRC045", f"{FEATURES}carrier_history.sql", 1)
    features = read(project, f"{FEATURES}flight_features.yml")
    for column in ("carrier", "origin", "dest", "seats", "wind_speed_mph", "route_late_rate_28d"):
        at = features.line(f"- name: {column}\n".strip())
        yield features.edit(f"- name: {column}\n", f"- name: {column}_new\n", "PRC046", PIPELINE, pipeline.line(f'"{column}"'))
        yield features.edit(f"- name: {column}\n", f"- name: {column}_new\n", "PRC046", features.path, at)
    for column in ("distance_miles", "humidity_pct", "pressure_mbar", "visibility_miles"):
        yield pipeline.edit(f'    "{column}",\n', "", "PRC046", features.path, features.line(f"- name: {column}"))
        yield pipeline.edit(f'"{column}"', f'"{column}_x"', "PRC046")
    yield pipeline.edit('relation = "features.flight_features"', 'relation = "features.flights"', "PRC046")
    yield pipeline.edit('label = "is_late"', 'label = "late"', "PRC046")
    yield pipeline.edit('"brier_score"', '"accuracy"', "PRC050", "PROCESS.md", block_row(project, "`brier_score`"))
    yield pipeline.edit('primary = "roc_auc"', 'primary = "log_loss"', "PRC050", "PROCESS.md", block_row(project, "`brier_score`"))
    yield pipeline.edit("until = 2014-01-01", "until = 2014-02-01", "PRC050", "PROCESS.md", block_row(project, "2014-01-01"))
    yield pipeline.edit("[splits]", "[splits", "PRC043", line=pipeline.line("[splits]"))


def block_row(project: Path, part: str) -> int:
    """The line of PROCESS.md on which a generated block shows something."""
    return read(project, "PROCESS.md").line(part)


def other_mutants(project: Path) -> Iterator[Mutant]:
    """Sessions, diagram, decisions, CODEOWNERS, exceptions, workflows, code, and what must not be committed."""
    noxfile, design = read(project, "noxfile.py"), read(project, "docs/design.md")
    process = read(project, "PROCESS.md")
    for session in ("data", "train", "evaluate", "lint", "pipeline"):
        at = process.line(f"nox -s {session}\n".strip()) if session != "data" else process.line("\nnox -s data".strip())
        outside = next(n for n, line in enumerate(process.lines, 1) if line == f"nox -s {session}")
        assert at
        yield noxfile.edit(f"def {session}(", f"def {session}_all(", "PRC030", "PROCESS.md", outside)
    yield noxfile.edit('"""Check style', '"""Read style', "PRC050", "PROCESS.md", process.line("Check style"))
    for node in ("upstream", "staging", "features", "snapshot", "pipelines", "model", "registry", "evaluation", "report"):
        at = design.line(f"click {node} ")
        gone = design.with_line(at, design.lines[at - 1].replace('"../', '"../gone/'))
        yield Mutant(f"node {node} leads nowhere", design.path, gone, "PRC041", design.path, at)
    for at, line in enumerate(design.lines, start=1):
        if "-->|" in line:
            silent = design.with_line(at, re.sub(r"\|[^|]*\|", "", line))
            yield Mutant(f"edge {line.strip()!r} is silent", design.path, silent, "PRC041", design.path, at)
    for decision in sorted((project / "docs/decisions").glob("0*.md")):
        page = read(project, decision.relative_to(project).as_posix())
        at = page.line("decided_by: ")
        both = page.with_line(at, "decided_by: [data_engineer, ml_engineer]")
        yield Mutant("two took the decision", page.path, both, "PRC023", page.path, at)
        yield Mutant("nobody took the decision", page.path, page.with_line(at), "PRC023", page.path, 1)
    yield from codeowners_mutants(read(project, "CODEOWNERS"))
    yield from exception_mutants(read(project, "process/suppressions.toml"))
    yield from forbidden_mutants(project)


def codeowners_mutants(owners: Source) -> Iterator[Mutant]:
    """Rules are dropped, repeated, or name somebody who is not in the team."""
    for at, line in enumerate(owners.lines, start=1):
        if line.startswith("/"):
            path = line.split()[0]
            yield Mutant(f"{path} is dropped", owners.path, owners.with_line(at), "PRC024", owners.path, 1)
            stranger = owners.with_line(at, f"{path} @stranger")
            yield Mutant(f"{path} is a stranger's", owners.path, stranger, "PRC024", owners.path, at)
    twice = f"{owners.text}/sql/ ada@example.org\n"
    yield Mutant("/sql/ stands twice", owners.path, twice, "PRC024", owners.path, len(owners.lines))


def exception_mutants(file: Source) -> Iterator[Mutant]:
    """Exceptions without a reason, an owner or an end, or of a check that does not exist."""
    whole = {
        "code": '"PRC029"',
        "path": '"docs/design.md"',
        "reason": '"comes with the next release"',
        "owner": '"ml_engineer"',
        "expires": "2999-01-01",
    }
    edits = [*((key, "") for key in whole), ("code", '"PRC999"'), ("owner", '"nobody"'), ("expires", "2020-01-01"), ("reason", '"x"')]
    for key, value in edits:
        said = {**whole, key: value}
        entry = "\n".join(["[[suppression]]", *(f"{name} = {text}" for name, text in said.items() if text)])
        text = f"{file.text}{entry}\n"
        yield Mutant(f"an exception with {key} = {value}", file.path, text, "PRC090", file.path, len(file.lines))


def forbidden_mutants(project: Path) -> Iterator[Mutant]:
    """Secrets, loose workflows, pickles, outputs, ratings of people."""
    package = next(path.name for path in (project / "src").iterdir())
    readme, design = read(project, "README.md"), read(project, "docs/design.md")
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    yield Mutant("a key", "README.md", f"{readme.text}\n{key}\n", "PRC070", "README.md", len(readme.lines) + 1)
    address = "postgres://ada:" + "lovelace@db.internal/x"
    yield Mutant("a password", "README.md", f"{readme.text}\n{address}\n", "PRC070", "README.md", len(readme.lines) + 1)
    code = f"src/{package}/loading.py"
    yield Mutant("a pickle", code, '"""Load."""\n\nimport pickle\n', "PRC074", code, 3)
    yield Mutant("a joblib", code, '"""Load."""\n\nfrom joblib import load\n', "PRC074", code, 3)
    notebook = '{"cells": [{"outputs": [{"data": "rows"}]}]}'
    yield Mutant("outputs", "notebooks/look.ipynb", notebook, "PRC077", "notebooks/look.ipynb", 1)
    yield Mutant("SQL in src/", f"src/{package}/rows.sql", "select 1\n", "PRC045", f"src/{package}/rows.sql", 1)
    form = read(project, "docs/performance-expectations.md")
    rated = f"{form.text}\nRating of the data scientist: roc_auc went up\n"
    yield Mutant("a rating by a metric", form.path, rated, "PRC075", form.path, len(form.lines) + 1)
    filled = "# Evaluation\n\nName of the person: Ada\nPeriod: 2026\n"
    yield Mutant("a filled evaluation", "docs/ada.md", filled, "PRC076", "docs/ada.md", 3)
    hidden = design.text.replace("# Design", "# De\u200bsign", 1)
    yield Mutant("an invisible letter", design.path, hidden, "PRC006", design.path, design.line("# Design"))
    quote = f"{design.text}\n```sh\nnox -s 'data\n```\n"
    yield Mutant("an open quote", design.path, quote, "PRC031", design.path, len(design.lines) + 2)
    unknown = f"{design.text}\n```sh\nmake data\n```\n"
    yield Mutant("an unknown tool", design.path, unknown, "PRC031", design.path, len(design.lines) + 2)
    python = f"{design.text}\n```python\ndef f(:\n```\n"
    yield Mutant("Python that is none", design.path, python, "PRC033", design.path, len(design.lines) + 2)
    variable = f"{design.text}\nSet `FLIGHTS_SECRET_MODE` first.\n"
    yield Mutant("a variable nobody reads", design.path, variable, "PRC034", design.path, len(design.lines) + 1)
    bare = f"{design.text}\nN/A\n"
    yield Mutant("a bare n/a", design.path, bare, "PRC015", design.path, len(design.lines) + 1)
    command = f"{design.text}\n`{project.name} retrain` does it.\n"
    yield Mutant("a command that is none", design.path, command, "PRC032", design.path, len(design.lines) + 1)
    yield from workflow_mutants(read(project, ".github/workflows/checks.yml"))


def workflow_mutants(workflow: Source) -> Iterator[Mutant]:
    """Actions by tag, too many rights, text of the event in a script."""
    at, line = next((n, text) for n, text in enumerate(workflow.lines, start=1) if "uses:" in text)
    tagged = workflow.with_line(at, re.sub(r"@[0-9a-f]{40}.*", "@v4", line))
    yield Mutant("an action by tag", workflow.path, tagged, "PRC071", workflow.path, at)
    yield workflow.edit("permissions: {}", "rights: {}", "PRC071", line=1)
    target = workflow.text + "# \n      - run: echo ${{ github.event.issue.title }}\n"
    yield Mutant("text of the event", workflow.path, target, "PRC071", workflow.path, len(workflow.lines) + 1)
