"""The blocks that show how the project runs: alerts, escalation, schedule, costs of errors, packages."""

import ast
import re
from pathlib import PurePosixPath
from typing import Any

from mlteam.config.jobs import combine_jobs
from mlteam.pages.blocks.markup import block, build_table, escape_cell, keep_markup, mark_code
from mlteam.repository.monitoring_files import list_rules
from mlteam.repository.project import Project
from mlteam.repository.toml_files import get_table

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
CRON = re.compile(r"(?P<minute>\d+) (?P<hour>\d+) \* \* (?P<day>\*|[0-6])")
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(?:\[[^\]]*\])?(?P<limits>[^;]*)")


@block
def build_alerts(project: Project) -> str:
    """Show every alert with its severity, who responds, its meaning and how long its condition must hold."""
    team, rows = project.team, []
    for name, rule in list_rules(project).items():
        severity = str(get_table(rule, "labels").get("severity", ""))
        role = str(get_table(team.escalation.get(severity)).get("role", ""))
        text = keep_markup(get_table(rule, "annotations").get("summary", ""))
        cells = [escape_cell(severity), escape_cell(team.get_title(role)) if role else "-", text]
        rows.append([f"[{name}](#{name.lower()})", *cells, escape_cell(rule.get("for", "-"))])
    return build_table("Alert|Severity|Responds|What happened|Fires after", rows, "There is no alert yet.")


@block
def build_escalation(project: Project) -> str:
    """Show who responds to each severity, how soon, and who is called next."""
    team = project.team
    rows = []
    for severity, entry in team.escalation.items():
        first, then = (_describe_contact(project, str(entry.get(key, ""))) for key in ("role", "then"))
        rows.append([escape_cell(severity), first, escape_cell(entry.get("within", "")), then])
    return build_table("Severity|Responds|Within|Then", rows, "No escalation is defined in `team.toml` yet.")


def _describe_contact(project: Project, role: str) -> str:
    holders = project.team.list_holders(role) if role else []
    person = f": {escape_cell(holders[0].name)}, {escape_cell(holders[0].email)}" if holders else ""
    return f"{escape_cell(project.team.get_title(role))}{person}"


@block
def build_schedule(project: Project) -> str:
    """Show what runs on a schedule."""
    rows = []
    for job in combine_jobs({name: get_table(spec, "schedule") for name, spec in project.pipelines.items()}):
        command, *options = job.arguments
        line = " ".join(["nox -s", command, *(["--", *options] if options else [])])
        limits = [str(job.retries), f"{job.minutes} minutes", escape_cell(project.team.get_title(job.owner))]
        rows.append([mark_code(line), _describe_cron(job.cron), *limits])
    return build_table("Command|When|Tried again|Stopped after|Owner", rows, "Nothing runs on a schedule yet.")


def _describe_cron(text: str) -> str:
    """Return a daily or weekly cron expression in words, any other one as it is."""
    if not (match := CRON.fullmatch(text)):
        return f"{mark_code(text)} UTC"
    day = "daily" if match["day"] == "*" else f"{DAYS[int(match['day'])]}s"
    return f"{day} at {int(match['hour']):02}:{int(match['minute']):02} UTC"


@block
def build_costs(project: Project) -> str:
    """Show the constants of the team's own metrics that some pipeline uses."""
    used = {m for spec in project.pipelines.values() for m in get_table(spec, "evaluation").get("metrics", [])}
    rows = []
    for path in project.list_matching("metrics/*.py"):
        metric = PurePosixPath(path).stem
        for name, value in _list_constants(project.read(path)) if metric in used else ():
            rows.append([mark_code(metric), mark_code(name), f"{value:g}"])
    return build_table("Metric|Assumed in the code|Value", rows, "No metric in `metrics/` has a cost in it.")


def _list_constants(text: str) -> list[tuple[str, float]]:
    """Return the numbers that a module gives a name in capitals."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return []
    found = []
    for node in (n for n in body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant)):
        value: Any = node.value.value  # type: ignore[attr-defined]
        names = [t.id for t in node.targets if isinstance(t, ast.Name) and t.id.isupper()]
        if isinstance(value, int | float) and not isinstance(value, bool):
            found += [(name, float(value)) for name in names]
    return found


@block
def build_packages(project: Project) -> str:
    """Show the packages that the engine and the project require directly, with their versions."""
    rows: list[list[str]] = []
    seen: set[str] = set()
    for path, part in (("engine/pyproject.toml", "engine"), ("pyproject.toml", "project")):
        content = project.read_tables(path)
        groups = get_table(content, "dependency-groups") if part == "project" else {}
        listed = [get_table(content, "project").get("dependencies", []), *groups.values()]
        matches = [REQUIREMENT.match(r) for group in listed for r in group if isinstance(r, str)]
        found = {m["name"]: f"{m['name']} {m['limits'].strip()}" for m in matches if m and m["limits"].strip()}
        texts = [mark_code(found[name]) for name in sorted(found.keys() - seen)]
        seen |= found.keys()
        rows += [[part, ", ".join(texts)]] if texts else []
    return build_table("Required by|Packages", rows, "There is no dependency yet.")
