"""Rows of a table of a warehouse are predicted as those of a snapshot are, wherever that happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import run_sql

from mlteam.analysis.table_prediction import predict_table
from mlteam.commands import predict
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import servers, spark, warehouse
from mlteam.data.targets import Target
from mlteam.registry.versions import RegisteredVersion

# What Spark calls the types of its columns.
SPARK_TYPES = {"double": pa.float64(), "string": pa.string(), "float": pa.float32(), "bigint": pa.int64()}


def read(path: Path) -> dict[str, float]:
    """The predictions of a file, by the key of the row."""
    rows = pyarrow.parquet.read_table(path)
    return dict(zip(rows["id"].to_pylist(), rows["probability_of_true"].to_pylist(), strict=True))


def read_flights() -> pa.Table:
    with warehouse.connect() as connection:
        return connection.sql("select * from features.flights").to_arrow_table()


def test_a_table_of_the_warehouse_is_predicted_as_its_rows_in_a_snapshot(
    spec: Spec, version: RegisteredVersion
) -> None:
    there = read(predict.predict_dataset(spec, "1", "features.flights", plot=False))
    here = read(predict.predict_dataset(spec, "1", "test", plot=False))
    assert len(there) > len(here) > 0
    assert {key: there[key] for key in here} == here


def test_rows_of_a_table_are_chosen_by_sql_and_drawn(
    spec: Spec, version: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    path = predict.predict_dataset(spec, "1", "features.flights", "hour >= 20", plot=True)
    assert set(pyarrow.parquet.read_table(path)["hour"].to_pylist()) == {20, 21, 22, 23}
    page = path.with_suffix(".html").read_text()
    assert "Predictions for features.flights where hour &gt;= 20" in page
    assert f"page: {path.with_suffix('.html')}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "where", "target", "message"),
    [
        ("features.flight", None, None, r"features.flight: Catalog Error: .*does not exist"),
        ("features.flights", "hours >= 20", None, r"features.flights: Binder Error: .*hours"),
        ("features.flights", "hour > 23", None, r"there are no rows to predict\nlook at the table, and at --where"),
        ("features.flights", None, "prd", r"there is no target 'prd'"),
        ("test", None, "dev", r"--dataset is 'test'\nwith --target, name a table as schema.table"),
        ("shop.orders", None, None, r"shop.orders: has no column carrier"),
    ],
)
def test_a_table_that_cannot_be_predicted_leaves_nothing(
    spec: Spec, version: RegisteredVersion, name: str, where: str | None, target: str | None, message: str
) -> None:
    run_sql("create schema shop; create table shop.orders as select 1 as id")
    with pytest.raises(ProjectError, match=message):
        predict.predict_dataset(spec, "1", name, where, target, plot=False)
    assert list(Path("data/reports").glob("*predictions*")) == []


def test_predictions_of_before_are_replaced(spec: Spec, version: RegisteredVersion) -> None:
    once = predict.predict_dataset(spec, "1", "features.flights", plot=False)
    run_sql(f"create table features.scored as select *, 7 as answer from read_parquet('{once}')")
    twice = pyarrow.parquet.read_table(predict.predict_dataset(spec, "1", "features.scored", plot=False))
    assert twice.column_names[-3:] == ["answer", "probability_of_true", "model_version"]
    assert len(set(twice.column_names)) == twice.num_columns
    assert twice["probability_of_true"] == pyarrow.parquet.read_table(once)["probability_of_true"]


def test_a_server_chooses_the_rows(spec: Spec, version: RegisteredVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, asked = read_flights(), []

    @contextmanager
    def stream(_: Target, query: str) -> Iterator[pa.RecordBatchReader]:
        asked.append(query)
        listed = pa.table({"column_name": rows.column_names, "data_type": ["bigint"] * rows.num_columns})
        yield (listed if "information_schema" in query else rows).to_reader(max_chunksize=50)

    monkeypatch.setattr(servers, "stream_query", stream)
    with predict_table(version, Target("prod", "postgres", {}), "desk.flights", "hour > 3") as batches:
        sizes = [batch.num_rows for batch in batches]
    assert asked[1].endswith('from "desk"."flights" where hour > 3')
    assert sum(sizes) == rows.num_rows
    assert max(sizes) == 50


def test_workers_of_spark_predict_what_this_process_does(
    spec: Spec, version: RegisteredVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_flights()
    # As somebody else might have loaded them.
    rows = rows.set_column(rows.column_names.index("hour"), "hour", rows["hour"].cast(pa.string()))
    rows = rows.add_column(0, "model_version", pa.array(["old"] * rows.num_rows))
    asked = []

    @contextmanager
    def stream(_: Target, *place: str | spark.Change) -> Iterator[pa.RecordBatchReader]:
        *names, change = place
        asked.extend(names)
        assert isinstance(change, spark.Change)
        kinds = {name: rows.schema.field(name).type for name in rows.column_names if name not in change.added}
        kinds |= {name: SPARK_TYPES[kind] for name, kind in {**change.typed, **change.added}.items()}
        made = change.run(iter(rows.to_batches(max_chunksize=50)))
        yield pa.RecordBatchReader.from_batches(pa.schema(kinds), made)

    monkeypatch.setattr(spark, "stream_table", stream)
    with predict_table(version, Target("prod", "spark", {}), "desk.flights", None) as batches:
        made = pa.concat_tables(batches)
    assert asked == ["desk", "flights", ""]
    there = dict(zip(made["id"].to_pylist(), made["probability_of_true"].to_pylist(), strict=True))
    assert there == read(predict.predict_dataset(spec, "1", "features.flights", plot=False))
    assert set(made["model_version"].to_pylist()) == {1}
