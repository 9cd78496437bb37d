"""Checks of monitoring: rules, their tests, the runbook, the dashboard and the code name the same things."""

import json
import re
from collections.abc import Iterator

from mlteam.config.jobs import CRONJOBS, combine_jobs, read_cronjobs
from mlteam.process.checks.registry import check
from mlteam.process.findings import WARNING, Finding
from mlteam.repository.broken_files import find_broken_files
from mlteam.repository.dbt_files import list_tables, parse_yaml
from mlteam.repository.monitoring_files import (
    DASHBOARD,
    RULES,
    RUNBOOK,
    TESTS,
    list_alert_sections,
    list_exported,
    list_query_metrics,
    list_recorded,
    list_rule_numbers,
    list_rules,
)
from mlteam.repository.project import ENGINE, Project
from mlteam.repository.python_code import list_calls
from mlteam.repository.quantities import list_quantities
from mlteam.repository.suggestions import suggest
from mlteam.repository.toml_files import get_table

FIX_CRONJOBS = "run `nox -s schedule -- kubernetes`"
PARTS = ("Meaning:", "Diagnosis:", "Mitigation:")
METRIC = re.compile(r"\b(?:model|monitoring)_\w+")
QUERY = re.compile(r'"(?:expr|query)"\s*:\s*("(?:[^"\\]|\\.)*")')
PROMETHEUS_METRICS = {"up", "ALERTS"}
CHECK_LABEL = re.compile(r'\bcheck=\\?"(\w+)')
FINDING_CALLS = ("Finding", "compare_with_limit", "report_unknown")


@check("PRC087", "the CronJobs of Kubernetes are those of [schedule] in the pipeline files")
def check_cronjobs(project: Project) -> Iterator[Finding]:
    """Compare what the manifests say with the jobs of the pipelines."""
    path = CRONJOBS.as_posix()
    if not project.exists(path) or path in project.remember(find_broken_files):
        return
    content, _ = parse_yaml(project.read(path))
    found = {job.name: job for job in read_cronjobs(content)}
    wanted = combine_jobs({name: get_table(spec, "schedule") for name, spec in project.pipelines.items()})
    items = list_tables(content.get("items"))
    lines = {str(get_table(item, "metadata").get("name")): item["__line__"] for item in items}
    for job in wanted:
        if found.pop(job.name, None) != job:
            what = f"CronJob {job.name} is not there, or differs from [schedule]"
            yield Finding(path, lines.get(job.name, 1), what, fix=FIX_CRONJOBS)
    for name in found:
        what = f"CronJob {name} is not in [schedule] of any pipeline"
        yield Finding(path, lines.get(name, 1), what, fix=FIX_CRONJOBS)


@check("PRC080", "every alert has a section in the runbook, and every such section an alert")
def check_sections(project: Project) -> Iterator[Finding]:
    """Compare the alerts with the headings under Alerts."""
    rules, sections = list_rules(project), list_alert_sections(project)
    if RUNBOOK not in project.pages or RULES in project.remember(find_broken_files):
        return
    for name, rule in rules.items():
        if name not in sections:
            expected = f"### {name} under ## Alerts"
            yield Finding(RULES, rule["__line__"], f"{RUNBOOK} has no section for {name}", expected=expected)
    for name, section in sections.items():
        if name not in rules:
            yield Finding(RUNBOOK, section.heading.line, f"no such alert: {name}", fix=suggest(name, rules))


@check("PRC081", "every alert section has meaning, diagnosis and mitigation, and the severity and limits of its rule")
def check_parts(project: Project) -> Iterator[Finding]:
    """Look for the three parts, which warn, and compare severities and stated limits with the rule."""
    rules, severities = list_rules(project), set(project.team.escalation)
    for name, section in list_alert_sections(project).items():
        for part in (part for part in PARTS if section.find_labelled(part) is None):
            message = f"{name} has no {part.rstrip(':').lower()}"
            yield Finding(RUNBOOK, section.heading.line, message, expected=f"**{part}**", blocks=WARNING)
        rule = rules.get(name, {})
        severity, limits = get_table(rule, "labels").get("severity"), list_rule_numbers(rule)
        for block in section.blocks:
            for found in re.findall(r"\bseverity\b\W{1,6}(?:is |of )?(\w+)", block.text, re.IGNORECASE):
                if rule and found in severities and found != severity:
                    message = f"{name} has severity {severity} in {RULES}"
                    yield Finding(RUNBOOK, block.line, message, found=found, fix="correct or delete it")
            meaning = block.text if block.label in ("", "Meaning:") else ""
            for stated, _, value in list_quantities(meaning):
                if rule and not any(abs(value - limit) < 1e-9 for limit in limits):  # noqa: PLR2004
                    message = f"{stated} is not in the rule of {name} in {RULES}"
                    yield Finding(RUNBOOK, block.line, message, fix="correct or delete it", allow=("phrases", stated))


