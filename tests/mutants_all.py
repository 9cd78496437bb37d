"""Every mutant of a project: those of its pages, and those of what the pages are about."""

import re
from collections.abc import Iterator
from pathlib import Path

from mutants import (
    Mutant,
    Source,
    block_mutants,
    checker,
    front_matter_mutants,
    question_mutants,
    read,
    reference_mutants,
    section_mutants,
)

FEATURES = "sql/models/features/"
CARRIER_YML = f"{FEATURES}carrier_history.yml"
PIPELINE = "pipelines/flight_delays.toml"


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
    yield from service_mutants(project)
    yield from other_mutants(project)


def team_mutants(team: Source) -> Iterator[Mutant]:
    """Roles nobody holds, people who cannot be reached, stages and keys that do not exist."""
    roles = (
        "product_manager",
        "engineering_manager",
        "data_scientist",
        "ml_engineer",
        "data_engineer",
        "devops_engineer",
    )
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
    yield sources.edit(
        "{count: 7, period: day}", "{count: 9, period: day}", "PRC050", "PROCESS.md", block_row(project, "7 days")
    )
    yield sources.edit("version: 2", "version: [2", "PRC043", line=3)
    carrier = read(project, CARRIER_YML)
    yield carrier.edit(
        "- name: carrier_history", "- name: carrier_record", "PRC045", f"{FEATURES}carrier_history.sql", 1
    )
    features = read(project, f"{FEATURES}flight_features.yml")
    for column in ("carrier", "origin", "dest", "seats", "wind_speed_mph", "route_late_rate_28d"):
        at = features.line(f"- name: {column}\n".strip())
        yield features.edit(
            f"- name: {column}\n", f"- name: {column}_new\n", "PRC046", PIPELINE, pipeline.line(f'"{column}"')
        )
        yield features.edit(f"- name: {column}\n", f"- name: {column}_new\n", "PRC046", features.path, at)
    for column in ("distance_miles", "humidity_pct", "pressure_mbar", "visibility_miles"):
        yield pipeline.edit(f'    "{column}",\n', "", "PRC046", features.path, features.line(f"- name: {column}"))
        yield pipeline.edit(f'"{column}"', f'"{column}_x"', "PRC046")
    yield pipeline.edit('relation = "features.flight_features"', 'relation = "features.flights"', "PRC046")
    yield pipeline.edit('label = "is_late"', 'label = "late"', "PRC046")
    yield pipeline.edit('"brier_score"', '"accuracy"', "PRC050", "PROCESS.md", block_row(project, "`brier_score`"))
    yield pipeline.edit(
        'primary = "roc_auc"', 'primary = "log_loss"', "PRC050", "PROCESS.md", block_row(project, "`brier_score`")
    )
    yield pipeline.edit(
        "until = 2014-01-01", "until = 2014-02-01", "PRC050", "PROCESS.md", block_row(project, "2014-01-01")
    )
    yield pipeline.edit('"log_loss"', '"logloss"', "PRC054", line=pipeline.line("metrics = "))
    yield pipeline.edit("[splits]", "[splits", "PRC043", line=pipeline.line("[splits]"))


def block_row(project: Path, part: str) -> int:
    """The line of PROCESS.md on which a generated block shows something."""
    return read(project, "PROCESS.md").line(part)


def service_mutants(project: Path) -> Iterator[Mutant]:
    """Metrics, checks and routes are renamed where they are shown, or where they are made."""
    board, process = read(project, "monitoring/dashboard.json"), read(project, "PROCESS.md")
    for at, line in enumerate(board.lines, start=1):
        for name in re.findall(r"\b(?:model|monitoring)_\w+", line):
            renamed = board.with_line(at, line.replace(name, f"{name}_x", 1))
            yield Mutant(f"{name} is renamed on line {at}", board.path, renamed, "PRC085", board.path, at)
        for name in re.findall(r'check=\\"(\w+)', line):
            other = board.with_line(at, line.replace(f'check=\\"{name}', f'check=\\"{name}_x'))
            yield Mutant(f"check {name} is renamed", board.path, other, "PRC086", board.path, at)
    app = read(project, "engine/src/mlteam/serving/app.py")
    diagram = next(n for n in range(process.line("GET /metrics"), 0, -1) if process.lines[n - 1] == "```mermaid")
    for route in re.findall(r'@app\.\w+\("(/[\w/]+)"', app.text):
        yield app.edit(f'("{route}"', f'("{route}_x"', "PRC042", process.path, diagram)
        at = next(n for n in range(diagram, len(process.lines)) if f" {route}" in process.lines[n - 1])
        other = process.with_line(at, process.lines[at - 1].replace(f" {route}", f" {route}_x"))
        yield Mutant(f"the diagram asks for {route}_x", process.path, other, "PRC042", process.path, at)


def other_mutants(project: Path) -> Iterator[Mutant]:
    """Sessions, diagram, decisions, CODEOWNERS, exceptions, workflows, code, and what must not be committed."""
    noxfile, design = read(project, "noxfile.py"), read(project, "docs/design.md")
    process = read(project, "PROCESS.md")
    for session in ("data", "train", "evaluate", "lint", "pipeline"):
        outside = next(n for n, line in enumerate(process.lines, 1) if line == f"nox -s {session}")
        # A session that runs a command of the engine has its name from there.
        modules = [noxfile, *(read(project, f"engine/src/mlteam/cli/{name}.py") for name in ("main", "operations"))]
        name = 'name="pipeline"' if session == "pipeline" else f"def {session}("
        made = next(module for module in modules if name in module.text)
        yield made.edit(name, name.replace(session, f"{session}_all"), "PRC030", "PROCESS.md", outside)
    yield noxfile.edit('"""Check style', '"""Read style', "PRC050", "PROCESS.md", process.line("Check style"))
    for node in (
        "upstream",
        "staging",
        "features",
        "snapshot",
        "pipelines",
        "model",
        "registry",
        "evaluation",
        "report",
    ):
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
    edits = [
        *((key, "") for key in whole),
        ("code", '"PRC999"'),
        ("owner", '"nobody"'),
        ("expires", "2020-01-01"),
        ("reason", '"x"'),
    ]
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
    command = f"{design.text}\n`{project.name} reguess` does it.\n"
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
