"""Checks of what sentences state: names, check codes, stages, counts, limits, versions."""

import re
from collections.abc import Iterator
from functools import cache

from mlteam.process.checks.registry import CHECKS, check
from mlteam.process.findings import WARNING, Finding
from mlteam.repository.names import is_defined, list_keys_of_tables, list_similar_names, list_tables_of_toml
from mlteam.repository.project import ENGINE, Project
from mlteam.repository.quantities import (
    NUMBER,
    list_gate_numbers,
    list_limits,
    list_quantities,
    list_required_versions,
    parse_number,
)
from mlteam.repository.suggestions import find_nearest, suggest
from mlteam.repository.team import STAGES
from mlteam.repository.toml_files import get_table

NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+|(?:[A-Z][a-z0-9]+){2,}")
TABLE = re.compile(r"\[\[?([a-z_]+(?:\.[a-zA-Z_]+)*)\]?\]")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
CODE = re.compile(r"\bPRC\d{3}\b")
SETTING = re.compile(r"`\[([a-z_]+)\] (\w+)[^`]*`|`(\w+)(?: = [^`]*)?` (?:in|under|of) `\[([a-z_]+)\]`")
STATED = {
    kind: re.compile(rf"\b(?:{words})\b[^.`\n]{{0,20}}((?:`\w+`(?:, | and |, and | or )?)+)", re.IGNORECASE)
    for kind, words in {"stage": "stages?", "severity": "severity|severities"}.items()
}
COUNTED = re.compile(
    rf"\b(?P<the>the|all|all the|these|those|its|our|with|has|have|are|of)? ?\b(?P<number>{NUMBER}) "
    r"(?P<noun>gates|alerts|checks|questions|roles|stages|routes|sessions)\b",
    re.IGNORECASE,
)
NOUN = re.compile(r"\b(?:gates|alerts|checks|questions|roles|stages|routes|sessions)\b", re.IGNORECASE)
UNIT = re.compile(r"\d[ -]?(?:ms|milli|sec|min|hour|day|row|%|MB)")
LAUNCHED = re.compile(r"^(?!.*\b(?:was|were|had|did)\b).*\b(?:gates?|launch(?:ed|es)?|floor|must)\b", re.IGNORECASE)
LEAST = re.compile(r"(?:at least|above|over|more than|exceeds?|reach(?:es)?|below|under|less than|≥|>=) (\d*\.\d+)\b")
VERSION = re.compile(r"\b(?P<name>Python|engine|mlteam) v?(?P<version>\d+\.\d+(?:\.\d+)?)")
LIBRARY = re.compile(r"\b(?P<name>[A-Za-z][\w-]+) v?(?P<version>\d+\.\d+(?:\.\d+)*)\b")
# Sentences about another time may name any version.
PAST = re.compile(r"\b(?:since|until|before|after|from|old|was|were|had|earlier|than|changed|upgrade)", re.IGNORECASE)


@check("PRC034", "names in code marks exist in the code")
def check_names(project: Project) -> Iterator[Finding]:
    """Look up functions, classes, tests, keys, tables and variables.

    Pages that describe the project, and the confirmation of a decision, must name what exists; elsewhere a name that
    is nearly that of something here warns.
    """
    tables = list_tables_of_toml(project)
    for path, page in project.pages.items():
        confirmation = page.find_section("Confirmation", 2)
        confirmed = range(confirmation.heading.line, confirmation.end) if confirmation else range(0)
        for span in page.spans:
            strict = path in project.reference_pages or span.line in confirmed
            named = [name for name in _list_names(span.text) if name not in project.sessions]
            unknown = [name for name in named if not is_defined(project, name)]
            table = TABLE.fullmatch(span.text)
            unknown += [table[1]] if table and table[1].partition(".")[0] not in tables else []
            for name in unknown:
                near = find_nearest(name, tables if table else list_similar_names(project.code, name), 0.8)
                if (strict and (not VARIABLE.fullmatch(name) or name.startswith("MLTEAM_"))) or near:
                    message, fix = f"no code defines `{name}`", f"did you mean {near}?" if near else "correct the name"
                    blocks, allow = "" if strict else WARNING, ("names", name)
                    yield Finding(path, span.line, message, column=span.column, fix=fix, blocks=blocks, allow=allow)


@cache
def _list_names(text: str) -> tuple[str, ...]:
    """Return the names in a code span that is one name, a dotted name, a call, an assignment or a table."""
    if own := re.match(r"(?:from mlteam[\w.]* import |mlteam\.)(\w+)\b(?!\.)", text):
        return (own[1],)
    text = text.partition("=")[0].removesuffix("()").removeprefix("@")
    parts = re.split(r"[.:]", text) if "::" not in text and re.fullmatch(r"[\w.:]+", text) else []
    return tuple(part for part in parts if NAME.fullmatch(part) or VARIABLE.fullmatch(part))


@check("PRC055", "settings of a pipeline in pages exist")
def check_settings(project: Project) -> Iterator[Finding]:
    """Look up `[table] key`, and `key` in `[table]`, among the settings of a pipeline file."""
    keys = list_keys_of_tables(project)
    for path, page in project.reference_pages.items():
        for number, line in ((n, line) for n, line in enumerate(page.lines, 1) if "[" in line):
            for first, key, second_key, second in SETTING.findall(line):
                table, named = first or second, key or second_key
                if table in keys and named not in keys[table]:
                    message, fix = f"[{table}] of a pipeline file has no key {named!r}", suggest(named, keys[table])
                    yield Finding(path, number, message, fix=fix, allow=("names", named))


