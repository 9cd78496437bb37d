"""The cost of understanding a model: predictions and contributions, a comparison, the sizes of the pages.

    python benchmarks/know.py [--runs 3] [--project PATH] [--smoke]

needs the packages of the group `test`. Predictions and contributions are measured against the bare library. Trains a
second version with other parameters. Prints ratios of one run on one machine; wall times are noisy.
"""

import json
import subprocess
from pathlib import Path

import projects
from projects import run

# Runs inside the project: the same rows through the engine and through the library below it.
MEASURE = """
import json, statistics, sys, time
import xgboost
from mlteam.config import pipelines
from mlteam.data import datasets, snapshot
from mlteam.modeling import attribution
from mlteam.registry import versions

def seconds(call, runs):
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)

runs, limit = int(sys.argv[1]), int(sys.argv[2]) or None
chosen = pipelines.load_spec(None)
version = versions.open_version(chosen)
taken = snapshot.load_newest(chosen.name)
splits = [datasets.read_snapshot_rows(taken, chosen, split) for split in ("train", "validation", "test")]
matrices = [version.schema.encode(rows)[:limit] for rows in splits]
found = {"rows": sum(map(len, matrices))}
found["encode"] = seconds(lambda: [version.schema.encode(rows) for rows in splits], runs)
booster = version.model.booster

def bare(**options):
    for matrix in matrices:
        rows = xgboost.DMatrix(
            matrix,
            feature_names=booster.feature_names,
            feature_types=booster.feature_types,
            enable_categorical=True,
        )
        booster.predict(rows, **options)

ways = {
    "predict": (
        lambda: [version.model.predict(matrix) for matrix in matrices],
        lambda: [booster.inplace_predict(matrix) for matrix in matrices],
    ),
    "contributions": (
        lambda: [attribution.get_contributions(version.model, matrix) for matrix in matrices],
        lambda: bare(pred_contribs=True),
    ),
}
for name, (ours, theirs) in ways.items():
    # In turns, so that what else the machine does meets both.
    pairs = [(seconds(ours, 1), seconds(theirs, 1)) for _ in range(runs)]
    found[name] = [statistics.median(side) for side in zip(*pairs)] + [statistics.median(a / b for a, b in pairs)]
print(json.dumps(found))
"""
LIST_VERSIONS = """
from mlteam.config import pipelines
from mlteam.registry import versions

print(*(number for number, _ in versions.list_versions(pipelines.load_spec(None))))
"""
# What `compare` imports before it opens a version.
IMPORT = """
from mlteam.commands import compare
from mlteam.registry import tracking

tracking.create_mlflow_client()
"""
SMOKE_ROWS = 2_000
PAGES = (
    ("profile",),
    ("explain",),
    ("mistakes",),
    ("history",),
    ("history", "--rescore", "test"),
)


def main(runs: int, project: Path, *, smoke: bool) -> None:
    """Measure in a project that has a snapshot and a version."""
    tool, python = projects.locate_tool(project), projects.locate_python(project)
    measured = json.loads(
        capture([python, "-c", MEASURE, str(runs), str(SMOKE_ROWS if smoke else 0)], project).splitlines()[-1]
    )
    print(f"{measured['rows']:,} rows, encoded in {measured['encode']:.2f} s, median of {runs} runs")
    for name in ("predict", "contributions"):
        ours, bare, ratio = measured[name]
        print(f"{name} over the bare library on the same matrix: {ratio:.2f} ({ours:.2f} s over {bare:.2f} s)")
    run([tool, "train", "--set", "model.params.max_depth=4"], project)
    first, second = sorted(map(int, capture([python, "-c", LIST_VERSIONS], project).split()))[-2:]
    compared = run([tool, "compare", str(first), str(second)], project)
    imported = run([python, "-c", IMPORT], project)
    print(f"compare two versions on the test rows: {compared.wall:.1f} s, {compared.cpu:.1f} s CPU")
    print(f"of these, the import of the libraries: {imported.wall:.1f} s, {imported.cpu:.1f} s CPU")
    settings = (project / projects.PIPELINE).read_bytes()
    further = (("tune", "--trials", "1"),) if smoke else (("evaluate",), ("tune", "--trials", "2"))
    for page in (*PAGES, *further):
        run([tool, *page], project)
    # `tune` writes better parameters to the pipeline file; other benchmarks may use the project after this one.
    (project / projects.PIPELINE).write_bytes(settings)
    pages = sorted((project / "data" / "reports").glob("*.html"))
    for page in pages:
        print(f"{page.name}: {page.stat().st_size / 1e6:.2f} MB")
    if len(pages) < len(PAGES):
        raise SystemExit(f"{len(pages)} pages in data/reports, expected at least {len(PAGES)}")


def capture(command: list[str], folder: Path) -> str:
    """Run a command and return what it prints; its errors are shown, and end the benchmark."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("--runs", type=int, default=3, help="repetitions of which the median counts")
    given = parser.parse_args()
    with projects.open_project(given.project, smoke=given.smoke) as opened:
        main(1 if given.smoke else given.runs, opened, smoke=given.smoke)