@check("PRC082", "every alert has a known severity, a summary and a link to its section")
def check_labels(project: Project) -> Iterator[Finding]:
    """Compare labels and annotations with team.toml and the runbook."""
    for name, rule in list_rules(project).items():
        notes, line = get_table(rule, "annotations"), rule["__line__"]
        severity, known = get_table(rule, "labels").get("severity"), project.team.escalation
        if severity not in known:
            message = f"alert {name} has severity {severity!r}, which has no escalation in team.toml"
            yield Finding(RULES, line, message, fix=suggest(str(severity), known))
        if not notes.get("summary"):
            yield Finding(RULES, line, f"alert {name} has no summary", fix="write what happened", blocks=WARNING)
        link, wanted = str(notes.get("runbook") or notes.get("runbook_url") or ""), f"{RUNBOOK}#{name.lower()}"
        if not link.endswith(wanted):
            yield Finding(RULES, line, f"alert {name} does not link to its section", expected=wanted)


@check("PRC083", "every metric in the rules and their tests is exported by the code")
def check_rule_metrics(project: Project) -> Iterator[Finding]:
    """Look up the metrics among those that the code defines and the recording rules."""
    known = list_exported(project) | list_recorded(project)
    for path in (RULES, TESTS):
        for number, line in enumerate(project.read(path).splitlines(), start=1):
            for name in METRIC.findall(line):
                if name not in known and not any(record.startswith(f"{name}:") for record in known):
                    yield Finding(path, number, f"no code exports {name}", fix=suggest(name, known))


@check("PRC084", "every alert has a test that fires it and one that does not")
def check_tests(project: Project) -> Iterator[Finding]:
    """Compare the tests with the rules: promtool accepts a test of an alert that does not exist."""
    rules, text = list_rules(project), project.read(TESTS)
    if {RULES, TESTS} & project.remember(find_broken_files).keys():
        return
    outcomes: dict[str, set[bool]] = {name: set() for name in rules}
    for case in list_tables(parse_yaml(text)[0].get("tests")):
        for test in list_tables(case.get("alert_rule_test")):
            name = str(test.get("alertname"))
            if name in outcomes:
                outcomes[name].add(bool(test.get("exp_alerts")))
            else:
                lines = text.splitlines()
                line = next((n for n, line in enumerate(lines, 1) if re.search(rf"alertname:\W*{name}\b", line)), 1)
                yield Finding(TESTS, line, f"no such alert: {name}", fix=suggest(name, rules))
    for name, seen in outcomes.items():
        for fires in {True, False} - seen:
            message = f"no test {'fires' if fires else 'expects silence of'} {name}"
            yield Finding(RULES, rules[name]["__line__"], message, fix=f"add one to {TESTS}")


@check("PRC085", "every panel of the dashboard queries metrics that exist")
def check_dashboard(project: Project) -> Iterator[Finding]:
    """Look up the metrics of each query."""
    text = project.read(DASHBOARD)
    try:
        json.loads(text or "{}")
    except json.JSONDecodeError as error:
        yield Finding(DASHBOARD, error.lineno, f"not JSON: {error.msg}", column=error.colno, fix="fix the line")
        return
    known = PROMETHEUS_METRICS | list_exported(project) | list_recorded(project)
    queries = list(QUERY.finditer(text))
    for query in queries:
        line = text.count("\n", 0, query.start()) + 1
        for name in dict.fromkeys(list_query_metrics(json.loads(query[1]))):
            if name not in known:
                yield Finding(DASHBOARD, line, f"no code exports {name}", fix=suggest(name, known))
    if text and not queries:
        yield Finding(DASHBOARD, 1, "no panel has a query", expected='"expr" with a metric of the code')


@check("PRC086", "every monitoring check has an alert, and rules and dashboard name no other")
def check_monitoring_checks(project: Project) -> Iterator[Finding]:
    """Compare the checks that the code reports with `check="…"` in the rules and the dashboard."""
    modules = [(p, text) for p, text in project.engine.items() if p.startswith(f"{ENGINE}/monitoring/")]
    made = {name: (p, line) for p, text in modules for _, name, line in list_calls(text, FINDING_CALLS)}
    alerted: set[str] = set()
    for path in (RULES, DASHBOARD):
        for number, line in enumerate(project.read(path).splitlines(), start=1):
            names = CHECK_LABEL.findall(line)
            alerted |= set(names) if path == RULES else set()
            for name in (name for name in names if name not in made):
                yield Finding(path, number, f"no such monitoring check: {name}", fix=suggest(name, made))
    for name, (module, place) in made.items():
        if name not in alerted and project.exists(RULES):
            yield Finding(module, place, f"the check {name} has no alert", expected=f"a rule in {RULES}")
