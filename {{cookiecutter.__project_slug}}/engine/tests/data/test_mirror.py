"""Tables of another engine are copied whole, or those of before stay."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import run_sql

from mlteam.core.errors import ProjectError
from mlteam.data import mirror, servers, warehouse
from mlteam.data.targets import Target

PROD = Target("prod", "postgres", {})
COLUMNS = pa.table({"column_name": ["id", "amount"], "data_type": ["bigint", "numeric"]})


def answer(monkeypatch: pytest.MonkeyPatch, batches: Iterator[pa.RecordBatch] | None) -> list[str]:
    """An engine that knows one table, if any, and streams these batches; returns what it is asked."""
    asked: list[str] = []

    @contextmanager
    def stream(_: Target, query: str) -> Iterator[pa.RecordBatchReader]:
        asked.append(query)
        if "information_schema" in query:
            yield (COLUMNS if batches else COLUMNS.slice(0, 0)).to_reader()
        else:
            schema = pa.schema({"id": pa.int64(), "amount": pa.float64()})
            yield pa.RecordBatchReader.from_batches(schema, batches or iter(()))

    monkeypatch.setattr(servers, "stream_query", stream)
    return asked


def make_batches(*, broken: bool) -> Iterator[pa.RecordBatch]:
    yield pa.record_batch({"id": [1, 2], "amount": [1.5, None]})
    if broken:
        raise OSError("the line is dead")
    yield pa.record_batch({"id": [3], "amount": [0.0]})


def read(relation: str) -> list[tuple[object, ...]]:
    with warehouse.connect() as connection:
        return connection.execute(f"select * from {relation} order by 1").fetchall()


@pytest.mark.parametrize("before", ["table", "view", ""])
def test_a_table_takes_the_place_of_what_a_build_here_has_left(
    project: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    if before:
        run_sql(f"create schema shop; create {before} shop.orders as select 7 as old")
    asked = answer(monkeypatch, make_batches(broken=False))
    mirror.copy_relations(PROD, [("shop", "orders")])
    assert read("shop.orders") == [(1, 1.5), (2, None), (3, 0.0)]
    assert asked[1] == 'select "id", cast("amount" as double precision) as "amount" from "shop"."orders"'


def test_a_stream_that_ends_in_the_middle_changes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_sql("create schema shop; create table shop.orders as select 7 as old")
    answer(monkeypatch, make_batches(broken=True))
    with pytest.raises(ProjectError, match=r"the rows of shop\.orders ended: .*the line is dead"):
        mirror.copy_relations(PROD, [("shop", "orders")])
    assert read("shop.orders") == [(7,)]


def test_a_table_that_is_not_there_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, None)
    with pytest.raises(ProjectError, match=r"target prod has no table shop\.orders, or hides it from the role"):
        mirror.copy_relations(PROD, [("shop", "orders")])
