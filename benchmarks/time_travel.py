"""The cost of time travel, against `dbt run` of the same SQL.

    python benchmarks/time_travel.py [--runs 3] [--project PATH] [--smoke]

needs the packages of the group `test`. `dbt run` starts a process and builds every table once; time travel does so at
several cuts, writes the cut sources and compares every cell. Prints the cost of a cut as a ratio to one `dbt run`.
"""

import json
import shutil
import statistics
from pathlib import Path

import projects
from projects import Cost, run

RESULT = Path("data", "time_travel", "flight_delays.json")
MAX_RATIO = 2


def measure_travel(project: Path) -> tuple[Cost, int]:
    """Travel anew; return the cost and the number of cuts."""
    (project / RESULT).unlink(missing_ok=True)
    cost = run([projects.locate_tool(project), "time_travel"], project)
    return cost, len(json.loads((project / RESULT).read_text(encoding="utf-8"))["cuts"])


def measure_dbt(project: Path) -> Cost:
    """Build every table once, with nothing kept from an earlier run."""
    target = project / "data" / "dbt" / "bare"
    shutil.rmtree(target, ignore_errors=True)
    dbt = str(projects.locate_scripts(project) / "dbt")
    options = ["--project-dir", "sql", "--profiles-dir", "sql", "--target-path", str(target), "--quiet"]
    return run([dbt, "run", *options], project)


def main(runs: int, project: Path) -> int:
    """Print the medians of all runs and their ratio; return 1 if a cut costs more than the limit."""
    travels, builds = [], []
    cuts = 0
    for _ in range(runs):
        cost, cuts = measure_travel(project)
        travels.append(cost)
        builds.append(measure_dbt(project))
    print("                 wall s   CPU s  peak MB")
    for name, costs in (("time travel", travels), ("dbt run", builds)):
        wall, cpu, memory = (statistics.median(getattr(c, part) for c in costs) for part in ("wall", "cpu", "memory"))
        print(f"{name:<15} {wall:>7.1f} {cpu:>7.1f} {memory:>8.0f}")
    ratio = statistics.median(c.wall for c in travels) / cuts / statistics.median(c.wall for c in builds)
    print(f"one of {cuts} cuts costs {ratio:.2f} times a `dbt run` (at most {MAX_RATIO})")
    return int(ratio > MAX_RATIO)


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with projects.open_project(given.project, smoke=given.smoke) as opened:
        failed = main(1 if given.smoke else given.runs, opened)
    raise SystemExit(failed and not given.smoke)
