"""Every mutant of a project: those of its pages, and those of what the pages are about."""

import re
from collections.abc import Iterator
from pathlib import Path

import edits  # noqa: F401
from mlteam.repository.project import Project
from mutants import (
    Mutant,
    Source,
    block_mutants,
    front_matter_mutants,
    question_mutants,
    read,
    reference_mutants,
    section_mutants,
)

FEATURES = "sql/models/features/"
CARRIER_YML = f"{FEATURES}carrier_history.yml"
PIPELINE = "pipelines/flight_delays.toml"
DATA_PIPELINE, DATA_CARD, MODEL_CARD = "docs/data-pipeline.md", "docs/data-card.md", "docs/model-card.md"


def mutants(project: Path) -> Iterator[Mutant]:
    """Every mutant of a project with the flights example."""
    documents = Project(project).documents
    pages = [(document, read(project, document.path)) for document in documents]
    for document, page in pages:
        for number, title in enumerate(document.sections):
            yield from section_mutants(page, title, number)
        if document.kind not in ("record", "readme"):
            yield from front_matter_mutants(page)
        yield from reference_mutants(page)
        yield from block_mutants(page)
        if document.kind != "record":
            yield Mutant("the page is deleted", page.path, None, "PRC001", page.path, 1)
    yield from question_mutants(read(project, "PROCESS.md"), Project(project).settings.questions)
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
        "{count: 7, period: day}",
        "{count: 9, period: day}",
        "PRC050",
        DATA_PIPELINE,
        block_row(project, DATA_PIPELINE, "7 days"),
    )
    yield sources.edit("version: 2", "version: [2", "PRC043", line=3)
    carrier = read(project, CARRIER_YML)
    yield carrier.edit(
        "- name: carrier_history", "- name: carrier_record", "PRC045", f"{FEATURES}carrier_history.sql", 1
    )
    features = read(project, f"{FEATURES}flight_features.yml")
    for column in ("carrier", "origin", "dest", "seats", "wind_speed_mph", "route_late_rate_28d"):
        yield features.edit(
            f"- name: {column}\n", f"- name: {column}_new\n", "PRC046", PIPELINE, pipeline.line(f'"{column}"')
        )
    for column in ("distance_miles", "humidity_pct", "pressure_mbar", "visibility_miles"):
        yield pipeline.edit(f'"{column}"', f'"{column}_x"', "PRC046")
    yield pipeline.edit('relation = "features.flight_features"', 'relation = "features.flights"', "PRC046")
    yield pipeline.edit('label = "is_late"', 'label = "late"', "PRC046")
    metric_row = block_row(project, MODEL_CARD, "`brier_score`")
    yield pipeline.edit('"brier_score"', '"accuracy"', "PRC050", MODEL_CARD, metric_row)
    yield pipeline.edit('primary = "roc_auc"', 'primary = "log_loss"', "PRC050", MODEL_CARD, metric_row)
    dates_row = block_row(project, DATA_CARD, "2014-01-01")
    yield pipeline.edit("until = 2014-01-01", "until = 2014-02-01", "PRC050", DATA_CARD, dates_row)
    yield pipeline.edit('"log_loss"', '"logloss"', "PRC054", line=pipeline.line("metrics = "))
    line = pipeline.line("monitor = { cron")
    yield pipeline.edit('owner = "ml_engineer"', 'owner = "night_shift"', "PRC020", line=line)
    jobs = read(project, "deploy/kubernetes/schedule.yaml")
    for command, cron in (("data", "0 2 * * *"), ("monitor", "0 5 * * *"), ("retrain", "0 7 * * 0")):
        line = jobs.line(f"name: {command},") - 2
        yield pipeline.edit(f'"{cron}"', '"15 3 * * *"', "PRC087", jobs.path, line)
        yield jobs.edit(f'"{cron}"', '"15 3 * * *"', "PRC087", line=line)
        yield jobs.edit(f"args: [{command}]", f"args: [{command}, --pipeline, other]", "PRC087", line=line)
    yield jobs.edit("timeZone: Etc/UTC", "timeZone: Europe/Berlin", "PRC087", line=jobs.line("name: data,") - 2)
    yield jobs.edit("backoffLimit: 2", "backoffLimit: 9", "PRC087", line=jobs.line("name: data,") - 2)
    yield jobs.edit("owner: ml_engineer", "owner: data_engineer", "PRC087", line=jobs.line("name: monitor,") - 2)
    yield pipeline.edit("[splits]", "[splits", "PRC043", line=pipeline.line("[splits]"))
    yield read(project, "pyproject.toml").edit("[project]", "[project", "PRC043", line=1)


