"""The cost of more rows: new pipelines from tables of 50,000 and 1,000,000 rows, and the flights 1, 10 and 30 times.

    python benchmarks/scale.py [TIMES …] [--project PATH] [--smoke]

needs the packages of the group `benchmark` and prints seconds and peak memory of each step, on one machine in one run.
The flights are repeated in earlier years, with their weather and aircraft, so that only the training rows become more.
"""

import shutil
import tempfile
from pathlib import Path

import duckdb
import projects
import pyarrow.parquet
from projects import Cost, edit, run

NEW_TABLE_ROWS, SMOKE_ROWS = 50_000, 2_000
LARGE_ROWS, LARGE_COLUMNS = 1_000_000, 50
# The columns of each raw table as they are in the repetition `n`, all others unchanged.
REPEATED = {
    "flights": "year - n as year, tailnum || '-' || n as tailnum, time_hour - to_years(n) as time_hour",
    "weather": "year - n as year, time_hour - to_years(n) as time_hour",
    "planes": "greatest(year - n, 1940) as year, tailnum || '-' || n as tailnum",
}
STEPS, SMOKE_STEPS = ("data", "train", "evaluate"), ("data", "train")
MATRIX = """
import numpy as np
from mlteam.config import pipelines
from mlteam.data import datasets, features, snapshot

chosen = pipelines.load_spec(None)
rows = datasets.LazySnapshotTable(snapshot.load_newest(chosen.name), chosen, "train")
schema = features.learn_schema(chosen, rows)
learn = features.build_examples(chosen, schema, "train", rows)
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


def repeat_flights(project: Path, copy: Path, times: int) -> None:
    """Copy the project with the flights `times` times in its raw tables, and with limits and splits to match."""
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
    edit(copy / projects.PIPELINE, r"train = { from = \d+", lambda _: f"train = {{ from = {2014 - times}")


def measure_rows(project: Path) -> float:
    """Measure the rows of the newest snapshot in memory, as Arrow holds them, in MB."""
    parts = (project / "data" / "snapshots" / "flight_delays").glob("*/rows/*.parquet")
    return sum(batch.nbytes for part in parts for batch in pyarrow.parquet.ParquetFile(part).iter_batches()) / 2**20


def train_alone(project: Path, python: str) -> Cost:
    """Measure XGBoost itself on the matrix of the training rows, with nothing else in the process."""
    run([python, "-c", MATRIX], project)
    return run([python, "-c", ALONE], project)


def start_pipeline(project: Path, copy: Path, tool: str, rows: int) -> tuple[Cost, Cost]:
    """Measure `new_pipeline` and then `pipeline` for a CSV file, in a copy of the project."""
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".git", ".venv", "data"))
    table = copy / "brought.csv"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{project / 'data' / 'warehouse.duckdb'}' as warehouse (read_only)")
        query = f"""
            select * exclude (flight_id) from warehouse.features.flight_features
            order by hash(flight_id) limit {rows}
        """
        connection.sql(query).write_csv(str(table))
    new = [tool, "new_pipeline", "brought", "--table", str(table), "--label", "is_late"]
    return run(new, copy), run([tool, "pipeline", "--pipeline", "brought"], copy)


def bring_large_table(project: Path, copy: Path, tool: str, rows: int) -> tuple[Cost, Cost]:
    """Measure `new_pipeline` and then `pipeline` for a Parquet file of 50 columns, a fifth of them categories."""
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".git", ".venv", "data"))
    table, categories = copy / "large.parquet", (LARGE_COLUMNS - 2) // 5
    names = [f"'c' || (hash(row_id, {n}) % {7 * (n + 1)}) as category_{n}" for n in range(categories)]
    numbers = range(LARGE_COLUMNS - 2 - categories)
    names += [
        f"if(hash(row_id, 'm', {n}) % 50 = 0, null, hash(row_id, 'n', {n}) % 10007 / 10007) as number_{n}"
        for n in numbers
    ]
    chance = "(hash(row_id, 0) % 7 + coalesce(number_0, 0) * 7) / 14"
    with duckdb.connect() as connection:
        inner = f"select row_id, {', '.join(names)} from range({rows}) as numbered(row_id)"
        label = f"hash(row_id, 'label') % 1000 / 1000 < {chance} as bought"
        connection.sql(f"select *, {label} from ({inner})").write_parquet(str(table))
    new = [tool, "new_pipeline", "large", "--table", str(table), "--label", "bought", "--key", "row_id"]
    return run(new, copy), run([tool, "pipeline", "--pipeline", "large"], copy)


def main(times: list[int], steps: tuple[str, ...], rows: int, project: Path) -> None:
    """Repeat the flights, start a pipeline from a table, print the costs."""
    tool, python = projects.locate_tool(project), projects.locate_python(project)
    with tempfile.TemporaryDirectory(dir=project.parent) as home:
        print("times  step      wall s   CPU s  peak MB")
        for n in times:
            copy = Path(home, f"times-{n}")
            repeat_flights(project, copy, n)
            for step in steps:
                cost = run([tool, step], copy)
                print(f"{n:>4}x  {step:<9}{cost.wall:>7.1f} {cost.cpu:>7.1f} {cost.memory:>8.0f}", flush=True)
            print(
                f"{n:>4}x  XGBoost alone, on the matrix of the training rows: {train_alone(copy, python).memory:.0f} MB"
            )
            print(f"{n:>4}x  the rows of the snapshot, in memory: {measure_rows(copy):.0f} MB", flush=True)
            shutil.rmtree(copy)
        many = LARGE_ROWS if rows == NEW_TABLE_ROWS else rows
        brought = [(rows, start_pipeline(project, Path(home, "new"), tool, rows))]
        brought.append((many, bring_large_table(project, Path(home, "large"), tool, many)))
    for count, (made, evaluated) in brought:
        took = f"{made.wall:.1f} s and {made.memory:.0f} MB to a new pipeline"
        print(f"{count:,} rows: {took}, {evaluated.wall:.1f} s and {evaluated.memory:.0f} MB to its evaluated model")


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("times", nargs="*", type=int, help="how often the flights are repeated; default 1 10 30")
    given = parser.parse_args()
    default, steps, count = ([1], SMOKE_STEPS, SMOKE_ROWS) if given.smoke else ([1, 10, 30], STEPS, NEW_TABLE_ROWS)
    with projects.open_project(given.project, smoke=given.smoke) as opened:
        main(given.times or default, steps, count, opened)