@check("PRC036", "check codes, stages and severities in pages exist")
def check_codes(project: Project) -> Iterator[Finding]:
    """Look up `PRC000` among the checks, and code spans after the words stage and severity in team.toml."""
    known = {"stage": (*STAGES, "stage", "team"), "severity": (*project.team.escalation, "severity")}
    for path, page in project.pages.items():
        lines = {n for block in page.blocks for n in range(block.line, block.line + block.text.count("\n") + 1)}
        for number, line in ((n, line) for n, line in enumerate(page.lines, start=1) if n in lines):
            for code in (code for code in CODE.findall(line) if code not in CHECKS):
                yield Finding(path, number, f"no such check: {code}", fix=suggest(code, CHECKS))
            for kind, pattern in STATED.items() if path in project.reference_pages else ():
                for word in re.findall(r"`(\w+)`", " ".join(pattern.findall(line))):
                    if word not in known[kind]:
                        message, fix = f"no such {kind}: {word!r}", suggest(word, known[kind])
                        yield Finding(path, number, message, fix=fix, allow=("names", word))


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


@check("PRC039", "a limit in a page is the limit in its file")
def check_limits(project: Project) -> Iterator[Finding]:
    """Compare numbers with a unit, in sentences that name a setting, with the pipeline files and team.toml."""
    limits = list_limits(project)
    for path, page in project.reference_pages.items():
        for block in (block for block in page.blocks if not block.is_open and UNIT.search(block.text)):
            for sentence in _split_sentences(block.text):
                for stated, kind, value in list_quantities(sentence):
                    words = set(re.findall(r"[a-z]{3,}", sentence.lower()))
                    named = [x for x in limits if x.kind == kind and x.words <= words]
                    if named and not any(abs(x.value - value) < 1e-9 for x in named):  # noqa: PLR2004
                        message = f"{stated} is not the limit in {named[0].place}"
                        fix = "delete the number and name the setting, or correct it"
                        yield Finding(path, block.line, message, fix=fix, allow=("phrases", stated))


@check("PRC056", "what a launch needs, as a page says, is what the pipeline file says")
def check_floors(project: Project) -> Iterator[Finding]:
    """Compare numbers after `at least` or `below` with the gates, in sentences about a launch by the primary metric."""
    gates = list(list_gate_numbers(project))
    for path, page in project.reference_pages.items():
        for block in (block for block in page.blocks if not block.is_open and LEAST.search(block.text)):
            for sentence in (text for text in _split_sentences(block.text) if LAUNCHED.search(text)):
                named = [(numbers, place) for metric, numbers, place in gates if metric in sentence]
                for stated in LEAST.findall(sentence) if named else ():
                    if not any(float(stated) in numbers for numbers, _ in named):
                        message = f"{stated} is not the limit in {named[0][1]}"
                        fix = "delete the number and name the setting, or correct it"
                        yield Finding(path, block.line, message, fix=fix, allow=("phrases", stated))


def _split_sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.;:])\s", text.replace("\n", " "))


@check("PRC057", "the version of a library in a page is one that the project permits", blocks=WARNING)
def check_library_versions(project: Project) -> Iterator[Finding]:
    """Compare versions with the requirements, in sentences that are not about another time."""
    required = list_required_versions(project)
    for path, page in project.reference_pages.items():
        for block in (block for block in page.blocks if not block.is_open and LIBRARY.search(block.text)):
            sentences = [text for text in _split_sentences(block.text) if not PAST.search(text)]
            for match in (match for text in sentences for match in LIBRARY.finditer(text)):
                name = match["name"].lower()
                low, high = required.get(name) or required.get(f"{name}-core") or ("", "")
                version, least, end = (tuple(map(int, re.findall(r"\d+", v))) for v in (match["version"], low, high))
                if least and (version < least[: len(version)] or (end and version >= end)):
                    needed = f"{low} or later, below {high}" if high else f"{low} or later"
                    message = f"{match[0]}: the project needs {needed}"
                    yield Finding(path, block.line, message, fix="correct it", allow=("phrases", match[0]))


@check("PRC040", "a version in a page is the version in its file")
def check_versions(project: Project) -> Iterator[Finding]:
    """Compare versions of Python and of the engine with pyproject.toml and engine/RELEASE."""
    settings = get_table(project.read_tables("pyproject.toml"), "project")
    python = _list_python_versions(str(settings.get("requires-python", "")))
    engine = re.findall(r'"(\d[\d.]*)"', project.read("engine/RELEASE") or project.read("pyproject.toml"))
    for path, page in project.reference_pages.items():
        for block in page.blocks:
            for match in VERSION.finditer(block.text):
                known = python if match["name"] == "Python" else engine
                if known and match["version"] not in known:
                    line = block.line + block.text[: match.start()].count("\n")
                    message = f"{match[0]}: the project has {', '.join(sorted(known))}"
                    yield Finding(path, line, message, fix="correct it")


def _list_python_versions(required: str) -> set[str]:
    """Return the minor versions of Python that `requires-python` permits."""
    low, high = (re.search(pattern, required) for pattern in (r">=\s*3\.(\d+)", r"<\s*3\.(\d+)"))
    return {f"3.{minor}" for minor in range(int(low[1]), int(high[1]) if high else int(low[1]) + 9)} if low else set()
