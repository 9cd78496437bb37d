"""Tables that nobody prepared, from packages that ship them: each becomes a judged model, no file edited by hand."""

import importlib.util
import json
import math
import os
import shutil
from pathlib import Path

import baking
import pytest

pytestmark = pytest.mark.slow

# Package, file, label, what else is said, and the task and split that come of it.
TABLES: dict[str, tuple[str, str, str, list[str], str, str]] = {
    "penguins": ("palmerpenguins", "data/penguins.csv", "species", [], "multiclass", "row_digest"),
    "seattle": ("vega_datasets", "_data/seattle-weather.csv", "temp_max", ["--time", "date"], "regression", "time"),
    "fair": ("statsmodels", "datasets/fair/fair.csv", "rate_marriage", [], "multiclass", "row_digest"),
    "visits": ("statsmodels", "datasets/randhie/randhie.csv", "mdvis", [], "regression", "row_digest"),
    "travel": (
        "statsmodels", "datasets/modechoice/modechoice.csv", "choice", ["--group", "individual"], "binary", "individual"
    ),
    "grunfeld": ("statsmodels", "datasets/grunfeld/grunfeld.csv", "invest", ["--group", "firm"], "regression", "firm"),
}  # fmt: skip


def located(package: str, path: str) -> Path:
    """A file of an installed package, which is not imported."""
    found = importlib.util.find_spec(package)
    assert found
    assert found.origin
    return Path(found.origin).parent / path


@pytest.fixture(scope="module")
def project(demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tables") / "copy"
    shutil.copytree(demonstrated[0], copy, ignore=shutil.ignore_patterns(".git"), symlinks=True)
    return copy


def run(project: Path, demonstrated: tuple[Path, str], *command: str | Path) -> str:
    """Run a tool of the demonstrated project's environment on the copy's own code."""
    env = os.environ | {"PYTHONPATH": str(project / "src")}
    tool, *rest = command
    done = baking.run(demonstrated[0] / ".venv" / "bin" / tool, *rest, cwd=project, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", TABLES)
def test_a_table_becomes_a_judged_model(project: Path, demonstrated: tuple[Path, str], name: str) -> None:
    package, path, label, options, task, split = TABLES[name]
    table = located(package, path)
    made = run(
        project, demonstrated, "flight-delays", "new_pipeline", name, "--table", table, "--label", label, *options
    )
    assert f"task {task}" in made
    for step in ("train", "evaluate"):
        run(project, demonstrated, "flight-delays", step, "--pipeline", name)
    (report,) = (project / "data" / "reports").glob(f"{name}-v1.html")
    datasets = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))["datasets"]
    values = [metric["model"]["value"] for dataset in datasets for metric in dataset["metrics"]]
    assert values
    assert all(math.isfinite(value) for value in values)
    written = (project / "pipelines" / f"{name}.toml").read_text(encoding="utf-8")
    assert ('by = "time"' if split == "time" else f'column = "{split}"') in written


def test_without_a_name_all_pipelines_are_listed(project: Path, demonstrated: tuple[Path, str]) -> None:
    command = demonstrated[0] / ".venv" / "bin" / "flight-delays"
    done = baking.run(command, "train", cwd=project)
    assert done.returncode == 1
    assert all(name in done.stderr for name in (*TABLES, "flight_delays"))


@pytest.mark.parametrize(
    "command",
    [
        ("sqlfluff", "lint", "--disable-progress-bar", "sql"),
        ("ruff", "check", "."),
        ("python", "process/check.py"),
        ("pytest", "-q", "tests/test_spec.py"),
    ],
    ids=" ".join,
)
def test_the_project_stays_green(project: Path, demonstrated: tuple[Path, str], command: tuple[str, ...]) -> None:
    assert len(list((project / "pipelines").glob("*.toml"))) == len(TABLES) + 1
    run(project, demonstrated, *command)


def test_rows_of_a_group_stand_in_one_split(project: Path, demonstrated: tuple[Path, str]) -> None:
    code = """
from flight_delays import features, snapshot, spec
chosen = spec.choose("travel")
taken = snapshot.newest("travel")
splits = [set(features.read(taken, chosen, name)["individual"].to_pylist()) for name in ("train", "validation", "test")]
assert all(splits) and sum(map(len, splits)) == len(set.union(*splits)) == 210, splits
"""
    run(project, demonstrated, "python", "-c", code)


def test_an_empty_project_begins_with_a_table(empty: Path, demonstrated: tuple[Path, str], tmp_path: Path) -> None:
    package, path, label, *_ = TABLES["penguins"]
    copy = tmp_path / "copy"
    shutil.copytree(empty, copy, ignore=shutil.ignore_patterns(".git", ".venv"))
    call = "import sys; from parcel_arrivals.cli import main; sys.argv[0] = 'parcel-arrivals'; main()"
    table = located(package, path)
    run(copy, demonstrated, "python", "-c", call, "new_pipeline", "penguins", "--table", table, "--label", label)
    run(copy, demonstrated, "python", "-c", call, "pipeline")
    assert (copy / "data" / "reports" / "penguins-v1.html").is_file()
    run(copy, demonstrated, "python", "process/check.py")
