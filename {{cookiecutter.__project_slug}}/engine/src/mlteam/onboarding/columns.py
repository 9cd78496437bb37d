"""What the columns of a table hold, and the SQL that types them without changing a value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import duckdb

from mlteam.core.errors import ProjectError, suggest
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.onboarding.names import clean_names

ColumnKind = Literal["integer", "number", "boolean", "date", "text", "other"]
MISSING_TOKENS = ("", "na", "n/a", "null", "none", "nan", "-", "?")
TRUE_WORDS, FALSE_WORDS = ("yes", "y", "true", "t"), ("no", "n", "false", "f")
# Eighteen digits always fit 64 bits; a leading zero means a code, and a code is not a number.
INTEGER_PATTERN = r"[+-]?(0|[1-9]\d{0,17})"
# A double does not keep all digits of these, so a column that mixes them with fractions stays text.
LONG_NUMBER_PATTERN = r"[+-]?\d{16,}"
DECIMAL_PATTERN = r"[+-]?(0|[1-9]\d*)?(\.\d+)?([eE][+-]?\d+)?|[+-]?\d\.?"
# A sign, a currency, a percent, or marks between digits: nobody knows whether 1,234 is more than a thousand.
FORMATTED_NUMBER_PATTERN = r"[+-]?[$€£¥]?\s?\d[\d.,' ]*\s?[%$€£¥]?"
# Notations with one reading, and the SQL of their number; a column that fits both `thousands` and `comma`, such as one
# of 1,234 and 2,345, stays text.
MARKS = "$€£¥ "
NOTATIONS = {
    "percent": (r"[+-]?(0|[1-9]\d*)(\.\d+)? ?%", "translate({0}, ' %', '')"),
    "thousands": (
        r"[+-]?[$€£¥]? ?[1-9]\d{0,2}(,\d{3})+(\.\d+)?|[+-]?[$€£¥]? ?(0|[1-9]\d{0,14})(\.\d+)?",
        f"translate({{0}}, ',{MARKS}', '')",
    ),
    "comma": (
        r"[+-]?([1-9]\d{0,2}(\.\d{3})+|0|[1-9]\d{0,14})(,\d+)? ?[$€£¥]?",
        f"translate({{0}}, ',.{MARKS}', '.')",
    ),
}
LIKE_NUMBER = "like a number"
FIRST_ROWS = 1_000
CODE_PATTERN = r"0\d+|\d{16,}"
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m",
    "%Y/%m",
    "%b-%Y",
    "%b %Y",
    "%B %Y",
)
# What DuckDB calls a column without a name.
UNNAMED_PATTERN = re.compile(r"column_?\d+")
MAX_COLUMNS = 1_000
INTEGER_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
WIDE_INTEGER_TYPES = ("UBIGINT", "HUGEINT", "UHUGEINT")
FLOAT_TYPES = ("FLOAT", "DOUBLE")


@dataclass(frozen=True)
class SourceColumn:
    """One column as it is and as it will be called.

    Attributes:
        raw: The name upstream.
        name: The clean name.
        kind: What its values are.
        sql: The expression that gives the typed value from the raw column.
        missing: How many rows have no value.
        read_as_missing: Texts that were taken for a missing value, with the number of rows.
        other_date_formats: Other forms of dates that every value has as well.
        notation: Whether every text looks like a number in a notation that is not read.
        read_as_number: A text whose notation was read as that of a number, and the number.
        distinct: How many different values there are.
        length: The mean length of a text.
        table: The joined table that it is of; empty for a column of the rows themselves.
    """

    raw: str
    name: str
    kind: ColumnKind
    sql: str
    missing: int = 0
    read_as_missing: tuple[tuple[str, int], ...] = ()
    other_date_formats: str = ""
    notation: bool = False
    read_as_number: str = ""
    distinct: int = 0
    length: float = 0.0
    table: str = ""


def inspect_columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[SourceColumn]:
    """Look at every column of a table.

    Args:
        connection: Where the table can be read.
        table: What SQL selects from.
    """
    described = connection.execute(f"describe select * from {table}").fetchall()
    types = {str(row[0]): str(row[1]) for row in described if row[0] != "_loaded_at"}
    if len(types) > MAX_COLUMNS:
        what = f"the table has {len(types):,} columns, more than {MAX_COLUMNS:,}"
        raise ProjectError(what, fix="choose those that matter, and bring these")
    names = clean_names(types)
    found = [_detect_type(connection, table, raw, names[raw], kind) for raw, kind in types.items()]
    return [count_values(connection, table, column) for column in found]


def _detect_type(connection: duckdb.DuckDBPyConnection, table: str, raw: str, name: str, kind: str) -> SourceColumn:
    column = quote_identifier(raw)
    if kind == "VARCHAR":
        return _detect_text_type(connection, table, raw, name)
    if kind in INTEGER_TYPES:
        return SourceColumn(raw, name, "integer", f"cast({column} as bigint)" if kind != "BIGINT" else column)
    if kind in FLOAT_TYPES:
        broken = _fetch_row(connection, f"select count(*) filter (where not isfinite({column})) from {table}")[0]
        return SourceColumn(
            raw, name, "number", f"case when isfinite({column}) then {column} end" if broken else column
        )
    if kind in WIDE_INTEGER_TYPES or (kind.startswith("DECIMAL") and kind.endswith(",0)")):
        lost = (
            f"select count(*) filter (where {column} is not null and try_cast({column} as bigint) is null) from {table}"
        )
        fits = _fetch_row(connection, lost)[0] == 0
        return SourceColumn(
            raw, name, "integer" if fits else "text", f"cast({column} as {'bigint' if fits else 'varchar'})"
        )
    if kind.startswith("DECIMAL"):
        return SourceColumn(raw, name, "number", f"cast({column} as double precision)")
    if kind == "BOOLEAN":
        return SourceColumn(raw, name, "boolean", column)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return SourceColumn(raw, name, "date", column if kind == "DATE" else f"cast({column} as timestamp)")
    if kind.startswith("ENUM"):
        return SourceColumn(raw, name, "text", f"cast({column} as varchar)")
    return SourceColumn(raw, name, "other", column)


def _detect_text_type(connection: duckdb.DuckDBPyConnection, table: str, raw: str, name: str) -> SourceColumn:
    """Return a column of texts: the narrowest kind that every value fits, or else a text."""
    tokens, untrimmed = _find_missing_tokens(connection, table, raw)
    present = f"trim({quote_identifier(raw)})" if untrimmed else quote_identifier(raw)
    for token, _ in tokens:
        present = f"nullif({present}, {quote_literal(token)})"
    words = ", ".join(map(quote_literal, TRUE_WORDS + FALSE_WORDS))

    def match(pattern: str) -> str:
        return f"regexp_full_match({present}, {quote_literal(pattern)})"

    tests = {
        "integer": match(INTEGER_PATTERN),
        "number": f"{match(DECIMAL_PATTERN)} and not {match(LONG_NUMBER_PATTERN)} "
        f"and isfinite(try_cast({present} as double))",
        "boolean": f"lower({present}) in ({words})",
        **{
            format_: f"try_strptime({present}, {quote_literal(format_)}) >= date '1000-01-01'"
            for format_ in DATE_FORMATS
        },
        **{name: match(pattern) for name, (pattern, _) in NOTATIONS.items()},
    }
    (values,) = _fetch_row(connection, f"select count({present}) from {table}")
    like_number = f"{match(FORMATTED_NUMBER_PATTERN)} and not {match(CODE_PATTERN)}"
    passed = _list_passed(connection, table, present, tests | {LIKE_NUMBER: like_number}) if values else []
    fitting = [kind for kind in passed if kind != LIKE_NUMBER]
    unclear = fitting == ["thousands", "comma"]
    sql, kind = _build_cast(connection, table, present, fitting[0] if fitting and not unclear else "text")
    read = _show_reading(connection, table, raw, sql) if kind == "number" and fitting[0] in NOTATIONS else ""
    others = ", ".join(form for form in fitting[1:] if form in DATE_FORMATS) if kind == "date" else ""
    return SourceColumn(
        raw,
        name,
        kind,
        sql,
        read_as_missing=tuple(tokens),
        other_date_formats=others,
        notation=kind == "text" and LIKE_NUMBER in passed,
        read_as_number=read,
    )


def _list_passed(connection: duckdb.DuckDBPyConnection, table: str, present: str, tests: dict[str, str]) -> list[str]:
    """Return the names of the tests that every value passes; what the first rows fail is not asked of all."""
    passed = list(tests)
    for rows in (f"(select * from {table} limit {FIRST_ROWS})", table):
        # A test that has no answer is one that was failed, but a value that is missing fails none.
        asked = ", ".join(f"bool_and({present} is null or coalesce({tests[name]}, false))" for name in passed)
        answers = _fetch_row(connection, f"select {asked} from {rows}") if passed else ()
        passed = [name for name, answer in zip(passed, answers, strict=True) if answer]
    return passed


def _show_reading(connection: duckdb.DuckDBPyConnection, table: str, raw: str, sql: str) -> str:
    """Return the longest text of a column with the number that it is read as."""
    text = quote_identifier(raw)
    query = f"select {text}, {sql} from {table} where {sql} is not null order by length({text}) desc limit 1"
    shown, number = _fetch_row(connection, query)
    return f"{shown!r} is {number:g}"


def _find_missing_tokens(
    connection: duckdb.DuckDBPyConnection, table: str, raw: str
) -> tuple[list[tuple[str, int]], bool]:
    """Return the texts in a column that mean that there is none, and whether any value has blanks around it."""
    column = quote_identifier(raw)
    words = ", ".join(map(quote_literal, MISSING_TOKENS))
    found = connection.execute(
        f"select trim({column}), count(*) from {table} where lower(trim({column})) in ({words}) group by 1 order by 1"
    ).fetchall()
    (untrimmed,) = _fetch_row(connection, f"select coalesce(bool_or(trim({column}) <> {column}), false) from {table}")
    return [(str(token), int(count)) for token, count in found], bool(untrimmed)


def _build_cast(connection: duckdb.DuckDBPyConnection, table: str, present: str, kind: str) -> tuple[str, ColumnKind]:
    if kind == "integer":
        return f"cast({present} as bigint)", "integer"
    if kind in NOTATIONS:
        return f"cast({NOTATIONS[kind][1].format(present)} as double precision)", "number"
    if kind == "number":
        return f"cast({present} as double precision)", "number"
    if kind == "boolean":
        seen = {
            str(word) for (word,) in connection.execute(f"select distinct lower({present}) from {table}").fetchall()
        }
        true, false = (
            ", ".join(quote_literal(w) for w in words if w in seen) or "null" for words in (TRUE_WORDS, FALSE_WORDS)
        )
        return (
            f"case when lower({present}) in ({true}) then true when lower({present}) in ({false}) then false end",
            "boolean",
        )
    if kind in DATE_FORMATS:
        return f"cast(strptime({present}, {quote_literal(kind)}) as {'timestamp' if '%H' in kind else 'date'})", "date"
    return present, "text"


def count_values(connection: duckdb.DuckDBPyConnection, table: str, column: SourceColumn) -> SourceColumn:
    """Return a column with what is known of its values in a table: missing ones, different ones, length of texts."""
    if column.kind == "other":
        return column
    length = f"avg(length({column.sql}))" if column.kind == "text" else "0"
    missing, distinct, mean = _fetch_row(
        connection,
        f"select count(*) - count({column.sql}), count(distinct {column.sql}), coalesce({length}, 0) from {table}",
    )
    return replace(column, missing=missing, distinct=distinct, length=float(mean))


def _fetch_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


def find_column(columns: Sequence[SourceColumn], name: str, option: str) -> SourceColumn:
    """Return the column called so, by its original or its clean name."""
    for column in columns:
        if name in (column.raw, column.name):
            return column
    same = [column for column in columns if column.raw.lower() == name.lower()]
    if len(same) == 1:
        return same[0]
    fix = suggest(name, [c.raw for c in columns])
    if sum(bool(UNNAMED_PATTERN.fullmatch(column.raw)) for column in columns) * 2 >= len(columns) > 1:
        fix = "the first line of a table has the names of its columns: delete the lines above it"
    raise ProjectError(f"{option}: the table has no column {name!r}", fix=fix)
