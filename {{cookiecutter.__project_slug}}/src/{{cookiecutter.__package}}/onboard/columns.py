"""What the columns of a table hold, and the SQL that types them without changing a value."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import duckdb

from ..privacy import literal, quoted
from .names import clean

Kind = Literal["integer", "number", "boolean", "date", "text", "other"]
MISSING = ("", "na", "n/a", "null", "none", "nan", "-", "?")
TRUE, FALSE = ("yes", "y", "true", "t"), ("no", "n", "false", "f")
# Eighteen digits always fit 64 bits; a leading zero means a code, and a code is no number.
INTEGER = r"[+-]?(0|[1-9]\d{0,17})"
# A double does not keep all digits of these, so a column that mixes them with fractions stays text.
LONG = r"[+-]?\d{16,}"
NUMBER = r"[+-]?(0|[1-9]\d*)?(\.\d+)?([eE][+-]?\d+)?|[+-]?\d\.?"
# A sign, a currency, a percent, or marks between digits: nobody knows whether 1,234 is more than a thousand.
NOTATION = r"[+-]?[$€£¥]?\s?\d[\d.,' ]*\s?[%$€£¥]?"
CODE = r"0\d+|\d{16,}"
DATES = (
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
)
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
WIDE = ("UBIGINT", "HUGEINT", "UHUGEINT")
FLOATING = ("FLOAT", "DOUBLE")


@dataclass(frozen=True)
class Column:
    """One column as it is and as it will be called.

    Attributes:
        raw: The name upstream.
        name: The clean name.
        kind: What its values are.
        sql: The expression that gives the typed value from the raw column.
        missing: How many rows have no value.
        read_as_missing: Texts that were taken for a missing value, with the number of rows.
        also_fits: Other forms of dates that every value has as well.
        notation: Whether every text looks like a number in a notation that is not read.
        distinct: How many different values there are.
        length: The mean length of a text.
    """

    raw: str
    name: str
    kind: Kind
    sql: str
    missing: int = 0
    read_as_missing: tuple[tuple[str, int], ...] = ()
    also_fits: str = ""
    notation: bool = False
    distinct: int = 0
    length: float = 0.0


def look(connection: duckdb.DuckDBPyConnection, table: str) -> list[Column]:
    """Look at every column of a table.

    Args:
        connection: Where the table can be read.
        table: What SQL selects from.
    """
    described = connection.execute(f"describe select * from {table}").fetchall()
    types = {str(row[0]): str(row[1]) for row in described if row[0] != "_loaded_at"}
    names = clean(types)
    found = [_typed(connection, table, raw, names[raw], kind) for raw, kind in types.items()]
    return [_counted(connection, table, column) for column in found]


def _typed(connection: duckdb.DuckDBPyConnection, table: str, raw: str, name: str, kind: str) -> Column:
    column = quoted(raw)
    if kind == "VARCHAR":
        return _text(connection, table, raw, name)
    if kind in NUMERIC:
        return Column(raw, name, "integer", f"cast({column} as bigint)" if kind != "BIGINT" else column)
    if kind in FLOATING:
        broken = _one(connection, f"select count(*) filter (where not isfinite({column})) from {table}")[0]
        return Column(raw, name, "number", f"case when isfinite({column}) then {column} end" if broken else column)
    if kind in WIDE or (kind.startswith("DECIMAL") and kind.endswith(",0)")):
        lost = (
            f"select count(*) filter (where {column} is not null and try_cast({column} as bigint) is null) from {table}"
        )
        fits = _one(connection, lost)[0] == 0
        return Column(raw, name, "integer" if fits else "text", f"cast({column} as {'bigint' if fits else 'varchar'})")
    if kind.startswith("DECIMAL"):
        return Column(raw, name, "number", f"cast({column} as double precision)")
    if kind == "BOOLEAN":
        return Column(raw, name, "boolean", column)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return Column(raw, name, "date", column if kind == "DATE" else f"cast({column} as timestamp)")
    if kind.startswith("ENUM"):
        return Column(raw, name, "text", f"cast({column} as varchar)")
    return Column(raw, name, "other", column)


def _text(connection: duckdb.DuckDBPyConnection, table: str, raw: str, name: str) -> Column:
    """A column of texts: the narrowest kind that every value fits, or else a text."""
    tokens, untrimmed = _missing(connection, table, raw)
    present = f"trim({quoted(raw)})" if untrimmed else quoted(raw)
    for token, _ in tokens:
        present = f"nullif({present}, {literal(token)})"
    words = ", ".join(map(literal, TRUE + FALSE))
    tests = {
        "integer": f"regexp_full_match({present}, {literal(INTEGER)})",
        "number": f"regexp_full_match({present}, {literal(NUMBER)}) and not regexp_full_match({present}, "
        f"{literal(LONG)}) and isfinite(try_cast({present} as double))",
        "boolean": f"lower({present}) in ({words})",
        **{format_: f"try_strptime({present}, {literal(format_)}) >= date '1000-01-01'" for format_ in DATES},
    }
    # A test that has no answer is one that was failed, but a value that is missing fails none.
    like_number = (
        f"regexp_full_match({present}, {literal(NOTATION)}) and not regexp_full_match({present}, {literal(CODE)})"
    )
    counts = ", ".join(
        f"bool_and({present} is null or coalesce({test}, false))" for test in (like_number, *tests.values())
    )
    values, notation, *fits = _one(connection, f"select count({present}), {counts} from {table}")
    fitting = [kind for kind, fit in zip(tests, fits, strict=True) if fit] if values else []
    sql, kind = _cast(connection, table, present, fitting[0] if fitting else "text")
    others = ", ".join(form for form in fitting[1:] if form in DATES) if kind == "date" else ""
    notation = bool(values and notation and kind == "text")
    return Column(raw, name, kind, sql, read_as_missing=tuple(tokens), also_fits=others, notation=notation)


def _missing(connection: duckdb.DuckDBPyConnection, table: str, raw: str) -> tuple[list[tuple[str, int]], bool]:
    """The texts in a column that mean that there is none, and whether any value has blanks around it."""
    column = quoted(raw)
    words = ", ".join(map(literal, MISSING))
    found = connection.execute(
        f"select trim({column}), count(*) from {table} where lower(trim({column})) in ({words}) group by 1 order by 1"
    ).fetchall()
    (untrimmed,) = _one(connection, f"select coalesce(bool_or(trim({column}) <> {column}), false) from {table}")
    return [(str(token), int(count)) for token, count in found], bool(untrimmed)


def _cast(connection: duckdb.DuckDBPyConnection, table: str, present: str, kind: str) -> tuple[str, Kind]:
    if kind == "integer":
        return f"cast({present} as bigint)", "integer"
    if kind == "number":
        return f"cast({present} as double precision)", "number"
    if kind == "boolean":
        seen = {
            str(word) for (word,) in connection.execute(f"select distinct lower({present}) from {table}").fetchall()
        }
        true, false = (", ".join(literal(w) for w in words if w in seen) or "null" for words in (TRUE, FALSE))
        return (
            f"case when lower({present}) in ({true}) then true when lower({present}) in ({false}) then false end",
            "boolean",
        )
    if kind in DATES:
        return f"cast(strptime({present}, {literal(kind)}) as {'timestamp' if '%H' in kind else 'date'})", "date"
    return present, "text"


def _counted(connection: duckdb.DuckDBPyConnection, table: str, column: Column) -> Column:
    if column.kind == "other":
        return column
    length = f"avg(length({column.sql}))" if column.kind == "text" else "0"
    missing, distinct, mean = _one(
        connection,
        f"select count(*) - count({column.sql}), count(distinct {column.sql}), coalesce({length}, 0) from {table}",
    )
    return replace(column, missing=missing, distinct=distinct, length=float(mean))


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    (row,) = connection.execute(query).fetchall()
    return tuple(row)
