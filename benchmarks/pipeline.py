"""The cost of the generated project: against a bare script, from nothing to an evaluated model, and in memory.

    python benchmarks/pipeline.py [--runs 3] [--project PATH] [--smoke]

needs the packages of the group `test`. Prints ratios of one run on one machine; wall times are noisy, CPU seconds less
so. Fails if the bare script and the project disagree on a metric of the test rows.
"""

import csv
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import projects
from projects import Cost, run

BARE = Path(__file__).with_name("bare.py")
TOLERANCE = 0.005


def main(runs: int, project: Path, *, smoke: bool) -> None:
    """Compare project and bare script in turns, then measure single steps."""
    tool = projects.locate_tool(project)
    with tempfile.TemporaryDirectory() as home:
        output = Path(home)
        bare = [projects.locate_python(project), str(BARE), str(output), *(["--smoke"] if smoke else [])]
        triples = [measure_turn(project, tool, bare) for _ in range(runs)]
        check_agreement(project, output)
    print_ratios("pipeline", [(whole, theirs) for whole, _, theirs in triples])
    print_ratios("pipeline with its SQL unchanged", [(again, theirs) for _, again, theirs in triples])
    for step in () if smoke else ("data", "train", "evaluate"):
        projects.forget_build(project)
        cost = run([tool, step], project)
        print(f"{step}: {cost.wall:.1f} s, {cost.cpu:.1f} s CPU, peak {cost.memory:.0f} MB")
    step = "history" if smoke else "evaluate"
    session = run([sys.executable, "-m", "nox", "-s", step], project)
    direct = run([tool, step], project)
    print(f"nox -s {step} over mlteam {step}: {session.wall - direct.wall:+.1f} s")


def measure_turn(project: Path, tool: str, bare: list[str]) -> tuple[Cost, Cost, Cost]:
    """Measure the pipeline with all its steps, once more with its SQL unchanged, and the bare script."""
    projects.forget_build(project)
    return run([tool, "pipeline"], project), run([tool, "pipeline"], project), run(bare, project)


def print_ratios(what: str, pairs: list[tuple[Cost, Cost]]) -> None:
    """Print the median ratio of wall, CPU and peak memory, and the medians themselves."""
    for name, unit in (("wall", "s"), ("cpu", "s"), ("memory", "MB")):
        ratio = statistics.median(getattr(ours, name) / getattr(theirs, name) for ours, theirs in pairs)
        ours, theirs = (statistics.median(getattr(pair[side], name) for pair in pairs) for side in (0, 1))
        print(f"{what} over bare script, {name}: {ratio:.2f} ({ours:.1f} {unit} over {theirs:.1f} {unit})")


def check_agreement(project: Path, output: Path) -> None:
    """Exit if a metric of the newest report differs from that of the bare script, on validation or test rows."""
    newest = max((project / "data" / "reports").glob("flight_delays-v*.json"), key=lambda path: path.stat().st_mtime)
    datasets = {found["dataset"]: found for found in json.loads(newest.read_bytes())["datasets"]}
    with (output / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise SystemExit("the bare script wrote no metrics")
    for row in rows:
        metrics = {found["metric"]: found for found in datasets[row["split"]]["metrics"]}
        ours = metrics[row["metric"]][row["of"]]["value"]
        if abs(ours - float(row["value"])) > TOLERANCE * max(1, abs(ours)):
            where = f"{row['metric']} of {row['of']} on {row['split']}"
            raise SystemExit(f"{where}: {ours:.4f} in {newest.name}, {float(row['value']):.4f} in the bare script")


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of project and bare script, in turns")
    given = parser.parse_args()
    begun = time.perf_counter()
    # In a smoke run, the measured pipeline is the project's first.
    with projects.open_project(given.project, smoke=given.smoke, build=not given.smoke) as opened:
        if given.project is None and not given.smoke:
            seconds = time.perf_counter() - begun
            print(f"from the template to an evaluated model, packages in the cache: {seconds:.1f} s")
        main(1 if given.smoke else given.runs, opened, smoke=given.smoke)
