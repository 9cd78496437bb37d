"""How the generated project grows: a table of 50,000 rows that is brought to it, and its flights 1, 10 and 30 times.

    python benchmarks/scale.py [TIMES …]

needs the packages of the group `benchmark` and prints seconds and peak memory of each step, on one machine in one run.
The flights are repeated in earlier years, with their weather and aircraft, so that only the training rows become more.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow.parquet
from pipeline import Cost, edit, generate, run

BROUGHT_ROWS = 50_000
# The columns of each raw table as they are in the repetition `n`, all others unchanged.
REPEATED = {
    "flights": "year - n as year, tailnum || '-' || n as tailnum, time_hour - to_years(n) as time_hour",
    "weather": "year - n as year, time_hour - to_years(n) as time_hour",
    "planes": "greatest(year - n, 1940) as year, tailnum || '-' || n as tailnum",
}
STEPS = ("data", "train", "evaluate")
MATRIX = """
import numpy as np
from {package} import features, snapshot, spec, stored

chosen = spec.choose(None)
rows = stored.ByColumn(snapshot.newest(chosen.name), chosen, "train")
schema = features.learn_schema(chosen, rows)
learn = features.examples(chosen, schema, "train", rows)
kinds = ["c" if feature.kind == "categorical" else "q" for feature in schema.features]
np.savez("matrix.npz", matrix=learn.matrix, label=learn.label, kinds=kinds)
"""
# A few rounds need as much memory as many.
ALONE = """
import numpy as np
import xgboost

read = np.load("matrix.npz")
kinds = read["kinds"].tolist()
rows = xgboost.QuantileDMatrix(read["matrix"], read["label"], feature_types=kinds, enable_categorical=True)
xgboost.train({"objective": "binary:logistic", "max_depth": 6}, rows, 5)
"""


def repeated(project: Path, times: int) -> Path:
    """A copy of the project whose raw tables hold the flights `times` times, with limits and training rows to match."""
    copy = project.parent / f"times-{times}"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".git", ".venv", "data"))
    raw = Path("data", "raw")
    shutil.copytree(project / raw, copy / raw)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table, changed in REPEATED.items():
            source = str(project / raw / f"{table}.parquet")
            query = f"select * exclude (n) replace ({changed}) from read_parquet(?), range({times}) as repetition(n)"
            connection.sql(query, params=[source]).write_parquet(
                str(copy / raw / f"{table}.parquet"), compression="zstd"
            )
    for name in ("sources.yml", "features/flight_features.yml"):
        edit(copy / "sql" / "models" / name, r"max: (\d{4,})", lambda found: f"max: {int(found[1]) * times}")
    edit(
        copy / "pipelines" / "flight_delays.toml",
        r"train = { from = \d+",
        lambda _: f"train = {{ from = {2014 - times}",
    )
    return copy


def size(project: Path) -> float:
    """The rows of the newest snapshot as Arrow holds them in memory, in MB: what a program that loads them needs."""
    (snapshot,) = (project / "data" / "snapshots" / "flight_delays").glob("*/data.parquet")
    return sum(batch.nbytes for batch in pyarrow.parquet.ParquetFile(snapshot).iter_batches()) / 2**20


def alone(project: Path, python: str, package: str) -> Cost:
    """What XGBoost itself costs on the matrix of the training rows, with nothing else in the process."""
    run([python, "-c", MATRIX.format(package=package)], project)
    return run([python, "-c", ALONE], project)


def brought(project: Path, command: str) -> tuple[Cost, Cost]:
    """What `new_pipeline` and then `pipeline` cost for a CSV file of 50,000 rows."""
    table = project.parent / "brought.csv"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{project / 'data' / 'warehouse.duckdb'}' as warehouse (read_only)")
        query = f"""
            select * exclude (flight_id) from warehouse.features.flight_features
            order by hash(flight_id) limit {BROUGHT_ROWS}
        """
        connection.sql(query).write_csv(str(table))
    new = [command, "new_pipeline", "brought", "--table", str(table), "--label", "is_late"]
    return run(new, project), run([command, "pipeline", "--pipeline", "brought"], project)


def main(times: list[int]) -> None:
    """Generate, repeat the flights, bring a table, print."""
    with tempfile.TemporaryDirectory() as home:
        project, _ = generate(Path(home))
        scripts = project / ".venv" / ("Scripts" if os.name == "nt" else "bin")
        command, python = str(scripts / project.name), str(scripts / "python")
        print("times  step      wall s   CPU s  peak MB")
        for n in times:
            copy = repeated(project, n)
            for step in STEPS:
                cost = run([command, step], copy)
                print(f"{n:>4}x  {step:<9}{cost.wall:>7.1f} {cost.cpu:>7.1f} {cost.memory:>8.0f}", flush=True)
            bare = alone(copy, python, project.name.replace("-", "_"))
            print(f"{n:>4}x  XGBoost alone, on the matrix of the training rows: {bare.memory:.0f} MB", flush=True)
            print(f"{n:>4}x  the rows of the snapshot, in memory: {size(copy):.0f} MB", flush=True)
            shutil.rmtree(copy)
        made, judged = brought(project, command)
        print(
            f"{BROUGHT_ROWS:,} rows: {made.wall:.1f} s to a new pipeline, and {judged.wall:.1f} s to its judged model"
        )


if __name__ == "__main__":
    main([int(value) for value in sys.argv[1:]] or [1, 10, 30])
