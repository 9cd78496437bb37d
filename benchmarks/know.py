"""What knowing a model costs: predictions and contributions against the bare library, a comparison, the pages' sizes.

    python benchmarks/know.py [RUNS] [PROJECT]

needs the packages of the group `test`. Generates a project and runs its pipeline, or takes a PROJECT that has a trained
version; trains a second one with other parameters. Prints ratios of one run on one machine; wall times are noisy.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline import generate, run

# Runs inside the project: the same rows through the project's own way and through the library that it stands on.
MEASURE = """
import json, statistics, sys, time
import xgboost
from {package} import reasons, registry, snapshot, spec, stored

def seconds(call, runs):
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)

runs = int(sys.argv[1])
chosen = spec.choose(None)
version = registry.open_version(chosen)
taken = snapshot.newest(chosen.name)
splits = [stored.read(taken, chosen, split) for split in ("train", "validation", "test")]
matrices = [version.schema.encode(rows) for rows in splits]
found = {{"rows": sum(map(len, matrices))}}
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

ways = {{
    "predict": (
        lambda: [version.model.predict(matrix) for matrix in matrices],
        lambda: [booster.inplace_predict(matrix) for matrix in matrices],
    ),
    "contributions": (
        lambda: [reasons.contributions(version.model, matrix) for matrix in matrices],
        lambda: bare(pred_contribs=True),
    ),
}}
for name, (ours, theirs) in ways.items():
    # In turns, so that what else the machine does meets both.
    pairs = [(seconds(ours, 1), seconds(theirs, 1)) for _ in range(runs)]
    found[name] = [statistics.median(side) for side in zip(*pairs)] + [statistics.median(a / b for a, b in pairs)]
print(json.dumps(found))
"""
PAGES = (
    ("profile",),
    ("evaluate",),
    ("explain",),
    ("mistakes",),
    ("history",),
    ("history", "--rescore", "test"),
    ("tune", "--trials", "2"),
)


def main(runs: int, project: Path) -> None:
    """Measure in a project that has a snapshot and a version."""
    scripts = project / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    command, python = str(scripts / project.name), str(scripts / "python")
    code = MEASURE.format(package=project.name.replace("-", "_"))
    done = subprocess.run(
        [python, "-c", code, str(runs)], cwd=project, stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{found['rows']:,} rows, encoded in {found['encode']:.2f} s, median of {runs} runs")
    for name in ("predict", "contributions"):
        ours, bare, ratio = found[name]
        print(f"{name} over the bare library on the same matrix: {ratio:.2f} ({ours:.2f} s over {bare:.2f} s)")
    run([command, "train", "--set", "model.params.max_depth=4"], project)
    numbers = sorted(int(number) for number in versions(python, project))
    compared = run([command, "compare", str(numbers[-2]), str(numbers[-1])], project)
    package = project.name.replace("-", "_")
    begun = run([python, "-c", f"from {package} import know, registry; registry.client()"], project)
    print(f"compare two versions on the test rows: {compared.wall:.1f} s, {compared.cpu:.1f} s CPU")
    print(f"of these, before a version is opened, the libraries: {begun.wall:.1f} s, {begun.cpu:.1f} s CPU")
    for page in PAGES:
        run([command, *page], project)
    for file in sorted((project / "data" / "reports").glob("*.html")):
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")


def versions(python: str, project: Path) -> list[str]:
    """The numbers of the project's registered versions."""
    package = project.name.replace("-", "_")
    code = f"from {package} import registry, spec; print(*(n for n, _ in registry.versions(spec.choose(None))))"
    done = subprocess.run([python, "-c", code], cwd=project, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return done.stdout.split()


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if len(sys.argv) > 2:  # noqa: PLR2004
        main(times, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as home:
            main(times, generate(Path(home))[0])
