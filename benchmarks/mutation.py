"""How many small mistakes in the engine's numbers its tests notice, by cosmic-ray.

    python benchmarks/mutation.py [--mutants 30] [--area NAME] [--project PATH] [--smoke]

needs the packages of the group `benchmark`. In each module that people decide by, some numbers, comparisons, signs and
conditions are changed, one at a time, drawn with a fixed seed; the tests of the area must fail. Prints the share of
mutants that were killed, and every survivor with the reason that `survivors.toml` gives for it. Fails if too few were
killed, or a survivor has no reason there. It takes about ten seconds a mutant.
"""

import argparse
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import projects

# Modules, and the tests of their area; the quick ones first, since the first that fails ends a run.
AREAS = {
    "evaluation/metrics": ["metrics", "evaluator"],
    "evaluation/resampled": ["metrics", "evaluator"],
    "evaluation/bootstrap": ["evaluator", "metrics", "decisions"],
    "evaluation/clusters": ["decisions"],
    "evaluation/evaluator": ["evaluator", "decisions", "pipeline"],
    "evaluation/calibration": ["calibration"],
    "evaluation/fairness": ["fairness"],
    "evaluation/custom_metrics": ["team_metrics"],
    "launch/evidence": ["evidence", "gates", "decisions", "launch"],
    "launch/gates": ["gates"],
    "registry/looks": ["looks"],
    "serving/active_models": ["canary"],
    "data/cut_sources": ["cut_sources", "time_travel"],
    "data/anonymity": ["privacy"],
    "core/personal": ["privacy", "onboard_tables"],
    "analysis/weak_slices": ["weak_slices", "mistakes", "decisions"],
    "analysis/importance": ["importance", "explain"],
    "analysis/comparison": ["verdicts"],
    "analysis/mistakes": ["worst_rows", "mistakes"],
    "monitoring/drift": ["drift", "past_windows", "monitoring"],
    "monitoring/past_windows": ["past_windows"],
    "monitoring/quality": ["quality", "monitoring"],
    "modeling/baseline": ["baseline", "model"],
    "modeling/boosted_trees": ["boosted_trees"],
    "modeling/attribution": ["worst_rows"],
    "modeling/tuning": ["search", "decisions"],
    "modeling/linear": ["linear"],
    "modeling/category_means": ["category_means"],
    "onboarding/leaks": ["onboard_leaks"],
    "reports/charts/binary": ["charts"],
    "reports/charts/multiclass": ["charts"],
    "reports/charts/regression": ["charts"],
    "reports/charts/common": ["analysis_charts", "charts"],
    "reports/charts/compare": ["analysis_charts"],
    "reports/charts/explain": ["analysis_charts"],
    "reports/charts/history": ["analysis_charts"],
    "reports/charts/mistakes": ["analysis_charts"],
    "reports/charts/predictions": ["column_charts"],
    "reports/charts/profile": ["column_charts"],
    "reports/charts/tune": ["column_charts"],
}
# Operators that people mistake for each other; shifts and bits are left out, which hardly anybody does.
OPERATORS = ("Add", "Sub", "Mul", "Div", "Number", "Comparison", "AddNot", "And", "Or", "True", "False", "Unary")
LEFT_OUT = ("Shift", "Bit", "Mod", "Pow", "FloorDiv", "Is_", "_Is", "MatMult", "Unary_Operator_Invert")
# Nobody decides by how large, wide or dark something is drawn, another seed is as good, and `strict` guards against
# mistakes in the code alone.
IRRELEVANT = re.compile(
    r"\b(size|opacity|width|height|labelLimit|labelAngle|labelOverlap|tickCount|tickMinStep|columns|padding|aria|strict)="
    r"[^=,()]*$|(Step|default_rng)\($|^(WIDTH|DASH|LABEL_SEPARATION|PANEL_HEIGHT|BAR_HEIGHT|MAX_LABEL_LENGTH)\b"
)
TIMEOUT_SECONDS = 240
GOAL = 0.9
# Module to changed line to why nobody has to notice the change.
REASONS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("survivors.toml").read_text(encoding="utf-8")
)


def build_command(engine: Path, tests: list[str], python: str) -> list[str]:
    """Return the command that runs some tests, wherever they are."""
    files = [str(next(engine.glob(f"tests/**/test_{name}.py")).relative_to(engine)) for name in tests]
    return [python, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files]


def write_config(folder: Path, module: str, command: str) -> Path:
    """Write the file that cosmic-ray reads; return its path."""
    lines = [
        "[cosmic-ray]",
        f'module-path = "src/mlteam/{module}.py"',
        f"timeout = {TIMEOUT_SECONDS}.0",
        "excluded-modules = []",
        f'test-command = "{command}"',
        "[cosmic-ray.distributor]",
        'name = "local"',
    ]
    path = folder / "mutation.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def may_matter(line: str, column: int) -> bool:
    """Return whether a change at a column of a line may change a number that people decide by."""
    is_syntax = line.startswith(("@", "if TYPE_CHECKING")) or line[column : column + 2] == "*,"
    return not is_syntax and not IRRELEVANT.search(line[:column])


