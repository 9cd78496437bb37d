"""Reads monitoring/ and the alerts in the runbook: rules, what they record, and what a query names."""

import re
from typing import Any

from mlteam.repository.dbt_files import list_tables, parse_yaml
from mlteam.repository.page import Section
from mlteam.repository.project import Project
from mlteam.repository.python_code import find_exported_metrics

RULES = "monitoring/alerts.yml"
TESTS = "monitoring/alerts_test.yml"
DASHBOARD = "monitoring/dashboard.json"
RUNBOOK = "docs/runbook.md"
DURATIONS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Parts of a query that name no metric: texts, labels, functions, words.
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
LABELS = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
LABEL_VALUES = re.compile(r"label_values\(([^,]*),[^)]*\)")
METRIC_NAME = re.compile(r"(?<![\w.$])[a-zA-Z_:][\w:]*(?!\w*\s*\()")
QUERY_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def list_rules(project: Project) -> dict[str, dict[str, Any]]:
    """Return each alert by name, with its line under `__line__`."""
    groups = list_tables(parse_yaml(project.read(RULES))[0].get("groups"))
    return {str(r["alert"]): r for group in groups for r in list_tables(group.get("rules")) if "alert" in r}


def list_recorded(project: Project) -> set[str]:
    """Return the names of the recording rules."""
    groups = list_tables(parse_yaml(project.read(RULES))[0].get("groups"))
    return {str(r["record"]) for group in groups for r in list_tables(group.get("rules")) if "record" in r}


def list_exported(project: Project) -> set[str]:
    """Return the metrics that the code exports."""
    return set().union(*(find_exported_metrics(text) for text in project.engine.values()))


def list_alert_sections(project: Project) -> dict[str, Section]:
    """Return the third-level sections of the runbook that are named like an alert."""
    page = project.pages.get(RUNBOOK)
    alerts = page.find_section("Alerts", 2) if page else None
    inside = [s for s in page.sections if alerts and alerts.heading.line < s.heading.line < alerts.end] if page else []
    return {s.heading.text: s for s in inside if s.heading.level == 3}  # noqa: PLR2004


def list_rule_numbers(rule: dict[str, Any]) -> set[float]:
    """Return the numbers of a rule, in seconds for durations, with the products that its expression spells out."""
    text = f"{rule.get('expr', '')} {rule.get('for', '')}"
    durations = [float(n) * DURATIONS[unit] for n, unit in re.findall(r"\b(\d+)([smhd])\b", text)]
    products = [float(a) * float(b) for a, b in re.findall(r"([\d.]+) \* ([\d.]+)", text)]
    return {*durations, *products, *map(float, re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", text))}


def list_query_metrics(query: str) -> list[str]:
    """Return the names in a query that can be metrics: no texts, labels, functions or words of the language."""
    bare = LABELS.sub("", TEXT.sub("", LABEL_VALUES.sub(r"\1", query)))
    return [name for name in METRIC_NAME.findall(bare) if name.lower() not in QUERY_WORDS]
