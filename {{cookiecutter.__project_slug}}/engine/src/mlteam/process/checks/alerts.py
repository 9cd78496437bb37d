"""Checks of what calls people: rules, their tests, the runbook and the code name the same alerts and metrics."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from mlteam.process.checks.blocks import table
from mlteam.process.checks.code import exported_metrics
from mlteam.process.checks.dbt import LOADER
from mlteam.process.checks.findings import Finding, check, did_you_mean
from mlteam.process.checks.page import Heading, Page
from mlteam.process.checks.project import Project
from mlteam.process.checks.team import SEVERITIES

RULES = "monitoring/alerts.yml"
TESTS = "monitoring/alerts_test.yml"
DASHBOARD = "monitoring/dashboard.json"
RUNBOOK = "docs/runbook.md"
SECTION = "Alerts"
PARTS = ("Meaning:", "Impact:", "Diagnosis:", "Mitigation:", "Escalation:")
METRIC = re.compile(r"\b(?:model|monitoring)_\w+")


@check("PRC080", "every alert has its section in the runbook, and every such section its alert")
def sections(project: Project) -> Iterator[Finding]:
    """Set equality between the alerts of the rules and the headings under Alerts."""
    rules, headings = _rules(project), _headings(project)
    for name, line in ((rule["alert"], rule["__line"]) for rule in rules.values()):
        if name not in headings:
            expected = f"### {name} under ## {SECTION}"
            yield Finding(RULES, line, f"{RUNBOOK} has no section for the alert {name}", expected=expected)
    for name, heading in headings.items():
        if name not in rules:
            text = f"there is no alert {name}"
            yield Finding(RUNBOOK, heading.line, text, fix=did_you_mean(name, rules))


@check("PRC081", "every section about an alert says what to do")
def parts(project: Project) -> Iterator[Finding]:
    """Meaning, impact, diagnosis, mitigation, escalation: each with something after it, two of them with a command."""
    page = project.pages.get(RUNBOOK)
    for name, heading in _headings(project).items():
        if page is None:
            return
        text = _body(page, heading)
        for part in PARTS:
            if not re.search(rf"\*\*{part}\*\*\s*\S", text):
                missing = f"{name} does not say its {part.lower().rstrip(':')}"
                yield Finding(RUNBOOK, heading.line, missing, expected=part)
        if text.count("```sh") < 2:  # noqa: PLR2004
            yield Finding(RUNBOOK, heading.line, f"{name} lacks commands", expected="```sh under diagnosis, mitigation")


@check("PRC082", "every alert says how urgent it is, what happened and where help stands")
def labels(project: Project) -> Iterator[Finding]:
    """A severity that team.toml knows, a summary, and a runbook that leads to the alert's own section."""
    for name, rule in _rules(project).items():
        said, line = table(rule, "annotations"), rule["__line"]
        severity = table(rule, "labels").get("severity")
        if severity not in SEVERITIES:
            expected = " or ".join(SEVERITIES)
            yield Finding(RULES, line, f"alert {name} has severity {severity!r}", expected=expected)
        if not said.get("summary"):
            yield Finding(RULES, line, f"alert {name} has no summary", expected="what happened, in a sentence")
        wanted = f"{RUNBOOK}#{name.lower()}"
        if said.get("runbook") != wanted:
            yield Finding(RULES, line, f"alert {name} does not lead to its section", expected=wanted)


@check("PRC083", "every metric that the rules and their tests name is exported by the code")
def metrics(project: Project) -> Iterator[Finding]:
    """The names are read off the definitions in src/, with the endings that Prometheus gives them."""
    known = exported(project)
    for path in (RULES, TESTS):
        if not project.exists(path):
            continue
        for number, line in enumerate(project.text(path).splitlines(), start=1):
            for name in METRIC.findall(line):
                if name not in known:
                    yield Finding(path, number, f"no code exports {name}", fix=did_you_mean(name, known))


@check("PRC084", "every alert has a test that fires it and one that holds it back")
def tested(project: Project) -> Iterator[Finding]:
    """And every test names an alert: promtool passes one that expects nothing of an alert that is not there."""
    rules = _rules(project)
    seen: dict[str, set[bool]] = {name: set() for name in rules}
    for case in _yaml(project, TESTS).get("tests") or []:
        for one in table(case).get("alert_rule_test") or []:
            name = str(table(one).get("alertname"))
            if name not in seen:
                fix = did_you_mean(name, rules)
                yield Finding(TESTS, _line(project, TESTS, name), f"a test names {name}, which is no alert", fix=fix)
            else:
                seen[name].add(bool(table(one).get("exp_alerts")))
    for name, ways in seen.items():
        for way, words in ((True, "fires"), (False, "holds back")):
            if way not in ways:
                text = f"no test shows that {name} {words}"
                yield Finding(RULES, rules[name]["__line"], text, expected=f"one in {TESTS}")


def _rules(project: Project) -> dict[str, dict[str, Any]]:
    """Each alert by its name, with the line on which it stands."""
    groups = _yaml(project, RULES).get("groups") or []
    found = [rule for group in groups for rule in table(group).get("rules") or [] if "alert" in table(rule)]
    return {str(rule["alert"]): {**rule, "__line": _line(project, RULES, str(rule["alert"]))} for rule in found}


def _yaml(project: Project, path: str) -> dict[str, Any]:
    return _parsed(project.text(path)) if project.exists(path) else {}


@cache
def _parsed(text: str) -> dict[str, Any]:
    try:
        return table(yaml.load(text, Loader=LOADER))  # noqa: S506
    except yaml.YAMLError:
        return {}


def _line(project: Project, path: str, name: str) -> int:
    named = re.compile(rf"alert(name)?:\s*['\"]?{re.escape(name)}['\"]?\s*$")
    lines = project.text(path).splitlines()
    return next((number for number, line in enumerate(lines, start=1) if named.search(line)), 1)


def _headings(project: Project) -> dict[str, Heading]:
    """The headings of the third level under Alerts."""
    page = project.pages.get(RUNBOOK)
    found: dict[str, Heading] = {}
    inside = False
    for heading in page.headings if page else ():
        if heading.level == 2:  # noqa: PLR2004
            inside = heading.text == SECTION
        elif inside and heading.level == 3:  # noqa: PLR2004
            found[heading.text] = heading
    return found


def _body(page: Page, heading: Heading) -> str:
    following = [other.line for other in page.headings if other.line > heading.line]
    return "\n".join(page.lines[heading.line : min(following) - 1 if following else None])


def exported(project: Project) -> set[str]:
    """The names under which metrics are shown."""
    return set().union(*(exported_metrics(text) for text in project.engine.values()))
