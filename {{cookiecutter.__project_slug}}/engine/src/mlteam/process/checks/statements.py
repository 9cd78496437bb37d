"""Checks of what sentences state: names, check codes, stages, counts, limits, versions."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from mlteam.process.checks.registry import CHECKS, check
from mlteam.process.findings import STAGES, WARNING, Finding, find_nearest, suggest
from mlteam.process.project import ENGINE, Project
from mlteam.process.python_code import parse_module
from mlteam.process.toml_files import get_table

NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+|(?:[A-Z][a-z0-9]+){2,}")
TABLE = re.compile(r"\[\[?([a-z_]+(?:\.[a-zA-Z_]+)*)\]?\]")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
CODE = re.compile(r"\bPRC\d{3}\b")
STAGE = re.compile(r"\bstages?\b[^.`\n]{0,20}((?:`\w+`(?:, | and |, and | or )?)+)", re.IGNORECASE)
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
COUNTED = re.compile(
    rf"\b(?P<the>the|all|all the|these|those|its|our|with|has|have|are|of)? ?\b(?P<number>{NUMBER}) "
    r"(?P<noun>gates|alerts|checks|questions|roles|stages|routes|sessions)\b",
    re.IGNORECASE,
)
NOUN = re.compile(r"\b(?:gates|alerts|checks|questions|roles|stages|routes|sessions)\b", re.IGNORECASE)
UNIT = re.compile(r"\d[ -]?(?:ms|milli|sec|min|hour|day|row|%|MB)")
LIMIT = re.compile(
    r"\b(?:than|above|below|over|under|within|at least|at most|up to|exceeds?|beyond|every|each|last|for|after|of|is)"
    r"(?: the| about)? (?P<number>\d[\d,.]*)[ -]?"
    r"(?P<unit>ms|milliseconds?|seconds?|minutes?|hours?|days?|rows|%|MB)(?!\w)",
    re.IGNORECASE,
)
SECONDS = {"ms": 0.001, "millisecond": 0.001, "second": 1, "minute": 60, "hour": 3600, "day": 86400}
VERSION = re.compile(r"\b(?P<name>Python|engine|mlteam) v?(?P<version>\d+\.\d+(?:\.\d+)?)")


@check("PRC034", "names in code marks exist in the code")
def check_names(project: Project) -> Iterator[Finding]:
    """Look up functions, classes, tests, keys, tables and variables.

    Pages that describe the project, and the confirmation of a decision, must name what exists; elsewhere a name that
    is nearly that of something here warns.
    """
    tables = _list_tables(project)
    for path, page in project.pages.items():
        confirmation = page.find_section("Confirmation", 2)
        confirmed = range(confirmation.heading.line, confirmation.end) if confirmation else range(0)
        for span in page.spans:
            strict = path in project.reference_pages or span.line in confirmed
            unknown = [
                name for name in _list_names(span.text) if not project.defines(name) and name not in project.sessions
            ]
            table = TABLE.fullmatch(span.text)
            unknown += [table[1]] if table and table[1].partition(".")[0] not in tables else []
            for name in unknown:
                near = find_nearest(name, tables if table else _list_similar(project.code, name), 0.8)
                if (strict and not VARIABLE.fullmatch(name)) or near:
                    message, fix = f"no code defines `{name}`", f"did you mean {near}?" if near else "correct the name"
                    blocks, allow = "" if strict else WARNING, ("names", name)
                    yield Finding(path, span.line, message, column=span.column, fix=fix, blocks=blocks, allow=allow)


def _list_tables(project: Project) -> set[str]:
    """Return the first names of the tables in TOML files, comments included, and of a pipeline file's tables."""
    text = "\n".join(project.read(file) for file in project.files if file.endswith((".toml", ".toml.jinja")))
    fields = re.findall(r"^    (\w+):", project.engine.get(f"{ENGINE}/config/spec.py", ""), re.MULTILINE)
    return {*fields, *(name.partition(".")[0] for name in re.findall(r"^[# ]*\[+([\w.]+)", text, re.MULTILINE))}


@cache
def _list_names(text: str) -> tuple[str, ...]:
    """Return the names in a code span that is one name, a dotted name, a call, an assignment or a table."""
    text = text.partition("=")[0].removesuffix("()").removeprefix("@")
    parts = re.split(r"[.:]", text) if "::" not in text else []
    return (
        tuple(p for p in parts if NAME.fullmatch(p) or VARIABLE.fullmatch(p)) if re.fullmatch(r"[\w.:]+", text) else ()
    )


@cache
def _list_similar(code: str, name: str) -> set[str]:
    """Return the names in the code that begin with the same two letters, of nearly the same length."""
    return {n for n in re.findall(rf"\b{re.escape(name[:2])}\w+", code) if abs(len(n) - len(name)) < 4}  # noqa: PLR2004


