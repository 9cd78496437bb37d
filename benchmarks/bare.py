"""The same SQL, the same fit, the same judgement and the same pictures, with nothing around them.

Runs in the environment and the root of a generated project that has been built once: takes the SQL that dbt compiled,
and the project's own functions for encoding, fitting, judging and drawing, so that what differs is only what the
project adds: tests of the data, freshness, snapshot, registry, report page and the command line.
"""

import importlib
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb


def main(package: str) -> None:
    """Build the tables, fit both models, judge them on two splits, draw every picture."""
    spec_module, features, model, evaluation, splits = (
        importlib.import_module(f"{package}.{name}") for name in ("spec", "features", "model", "evaluation", "splits")
    )
    common = importlib.import_module(f"{package}.charts.common")
    binary = importlib.import_module(f"{package}.charts.binary")
    spec = spec_module.choose(None)
    connection = duckdb.connect()
    build(connection)
    rows = {
        split: connection.sql(
            f"select * from {spec.data.relation} where {splits.condition(spec, split)} "
            f"order by {spec.data.time}, {spec.data.key}"
        ).to_arrow_table()
        for split in ("train", "validation", "test")
    }
    schema = features.learn_schema(spec, rows["train"])
    data = {split: features.examples(spec, schema, split, table) for split, table in rows.items()}
    baseline = model.fit(spec, "baseline", data["train"], data["validation"], schema)
    trained = model.fit(spec, "model", data["train"], data["validation"], schema)
    for split in ("test", "validation"):
        ours, theirs = trained.predict(data[split].matrix), baseline.predict(data[split].matrix)
        judged = evaluation.judge(spec, data[split], ours, theirs)
        binary.pictures(data[split].label, {"model": ours, "baseline": theirs}, schema.classes)
        common.slices(judged)
        print(split, *(f"{found.metric} {found.model.value:.4f}" for found in judged.metrics))
    moved = abs(trained.contributions(data["test"].matrix[:2000])).mean(axis=0)
    common.importance(sorted(zip(schema.names, moved.tolist(), strict=True), key=lambda pair: -pair[1]))


def build(connection: duckdb.DuckDBPyConnection) -> None:
    """Run the SQL that dbt compiled, each model after those that it reads."""
    compiled = {
        path.stem: path.read_text() for path in Path("data/dbt/target/compiled/warehouse/models").glob("*/*.sql")
    }
    needs = {
        name: {other for other in compiled if re.search(rf'"{other}"', sql)} - {name} for name, sql in compiled.items()
    }
    connection.execute("attach ':memory:' as warehouse; use warehouse; create schema staging; create schema features")
    for name in TopologicalSorter(needs).static_order():
        kind = "view staging" if name.startswith("stg_") else "table features"
        connection.execute(f"create {kind}.{name} as {compiled[name]}")


if __name__ == "__main__":
    main(sys.argv[1])
