"""Numbers as sentences state them, and the limits that files set."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from mlteam.repository.project import ENGINE, Project
from mlteam.repository.python_code import parse_module
from mlteam.repository.toml_files import get_table

WORDS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
]
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
NUMBER = rf"(?:\d[\d,]*|(?:{'|'.join(TENS)})(?:-(?:{'|'.join(WORDS)}))?|{'|'.join(WORDS)})"
LIMIT = re.compile(
    r"\b(?:than|above|below|over|under|within|at least|at most|up to|exceeds?|beyond|every|each|last|for|after|of|is)"
    r"(?: the| about)? (?P<number>\d[\d,.]*)[ -]?"
    r"(?P<unit>ms|milliseconds?|seconds?|minutes?|hours?|days?|rows|%|MB)(?!\w)",
    re.IGNORECASE,
)
SECONDS = {"ms": 0.001, "millisecond": 0.001, "second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Limit(NamedTuple):
    """A limit that a file sets: the words that name it, the kind of its unit, its value, and the place."""

    words: frozenset[str]
    kind: str
    value: float
    place: str


def parse_number(text: str) -> int:
    """Return the value of a number in digits or words, up to fifty-nine."""
    ten, _, one = text.lower().partition("-")
    if ten in TENS:
        return TENS[ten] + (WORDS.index(one) + 1 if one else 0)
    return WORDS.index(ten) + 1 if ten in WORDS else int(text.replace(",", ""))


def list_quantities(text: str) -> Iterator[tuple[str, str, float]]:
    """Yield each stated limit with a unit: its words, the kind of its unit, its value."""
    for match in LIMIT.finditer(text):
        yield f"{match['number']} {match['unit']}", *normalize_quantity(match["number"], match["unit"])


def normalize_quantity(number: str, unit: str) -> tuple[str, float]:
    """Return the kind of a unit (seconds, share, rows, MB) and the value in it."""
    value, unit = float(number.replace(",", "").rstrip(".")), unit.lower().rstrip("s") if unit != "ms" else unit
    if unit in SECONDS:
        return "seconds", value * SECONDS[unit]
    return ("share", value / 100) if unit == "%" else (unit, value)


def list_limits(project: Project) -> list[Limit]:
    """List the limits of the pipeline files, with the engine's defaults, and the response times of team.toml."""
    found = []
    defaults = _read_defaults(project.engine.get(f"{ENGINE}/config/operations.py", ""))
    for name, spec in project.pipelines.items():
        for table, fields in defaults.items():
            for key, value in {**fields, **get_table(spec, table)}.items():
                *words, unit = key.split("_")
                kind = {"megabytes": "MB"}.get(unit, unit)
                if words and kind in ("ms", "days", "hours", "rows", "MB") and isinstance(value, int | float):
                    place = f"pipelines/{name}.toml: {table}.{key}"
                    found.append(Limit(frozenset(words), *normalize_quantity(str(value), kind), place))
    for severity, entry in project.team.escalation.items():
        time = re.fullmatch(r"(\d+) (?:working )?(\w+)", str(entry.get("within", "")))
        if time and time[2].rstrip("s") in SECONDS:
            place = f"team.toml: escalation.{severity}"
            found.append(Limit(frozenset({severity, "within"}), *normalize_quantity(time[1], time[2]), place))
    return found


def list_gate_numbers(project: Project) -> Iterator[tuple[str, set[float], str]]:
    """Yield for each pipeline with a floor its primary metric, the numbers of its gates, and the place of the floor."""
    defaults = _read_defaults(project.engine.get(f"{ENGINE}/config/operations.py", "")).get("gates", {})
    for name, spec in project.pipelines.items():
        metric, gates = get_table(spec, "evaluation").get("primary"), {**defaults, **get_table(spec, "gates")}
        if isinstance(metric, str) and isinstance(gates.get("floor"), int | float):
            values = [*gates.values(), *get_table(gates, "champion").values()]
            yield metric, {v for v in values if isinstance(v, int | float)}, f"pipelines/{name}.toml: gates.floor"


def list_required_versions(project: Project) -> dict[str, tuple[str, str]]:
    """Return the least version of each package that pyproject.toml or the engine requires, and the first too high."""
    text = project.read("pyproject.toml") + project.read("engine/pyproject.toml")
    found = re.findall(r'"([a-z][a-z0-9-]*)(?:\[[^\]]*\])?>=([\d.]+)(?:,<([\d.]+))?', text)
    return {name: (low, high) for name, low, high in found}


@cache
def _read_defaults(code: str) -> dict[str, dict[str, object]]:
    """Return the default of each field of the settings classes of a module, by table and key."""
    found: dict[str, dict[str, object]] = {}
    for node in (node for node in parse_module(code).body if isinstance(node, ast.ClassDef)):
        for field in node.body:
            match field:
                case ast.AnnAssign(target=ast.Name(id=key), value=ast.Call(keywords=keywords)):
                    named = [k.value for k in keywords if k.arg == "default" and isinstance(k.value, ast.Constant)]
                    found.setdefault(node.name.lower(), {}).update({key: named[0].value} if named else {})
    return found
