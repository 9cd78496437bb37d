"""Checks of data about people: declared in each pipeline, and not in git."""

import re
from collections.abc import Iterator
from pathlib import Path

from mlteam.core.personal import MIN_SUSPECT_SHARE, VALUE_PATTERNS, YES_OR_NO, detect_personal_kind
from mlteam.process.checks.registry import check
from mlteam.process.findings import WARNING, Finding
from mlteam.repository.project import Project
from mlteam.repository.table_files import read_columns
from mlteam.repository.toml_files import find_key_line, get_table

PRIVACY_LISTS = ("identifiers", "quasi_identifiers", "sensitive")
# Tables that need a library to be read.
CLOSED = (".db", ".duckdb", ".feather", ".sqlite", ".sqlite3", ".xls", ".xlsx")


@check("PRC048", "every pipeline states which columns are about people")
def check_privacy(project: Project) -> Iterator[Finding]:
    """Look for identifiers, quasi-identifiers and sensitive columns with k, or for `none_because`."""
    for name, spec in project.pipelines.items():
        path, privacy = f"pipelines/{name}.toml", get_table(spec, "privacy")
        line = find_key_line(project.read(path), "privacy")
        listed = [column for key in PRIVACY_LISTS for column in privacy.get(key, [])]
        if not listed and not str(privacy.get("none_because", "")).strip():
            expected = '[privacy] with quasi_identifiers, sensitive, k, l, or none_because = "…"'
            yield Finding(path, line, "[privacy] does not state whether the data is about people", expected=expected)
        elif privacy.get("quasi_identifiers") and "k" not in privacy:
            yield Finding(path, line, "[privacy] has quasi_identifiers and no k", expected="k = 5, or more")


@check("PRC049", "no table in git holds personal data")
def check_tables(project: Project) -> Iterator[Finding]:
    """Look at the names and the first values of the columns; what a pipeline calls not personal may stay."""
    cleared = {c for spec in project.pipelines.values() for c in get_table(spec, "privacy").get("not_personal", [])}
    fix = "keep the table in data/, which git ignores, or take the column out; what was committed stays in the history"
    for path in project.files:
        suffix = Path(path).suffix.lower()
        if suffix in CLOSED:
            message = f"{suffix} files cannot be looked into for personal data"
            yield Finding(path, 1, message, fix="keep it in data/, or as CSV", blocks=WARNING, allow=("paths", path))
            continue
        for name, values in read_columns(project.root / path, suffix).items():
            kind = "" if name in cleared or _say_yes_or_no(values) else detect_personal_kind(name)
            if kind := kind or ("" if name in cleared else _detect_in_values(values)):
                yield Finding(path, 1, f"column {name!r} looks like {kind}", fix=fix, allow=("paths", path))


def _say_yes_or_no(values: list[str]) -> bool:
    said = {value.strip().lower() for value in values} - {""}
    return bool(said) and said <= set(YES_OR_NO)


def _detect_in_values(values: list[str]) -> str:
    filled = [value.strip() for value in values if value.strip()]
    for kind, pattern in VALUE_PATTERNS.items():
        form = re.compile(pattern)
        if filled and sum(bool(form.fullmatch(value)) for value in filled) >= MIN_SUSPECT_SHARE * len(filled):
            return kind
    return ""
