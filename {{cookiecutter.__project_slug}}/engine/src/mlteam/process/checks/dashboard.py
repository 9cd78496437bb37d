"""Checks of what is only looked at: a panel or an alert that asks for what is not there shows a quiet day."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache

from mlteam.process.checks.alerts import DASHBOARD, RULES, exported
from mlteam.process.checks.findings import Finding, check, did_you_mean
from mlteam.process.checks.project import ENGINE, Project

QUERY = re.compile(r'"(?:expr|query)"\s*:\s*("(?:[^"\\]|\\.)*")')
OF_PROMETHEUS = {"up", "ALERTS"}
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
LABELS = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
LISTING = re.compile(r"label_values\(([^,]*),[^)]*\)")
NAME = re.compile(r"(?<![\w.$])[a-zA-Z_:][\w:]*(?!\w*\s*\()")
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
CHECK = re.compile(r'\bcheck=\\?"(\w+)')
FINDINGS = ("Finding", "compare_with_limit", "report_unknown")


@check("PRC085", "every panel of the dashboard asks for metrics that there are")
def panels(project: Project) -> Iterator[Finding]:
    """Every name in a query is exported by the code, or Prometheus' own; and there is a query."""
    if not project.exists(DASHBOARD):
        return
    text = project.text(DASHBOARD)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        yield Finding(DASHBOARD, error.lineno, f"not JSON: {error.msg}", column=error.colno, fix="fix the line")
        return
    known = OF_PROMETHEUS | exported(project)
    queries = list(QUERY.finditer(text))
    for found in queries:
        line = text.count("\n", 0, found.start()) + 1
        for name in dict.fromkeys(metrics(json.loads(found[1]))):
            if name not in known:
                yield Finding(DASHBOARD, line, f"no code exports {name}", fix=did_you_mean(name, known))
    if not queries:
        yield Finding(DASHBOARD, 1, "no panel asks for anything", expected='"expr" with a metric of the code')


def metrics(query: str) -> list[str]:
    """The metrics that a query in PromQL names, without its functions, labels and words."""
    bare = LABELS.sub("", TEXT.sub("", LISTING.sub(r"\1", query)))
    return [name for name in NAME.findall(bare) if name.lower() not in WORDS]


@check("PRC086", "every check of monitoring has an alert, and rules and dashboard name no other")
def monitored(project: Project) -> Iterator[Finding]:
    """Set equality between the checks in the code and `check="…"` in the rules; the dashboard may show fewer."""
    made = {
        name: (path, line)
        for path, text in project.engine.items()
        if path.startswith(f"{ENGINE}/monitoring/")
        for name, line in findings(text)
    }
    named: set[str] = set()
    for path in (RULES, DASHBOARD):
        for number, line in enumerate(project.text(path).splitlines() if project.exists(path) else (), start=1):
            for name in CHECK.findall(line):
                if path == RULES:
                    named.add(name)
                if name not in made:
                    text = f"monitoring makes no check {name}"
                    yield Finding(path, number, text, fix=did_you_mean(name, made))
    for name, (path, number) in made.items():
        if name not in named:
            yield Finding(path, number, f"no alert rings for the check {name}", expected=f"a rule in {RULES}")


@cache
def findings(code: str) -> tuple[tuple[str, int], ...]:
    """The checks whose findings a module makes, by the name that a finding begins with, and on which line."""
    found = []
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(said)), *_]) if name in FINDINGS:
                found.append((said, node.lineno))
    return tuple(found)
