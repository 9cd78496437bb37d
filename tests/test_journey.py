"""The way of a newcomer: the demo, the project's own README, its sessions, the first commit."""

import json
import os
import re
import sys
import tomllib
from pathlib import Path

import baking
import pytest

pytestmark = pytest.mark.slow

Demonstrated = tuple[Path, str]


def session(project: Path, *names: str) -> str:
    done = baking.run(sys.executable, "-m", "nox", "-s", *names, cwd=project, env=baking.fresh_machine())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_ends_with_the_metrics_and_the_report(demonstrated: Demonstrated) -> None:
    project, printed = demonstrated
    (report,) = (project / "data" / "reports").glob("*.html")
    ending = printed[printed.index("register") :]
    assert ending.index("roc_auc") < ending.index(f"report: {report.relative_to(project)}") < ending.index(str(report))


def test_the_model_beats_its_baseline_by_more_than_the_interval(demonstrated: Demonstrated) -> None:
    (numbers,) = (demonstrated[0] / "data" / "reports").glob("*.json")
    test = next(d for d in json.loads(numbers.read_text(encoding="utf-8"))["datasets"] if d["dataset"] == "test")
    assert all(metric["gain"]["low"] > 0 for metric in test["metrics"])


def test_the_report_needs_nothing_but_itself(demonstrated: Demonstrated) -> None:
    (report,) = (demonstrated[0] / "data" / "reports").glob("*.html")
    page = report.read_text(encoding="utf-8")
    assert len(page) < 3_000_000
    assert page.rstrip().endswith("</html>")
    for attribute in ('src="http', "src='http", 'href="http', "@import", "url(http"):
        assert attribute not in page


def test_a_pipeline_leaves_nothing_but_the_lock_file_and_its_pictures_to_commit(
    demonstrated: Demonstrated, bake: baking.Bake, tmp_path: Path
) -> None:
    untracked = baking.run("git", "ls-files", "--others", "--exclude-standard", cwd=demonstrated[0]).stdout.split()
    pictures = {name for name in untracked if re.fullmatch(r"docs/figures/flight_delays/[a-z-]+\.svg", name)}
    assert len(pictures) == 6
    assert set(untracked) == {"uv.lock", *pictures, *baking.tree(bake(tmp_path))}


def test_a_lock_file_is_made_without_large_downloads(demonstrated: Demonstrated) -> None:
    # uv downloads a package that has no wheel to read what it needs, even when only an extra names it.
    lock = tomllib.loads((demonstrated[0] / "uv.lock").read_text(encoding="utf-8"))
    described = {entry["name"] for entry in lock["manifest"]["dependency-metadata"]}
    large = {p["name"] for p in lock["package"] if "wheels" not in p and p.get("sdist", {}).get("size", 0) > 20e6}
    assert large == {"pyspark"}
    assert large <= described


@pytest.mark.parametrize("name", ["lint", "process", "status", "tests"])
def test_a_session_of_a_fresh_project_passes(demonstrated: Demonstrated, name: str) -> None:
    session(demonstrated[0], name)


def test_the_sessions_of_a_project_without_the_example_pass(empty: Path) -> None:
    session(empty, "lint", "process", "status")
    # The other tests make their own small project, so they have passed already.
    here = [path for path in sorted((empty / "tests").glob("test_*.py")) if "__file__" in path.read_text("utf-8")]
    assert here
    session(empty, "tests", "--", *(str(path) for path in here))


def test_a_pipeline_without_a_pipeline_file_says_what_to_do(empty: Path) -> None:
    done = baking.run(sys.executable, "-m", "nox", "-s", "pipeline", cwd=empty, env=baking.fresh_machine())
    assert done.returncode
    assert "Traceback" not in done.stdout + done.stderr
    assert "error: pipelines/: no pipeline yet" in done.stdout + done.stderr


def test_the_first_commit_passes_every_hook_and_changes_nothing(demonstrated: Demonstrated) -> None:
    project, _ = demonstrated
    identity = {f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = baking.fresh_machine() | identity | {"PATH": path}
    (install,) = [block for block in baking.blocks(project / "README.md", "sh") if "pre-commit install" in block]
    for command in (install, "git add --all", "git commit -m first", "git push --dry-run . HEAD:refs/heads/other"):
        done = baking.run("sh", "-c", command, cwd=project, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Failed" not in done.stdout + done.stderr
    assert baking.run("git", "status", "--porcelain", cwd=project).stdout == ""


def test_every_hook_passes_on_all_files(demonstrated: Demonstrated) -> None:
    project, _ = demonstrated
    baking.run("git", "add", "--all", cwd=project)
    for stage in ("pre-commit", "pre-push"):
        command = ["uv", "run", "pre-commit", "run", "--all-files", "--hook-stage", stage]
        done = baking.run(sys.executable, "-m", *command, cwd=project, env=baking.fresh_machine())
        assert done.returncode == 0, done.stdout + done.stderr
    assert baking.run("git", "diff", "--stat", cwd=project).stdout == ""


@pytest.mark.parametrize("line", ["uvx cookiecutter gh:org/mlteam-template", "uvx cruft create gh:org/mlteam-template"])
def test_the_first_line_of_the_readme_makes_a_project(template: Path, tmp_path: Path, line: str) -> None:
    assert line in (template / "README.md").read_text(encoding="utf-8")
    clone = tmp_path / "clone"
    baking.run("git", "clone", "--quiet", baking.ROOT, clone, cwd=tmp_path)
    command = line.replace("uvx", str(baking.tool("uvx"))).replace("gh:org/mlteam-template", str(clone))
    done = baking.run("sh", "-c", command, cwd=tmp_path, env=baking.fresh_machine(), input="\n" * 20)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "flight-delays" / "pyproject.toml").is_file()