def block_row(project: Path, path: str, part: str) -> int:
    """The line of a page on which a generated block shows something."""
    return read(project, path).line(part)


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
    """Sessions, diagram, CODEOWNERS, and what must not be committed."""
    noxfile, design = read(project, "noxfile.py"), read(project, "docs/design.md")
    process = read(project, "PROCESS.md")
    for session in ("data", "train", "evaluate", "lint", "pipeline"):
        outside = next(n for n, line in enumerate(process.lines, 1) if line == f"nox -s {session}")
        # A session that runs a command of the engine has its name from there.
        rooms = ("data", "main", "operations")
        modules = [noxfile, *(read(project, f"engine/src/mlteam/cli/{name}.py") for name in rooms)]
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
        "modeling",
        "registry",
        "evaluation",
        "reports",
        "launch",
        "serving",
        "monitoring",
        "alerts",
    ):
        at = design.line(f"click {node} ")
        gone = design.with_line(at, design.lines[at - 1].replace('"../', '"../gone/'))
        yield Mutant(f"node {node} has a broken link", design.path, gone, "PRC041", design.path, at)
    for at, line in enumerate(design.lines, start=1):
        if "-->|" in line:
            silent = design.with_line(at, re.sub(r"\|[^|]*\|", "", line))
            yield Mutant(f"edge {line.strip()!r} is silent", design.path, silent, "PRC041", design.path, at)
    yield from codeowners_mutants(read(project, "CODEOWNERS"))
    yield from forbidden_mutants(project)


def codeowners_mutants(owners: Source) -> Iterator[Mutant]:
    """Generated rules are dropped, or name somebody who is not in the team."""
    for at, line in enumerate(owners.lines, start=1):
        if line.startswith("/"):
            path = line.split()[0]
            yield Mutant(f"{path} is dropped", owners.path, owners.with_line(at), "PRC024", owners.path, at)
            stranger = owners.with_line(at, f"{path} @stranger")
            yield Mutant(f"{path} is a stranger's", owners.path, stranger, "PRC024", owners.path, at)


def forbidden_mutants(project: Path) -> Iterator[Mutant]:
    """What must not be in the repository, and broken references of a page."""
    package = next(path.name for path in (project / "src").iterdir())
    design = read(project, "docs/design.md")
    yield Mutant("SQL in src/", f"src/{package}/rows.sql", "select 1\n", "PRC045", f"src/{package}/rows.sql", 1)
    form = read(project, "docs/performance-expectations.md")
    rated = f"{form.text}\nRating of the data scientist: roc_auc went up\n"
    yield Mutant("a rating by a metric", form.path, rated, "PRC075", form.path, len(form.lines) + 1)
    filled = "# Evaluation\n\nName of the person: Ada\nPeriod: 2026\nRating: 4\n"
    yield Mutant("a filled evaluation", "docs/ada.md", filled, "PRC076", "docs/ada.md", 3)
    hidden = design.text.replace("# Design", "# De\u200bsign", 1)
    yield Mutant("an invisible letter", design.path, hidden, "PRC006", design.path, design.line("# Design"))
    added = {
        "a misspelled variable": ("Set `MLFLOW_TRACKING_URL` first.", "PRC034"),
        "an unknown command": ("`mlteam reguess` does it.", "PRC030"),
        "an unknown person": ("`nox -s rollback -- --by charles`", "PRC035"),
        "a file that has moved": ("See `sql/models/staging/stg_flight.sql`.", "PRC029"),
        "a test that does not exist": ("`tests/test_sql.py::test_nothing`", "PRC029"),
        "something that does not exist": ("A command that retrains does not exist yet.", "PRC017"),
    }
    for name, (text, code) in added.items():
        yield Mutant(name, design.path, f"{design.text}\n{text}\n", code, design.path, len(design.lines) + 1)
