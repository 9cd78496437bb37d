"""Values that are not yet known become others: greater, later, swapped or none, and never less or earlier."""

import datetime as dt
from typing import Any

import duckdb
import pytest

from mlteam.core.errors import ProjectError
from mlteam.data.cut_sources import build_cut_query, build_masked_query
from mlteam.data.sources import Source

ROWS = 12


def alter(kind: str, values: str, hidden: str = "id >= 6", rows: int = ROWS) -> list[tuple[Any, Any]]:
    """Return each value before and after the late ones were altered."""
    connection = duckdb.connect()
    connection.execute("create schema shop")
    connection.execute(
        f"create table shop.orders as select id, cast({values} as {kind}) as late from range({rows}) t (id)"
    )
    source = Source(
        *("shop", "orders", "", "ada", "", None, "shop.orders"),
        known_at="timestamp '2025-01-01'",
        late_columns={"late": ""},
    )
    query = build_masked_query(connection, source, hidden)
    before = connection.execute("select late from shop.orders order by id").fetchall()
    after = connection.execute(f"select late from ({query}) order by id").fetchall()
    return [(old, new) for (old,), (new,) in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        # Greater by the whole range, and one.
        ("bigint", "id", lambda old: old + 299 + 1),
        ("double", "id / 2", lambda old: old + 149.5 + 1),
        ("boolean", "id % 2 = 0", lambda old: not old),
        ("date", "date '2025-03-01' + cast(id as integer)", lambda old: old + dt.timedelta(days=1)),
        ("timestamp", "timestamp '2025-03-01' + id * interval 1 hour", lambda old: old + dt.timedelta(days=1)),
        ("varchar", "if(id % 2 = 0, 'a', 'z')", lambda old: "a" if old == "z" else "z"),
    ],
)
def test_a_value_that_is_not_yet_known_is_another_one_or_none(kind: str, values: str, expected: Any) -> None:
    pairs = alter(kind, values, "true", 300)
    emptied = [new for _, new in pairs if new is None]
    # One in three is emptied, drawn by a hash of the row.
    assert 70 <= len(emptied) <= 130
    assert [(old, new) for old, new in pairs if new is not None and new != expected(old)] == []


def test_known_values_stay_and_few_unknown_ones_are_all_altered() -> None:
    pairs = alter("bigint", "id", "id >= 3")
    assert [new for _, new in pairs[:3]] == [0, 1, 2]
    # Nine are too few to lose one, ten are not.
    assert None not in [new for _, new in pairs[3:]]
    assert [new for _, new in pairs[3:]] == [old + 12 for old, _ in pairs[3:]]
    ten = [new for hidden in range(40) for _, new in alter("bigint", f"id + {hidden}", "id >= 2")]
    assert None in ten


def test_a_known_at_that_is_not_sql_is_told_in_its_first_line() -> None:
    connection = duckdb.connect()
    connection.execute("create schema shop; create table shop.orders as select 1 as id")
    source = Source(
        *("shop", "orders", "", "ada", "", None, "shop.orders"), known_at="sold_at", late_columns={"id": "gone"}
    )
    with pytest.raises(ProjectError) as refused:
        build_cut_query(connection, source, "2025-01-01")
    first, fix = str(refused.value).splitlines()
    assert 'Referenced column "' in first
    assert fix == "write SQL that gives a timestamp (UTC)"