def keep_sample(session: Path, count: int, lines: list[str]) -> None:
    """Leave some of the mutants in a session, drawn with a fixed seed."""
    query = """
        select job_id, operator_name, start_pos_row, start_pos_col from mutation_specs
        order by operator_name, occurrence
    """
    with closing(sqlite3.connect(session)) as store, store:
        jobs = [
            job
            for job, operator, row, column in store.execute(query)
            if any(name in operator for name in OPERATORS)
            and not any(name in operator for name in LEFT_OUT)
            and may_matter(lines[row - 1], column)
        ]
        kept = set(random.Random(1).sample(jobs, min(count, len(jobs))))  # noqa: S311
        for table in ("mutation_specs", "work_items"):
            marks = ",".join("?" * len(kept))
            store.execute(f"delete from {table} where job_id not in ({marks})", list(kept))


def list_results(session: Path) -> Iterator[tuple[bool, str, int, str]]:
    """Yield for each mutant whether it was killed, its function, its line, and the change."""
    query = """
        select test_outcome, definition_name, start_pos_row, diff from work_results join mutation_specs using (job_id)
        order by start_pos_row
    """
    with closing(sqlite3.connect(session)) as store:
        for outcome, function, line, diff in store.execute(query):
            changed = [text[1:].strip() for text in (diff or "").splitlines() if text[:1] == "+" and text[:3] != "+++"]
            yield "survived" not in str(outcome).lower(), function or "", line, " ".join(changed)


def run_area(engine: Path, module: str, tests: list[str], python: str, count: int) -> list[tuple[bool, str, int, str]]:
    """Run the tests of an area against mutants of a module."""
    session = engine / "mutation.sqlite"
    session.unlink(missing_ok=True)
    plain = build_command(engine, tests, python)
    config = write_config(engine, module, " ".join(plain))
    tool = str(Path(sys.executable).with_name("cosmic-ray"))
    env = {name: value for name, value in os.environ.items() if name not in projects.OWN}
    env |= {"PYTHONPATH": "src", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if subprocess.run(plain, cwd=engine, env=env, capture_output=True, check=False).returncode:
        raise SystemExit(f"the tests of {module} fail without a mutant")
    subprocess.run([tool, "init", config.name, session.name], cwd=engine, env=env, check=True, capture_output=True)
    source = (engine / "src" / "mlteam" / f"{module}.py").read_text(encoding="utf-8")
    keep_sample(session, count, source.splitlines())
    subprocess.run([tool, "exec", config.name, session.name], cwd=engine, env=env, check=True, capture_output=True)
    return list(list_results(session))


def main(options: argparse.Namespace, project: Path) -> int:
    """Run all areas, or one; return 1 if too few mutants were killed, or one survived without a reason."""
    killed = total = unexplained = 0
    chosen = {name: tests for name, tests in AREAS.items() if options.area in (None, name)}
    if options.smoke:
        chosen = dict(list(chosen.items())[:1])
    print("killed  of  module")
    with tempfile.TemporaryDirectory() as folder:
        engine = Path(folder, project.name, "engine")
        # The tests read the SQL of the project around the engine.
        shutil.copytree(project / "sql", engine.parent / "sql")
        shutil.copytree(project / "engine", engine)
        for module, tests in chosen.items():
            found = run_area(
                engine, module, tests, projects.locate_python(project), 2 if options.smoke else options.mutants
            )
            dead = sum(is_killed for is_killed, *_ in found)
            killed, total = killed + dead, total + len(found)
            print(f"{dead:>6} {len(found):>3}  {module}", flush=True)
            for is_killed, function, line, change in found:
                if not is_killed:
                    reason = REASONS.get(module, {}).get(change, "")
                    unexplained += not reason
                    print(f"            survived: line {line}, {function}: {change}", flush=True)
                    print(f"                      {reason or 'no reason in survivors.toml'}", flush=True)
    print(f"{killed} of {total} mutants were killed: {killed / max(total, 1):.0%} (at least {GOAL:.0%})")
    print(f"{unexplained} survived without a reason")
    return int(killed < GOAL * total or unexplained > 0)


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("--mutants", type=int, default=30, help="most mutants of a module")
    parser.add_argument("--area", choices=AREAS, help="one module; all of them where nothing is said")
    given = parser.parse_args()
    with projects.open_project(given.project, smoke=given.smoke, build=False) as opened:
        failed = main(given, opened)
    raise SystemExit(failed and not given.smoke)
