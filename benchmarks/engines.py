"""The cost of the flights on DuckDB, PostgreSQL and Spark: features, tests and snapshot, and predictions for all rows.

    python benchmarks/engines.py [TIMES …] [--project PATH] [--smoke]

needs the packages of the group `benchmark`, Debian's PostgreSQL, which it downloads, and Java. The flights are repeated
in earlier years. Each engine has its project, and its raw tables before the time begins. Memory is that of the largest
process of the command; a server's own is not counted. The model is that of the first size. Fails if two engines have
different snapshots or predictions.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import projects
import scale
from projects import Cost, run

sys.path.append(str(projects.TEMPLATE / "tests"))
import other_engines

DATA = ("data", "snapshots", "flight_delays")
STEPS = ("features", "predict")


@contextlib.contextmanager
def reach_engine(kind: str) -> Iterator[bool]:
    """Start what an engine needs, for as long as it is measured; yield whether it can be reached."""
    if kind != "postgres":
        yield kind != "spark" or shutil.which("java") is not None
        return
    with other_engines.run_postgres() as address:
        os.environ.update(other_engines.describe_server(address) if address else {})
        yield address is not None


def generate(home: Path, kind: str) -> Path:
    """Generate and install a project whose warehouse is an engine."""
    # Otherwise the first engine would be measured while its modules are compiled.
    os.environ["UV_COMPILE_BYTECODE"] = "1"
    folder = home / kind
    folder.mkdir()
    project = projects.bake(folder, f"warehouse={kind}")
    projects.prepare(project, smoke=False, build=False)
    return project


def build_features(repeated: Path, project: Path, kind: str) -> tuple[Cost, str]:
    """Build the repeated flights in the project of an engine; return the cost, and the digest of the snapshot."""
    for name in ("sql", "pipelines", "data"):
        kept = {"sql": ("profiles.yml",)}.get(name, ())
        copy_folder(repeated / name, project / name, kept)
    words = ["data"]
    if kind != "duckdb":
        load = {"postgres": other_engines.LOAD_POSTGRES, "spark": other_engines.LOAD_SPARK}[kind]
        run([projects.locate_python(project), "-c", load, "data/raw"], project)
        words += ["--target", "prod"]
    projects.forget_build(project)
    cost = run([projects.locate_tool(project), *words], project)
    return cost, project.joinpath(*DATA, "newest").read_text(encoding="utf-8")


def predict_features(project: Path, kind: str) -> tuple[Cost, str]:
    """Predict all rows of the features on an engine; return the cost, and a digest of the predictions."""
    if not any(project.glob("data/artifacts/*")):
        run([projects.locate_tool(project), "train"], project)
    target = "dev" if kind == "duckdb" else "prod"
    words = ["predict", "--version", "1", "--dataset", "features.flight_features", "--target", target]
    cost = run([projects.locate_tool(project), *words], project)
    (made,) = project.glob("data/reports/*predictions*.parquet")
    predicted = duckdb.read_parquet(str(made)).order("flight_id").project("flight_id, probability_of_true")
    digest = hashlib.sha256(json.dumps(predicted.fetchall(), default=str).encode()).hexdigest()
    made.unlink()
    return cost, digest


def copy_folder(source: Path, target: Path, kept: tuple[str, ...]) -> None:
    """Replace a folder by a copy of another, but for some files of it."""
    texts = {name: (target / name).read_bytes() for name in kept}
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    for name, text in texts.items():
        (target / name).write_bytes(text)


def main(times: list[int], kinds: list[str], project: Path) -> None:
    """Measure each engine on each number of repetitions, and compare what it gave."""
    with tempfile.TemporaryDirectory(dir=project.parent) as folder:
        home = Path(folder)
        generated = {kind: generate(home, kind) for kind in kinds}
        print("times  engine    step       wall s   CPU s  peak MB  over DuckDB")
        for n in times:
            repeated = home / f"times-{n}"
            scale.repeat_flights(project, repeated, n)
            found: dict[tuple[str, str], tuple[Cost, str]] = {}
            for kind in kinds:
                with reach_engine(kind) as answers:
                    if not answers:
                        print(f"{n:>4}x  {kind:<9} cannot be run here", flush=True)
                        continue
                    found["features", kind] = build_features(repeated, generated[kind], kind)
                    found["predict", kind] = predict_features(generated[kind], kind)
                for step in STEPS:
                    cost = found[step, kind][0]
                    ratio = cost.wall / found[step, kinds[0]][0].wall
                    line = f"{cost.wall:>8.1f} {cost.cpu:>7.1f} {cost.memory:>8.0f} {ratio:>12.1f}"
                    print(f"{n:>4}x  {kind:<9} {step:<9}{line}", flush=True)
            shutil.rmtree(repeated)
            for step in STEPS:
                digests = {kind: digest for (one, kind), (_, digest) in found.items() if one == step}
                if len(set(digests.values())) != 1:
                    raise SystemExit(f"{n}x: {step} differ: {digests}")


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("times", nargs="*", type=int, help="how often the flights are repeated; default 1 10")
    given = parser.parse_args()
    # A real Spark takes minutes, and tests run one.
    engines = ["duckdb", "postgres"] if given.smoke else ["duckdb", "postgres", "spark"]
    with projects.open_project(given.project, smoke=given.smoke) as opened:
        main(given.times or ([1] if given.smoke else [1, 10]), engines, opened)
