"""Whether persons can be told from the rows: k-anonymity, l-diversity, and columns that look personal.

Everything is counted in the warehouse, and a failure gives counts: a message never contains a value of a row.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from mlteam.config.privacy import Privacy
from mlteam.core.errors import ProjectError
from mlteam.core.personal import MIN_SUSPECT_SHARE, VALUE_PATTERNS, YES_OR_NO, detect_personal_kind
from mlteam.core.sql import fetch_one, quote_identifier, quote_literal

SAMPLE_ROWS = 2000


@dataclass(frozen=True)
class Anonymity:
    """How well persons are hidden in the rows; what was not asked for is None.

    Attributes:
        rows: How many rows there are.
        k: The size of the smallest group of rows that share the quasi-identifiers.
        rows_below_k: Number of rows in groups smaller than required.
        l: The fewest different values of a sensitive column within a group.
        groups_below_l: How many groups have fewer than required.
    """

    rows: int
    k: int | None = None
    rows_below_k: int | None = None
    l: int | None = None  # noqa: E741
    groups_below_l: int | None = None


@dataclass(frozen=True)
class PersonalColumn:
    """A column that looks personal and is not declared: by its name, or by a share of its values."""

    column: str
    looks_like: str
    share: float | None

    def __str__(self) -> str:
        seen = "by its name" if self.share is None else f"in {self.share:.0%} of the values looked at"
        return f"column {self.column!r} looks like {self.looks_like} {seen}"


def check_privacy(
    connection: duckdb.DuckDBPyConnection, relation: str, declared: Privacy, where: str
) -> dict[str, Any]:
    """Check rows against a declaration.

    Args:
        connection: Where the rows can be read.
        relation: What SQL selects from, such as `features.flights` or `read_parquet('…')`.
        declared: What the pipeline declares.
        where: The file that declares it, for messages.

    Returns:
        What was measured and required, for the record of the snapshot.

    Raises:
        ProjectError: The rows hold an identifier, a group is too small or too alike, or an undeclared column looks
            personal. Counts are given, never values.
    """
    columns = _read_column_types(connection, relation)
    _check_declared_columns(columns, declared, where)
    held = [column for column in declared.identifiers if column in columns]
    if held:
        what = f"the rows contain {', '.join(held)}, declared as identifiers of persons"
        raise ProjectError(what, where=where, fix="leave the column out of the features model")
    suspicions = find_personal_columns(connection, relation, declared)
    if suspicions:
        more = f"; {len(suspicions) - 1} more columns like it" if len(suspicions) > 1 else ""
        fix = "declare it in [privacy] of the pipeline file, or list it there under not_personal"
        raise ProjectError(f"{suspicions[0]}{more}", where=where, fix=fix)
    found = measure_anonymity(connection, relation, declared)
    _require_anonymity(found, declared, where)
    return {"required": declared.model_dump(mode="json"), "found": dataclasses.asdict(found), "scanned": len(columns)}


def measure_anonymity(connection: duckdb.DuckDBPyConnection, relation: str, declared: Privacy) -> Anonymity:
    """Count groups of rows that share the quasi-identifiers; a missing value is a value like any other there."""
    (rows,) = fetch_one(connection, f"select count(*) from {relation}")
    if not declared.quasi_identifiers or rows == 0:
        return Anonymity(rows)
    group = ", ".join(map(quote_identifier, declared.quasi_identifiers))
    diversity = [f"count(distinct {quote_identifier(column)})" for column in declared.sensitive]
    fewest = f"least({', '.join(diversity)})" if diversity else "null"
    k, below_k, fewest_values, below_l = fetch_one(
        connection,
        f"with groups as (select count(*) as size, {fewest} as diversity from {relation} group by {group}) "
        f"select min(size), coalesce(sum(size) filter (where size < {declared.k}), 0), min(diversity), "
        f"count(*) filter (where diversity < {declared.l}) from groups",
    )
    return Anonymity(rows, k, int(below_k), fewest_values, below_l if diversity else None)


def find_personal_columns(
    connection: duckdb.DuckDBPyConnection, relation: str, declared: Privacy
) -> list[PersonalColumn]:
    """Columns that look personal, by name or by a sample of their values, and are not declared."""
    known = {*declared.identifiers, *declared.quasi_identifiers, *declared.sensitive, *declared.not_personal}
    columns = {c: kind for c, kind in _read_column_types(connection, relation).items() if c not in known}
    suspected = [PersonalColumn(c, found, None) for c in columns if (found := detect_personal_kind(c))]
    by_name = [suspicion for suspicion in suspected if not _says_yes_or_no(connection, relation, suspicion.column)]
    named = {suspicion.column for suspicion in by_name}
    texts = [c for c, kind in columns.items() if kind.startswith("VARCHAR") and c not in named]
    return by_name + list(_scan_values(connection, relation, texts))


def _says_yes_or_no(connection: duckdb.DuckDBPyConnection, relation: str, column: str) -> bool:
    words, text = ", ".join(map(quote_literal, YES_OR_NO)), f"lower(cast({quote_identifier(column)} as varchar))"
    query = f"select bool_and({text} in ({words})) from {relation}"
    return bool(fetch_one(connection, query)[0])


def _scan_values(connection: duckdb.DuckDBPyConnection, relation: str, columns: list[str]) -> Iterator[PersonalColumn]:
    for column in columns:
        shares = [
            f"avg(cast(regexp_full_match(trim(value), {quote_literal(form)}) as integer))"
            for form in VALUE_PATTERNS.values()
        ]
        sample = (
            f"select {quote_identifier(column)} as value from {relation} where {quote_identifier(column)} is not null "
            f"using sample reservoir({SAMPLE_ROWS} rows) repeatable (1)"
        )
        found = fetch_one(connection, f"select {', '.join(shares)} from ({sample})")
        for kind, share in zip(VALUE_PATTERNS, found, strict=True):
            if share is not None and share >= MIN_SUSPECT_SHARE:
                yield PersonalColumn(column, kind, float(share))
                break


def _require_anonymity(found: Anonymity, declared: Privacy, where: str) -> None:
    fix = "make the quasi-identifiers coarser in the features model, or leave the rows out"
    if found.k is not None and found.k < declared.k:
        few = f"{found.rows_below_k:,} of {found.rows:,} rows are in smaller groups"
        raise ProjectError(f"k is {found.k}, {declared.k} is required: {few}", where=where, fix=fix)
    if found.l is not None and found.l < declared.l:
        what = f"l is {found.l}, {declared.l} is required: {found.groups_below_l:,} groups have fewer values"
        raise ProjectError(what, where=where, fix=fix)


def _check_declared_columns(columns: dict[str, str], declared: Privacy, where: str) -> None:
    for column in (*declared.quasi_identifiers, *declared.sensitive):
        if column not in columns:
            fix = "name a column that the rows have; an identifier that was left out belongs under identifiers"
            raise ProjectError(f"[privacy] names {column!r}, which the rows do not have", where=where, fix=fix)


def _read_column_types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    described = connection.execute(f"describe select * from {relation}").fetchall()
    return {str(row[0]): str(row[1]) for row in described}