@check("PRC036", "check codes and stages in pages exist")
def check_codes(project: Project) -> Iterator[Finding]:
    """Look up `PRC000` among the checks, and code spans after the word stage among the stages."""
    for path, page in project.pages.items():
        for block in page.blocks:
            lines = page.lines[block.line - 1 : block.line + block.text.count("\n")]
            for number, line in enumerate(lines, start=block.line):
                for code in CODE.findall(line):
                    if code not in CHECKS:
                        yield Finding(path, number, f"no such check: {code}", fix=suggest(code, CHECKS))
                for match in STAGE.finditer(line) if path in project.reference_pages else ():
                    for stage in re.findall(r"`(\w+)`", match[1]):
                        if stage not in STAGES and stage not in ("stage", "team"):
                            fix = suggest(stage, STAGES)
                            yield Finding(path, number, f"no such stage: {stage!r}", fix=fix, allow=("names", stage))


@check("PRC037", "a number of things in a page is the number that exists")
def check_counts(project: Project) -> Iterator[Finding]:
    """Compare statements such as `all nine gates` with the code."""
    counts = count_facts(project)
    for path, page in project.reference_pages.items():
        for block in (block for block in page.blocks if not block.is_open and NOUN.search(block.prose)):
            for match in COUNTED.finditer(block.prose):
                number, noun = parse_number(match["number"]), match["noun"].lower()
                if counts.get(noun) and number != counts[noun] and (match["the"] or number > 3):  # noqa: PLR2004
                    line = block.line + block.prose[: match.start()].count("\n")
                    message = f"{match[0].strip()!r}: there are {counts[noun]}"
                    fix = f"delete the number, or write {counts[noun]}"
                    yield Finding(path, line, message, fix=fix, allow=("phrases", match[0].strip()))


def count_facts(project: Project) -> dict[str, int]:
    """Count what pages may state a number of."""
    gates = project.engine.get(f"{ENGINE}/launch/gates.py", "")
    listed = re.search(r"def evaluate_gates.*?return \[(.*?)\n    \]", gates, re.DOTALL)
    return {
        "gates": len(re.findall(r"^        (?=[A-Z_a-z])", listed[1], re.MULTILINE)) if listed else 0,
        "alerts": len(re.findall(r"^\s*- alert:", project.read("monitoring/alerts.yml"), re.MULTILINE)),
        "checks": len(CHECKS),
        "questions": len(project.settings.questions),
        "roles": len(project.team.roles),
        "stages": len(STAGES),
        "routes": len(project.routes),
        "sessions": len(project.sessions),
    }


def parse_number(text: str) -> int:
    """Return the value of a number in digits or words, up to fifty-nine."""
    ten, _, one = text.lower().partition("-")
    if ten in TENS:
        return TENS[ten] + (WORDS.index(one) + 1 if one else 0)
    return WORDS.index(ten) + 1 if ten in WORDS else int(text.replace(",", ""))


class Limit(NamedTuple):
    """A limit that a file sets: the words that name it, the kind of its unit, its value, and the place."""

    words: frozenset[str]
    kind: str
    value: float
    place: str


@check("PRC039", "a limit in a page is the limit in its file")
def check_limits(project: Project) -> Iterator[Finding]:
    """Compare numbers with a unit, in sentences that name a setting, with the pipeline files and team.toml."""
    limits = list_limits(project)
    for path, page in project.reference_pages.items():
        for block in (block for block in page.blocks if not block.is_open and UNIT.search(block.text)):
            for sentence in re.split(r"(?<=[.;:])\s", block.text.replace("\n", " ")):
                for stated, kind, value in list_quantities(sentence):
                    words = set(re.findall(r"[a-z]{3,}", sentence.lower()))
                    named = [x for x in limits if x.kind == kind and x.words <= words]
                    if named and not any(abs(x.value - value) < 1e-9 for x in named):  # noqa: PLR2004
                        message = f"{stated} is not the limit in {named[0].place}"
                        fix = "delete the number and name the setting, or correct it"
                        yield Finding(path, block.line, message, fix=fix, allow=("phrases", stated))


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


@check("PRC040", "a version in a page is the version in its file")
def check_versions(project: Project) -> Iterator[Finding]:
    """Compare versions of Python and of the engine with pyproject.toml and engine/RELEASE."""
    python = _list_python_versions(project.read("pyproject.toml"))
    engine = re.findall(r'"(\d[\d.]*)"', project.read("engine/RELEASE") or project.read("pyproject.toml"))
    for path, page in project.reference_pages.items():
        for block in page.blocks:
            for match in VERSION.finditer(block.text):
                known = python if match["name"] == "Python" else engine
                if known and match["version"] not in known:
                    line = block.line + block.text[: match.start()].count("\n")
                    yield Finding(
                        path, line, f"{match[0]}: the project has {', '.join(sorted(known))}", fix="correct it"
                    )


def _list_python_versions(text: str) -> set[str]:
    """Return the minor versions of Python that `requires-python` permits."""
    try:
        required = str(tomllib.loads(text)["project"]["requires-python"])
    except (tomllib.TOMLDecodeError, KeyError):
        return set()
    low, high = (re.search(pattern, required) for pattern in (r">=\s*3\.(\d+)", r"<\s*3\.(\d+)"))
    return {f"3.{minor}" for minor in range(int(low[1]), int(high[1]) if high else int(low[1]) + 9)} if low else set()
