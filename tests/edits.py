"""Edits of a generated project, and what the process check says of it afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import baking

ENGINE = baking.ROOT / "{{cookiecutter.__project_slug}}" / "engine" / "src"
if str(ENGINE) not in sys.path:
    # The checker is tested where it is in the template, since it has no template variable.
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(ENGINE))

from mlteam.pages import writing  # noqa: E402
from mlteam.process.findings import Finding  # noqa: E402
from mlteam.process.runner import run_checks  # noqa: E402

Edit = Callable[[Path], object]

DESIGN, CARD, TEAM, SOURCES = "docs/design.md", "docs/data-card.md", "team.toml", "sql/models/sources.yml"
PIPELINE = "pipelines/flight_delays.toml"
EXCEPTION = """
[[exceptions]]
code = "PRC029"
path = "docs/*"
reason = "comes with the next release"
owner = "ml_engineer"
expires = 2999-01-01
"""
ROLLOUT, TESTS = "## Rollout\n", "## Tests\n"
ADA = '[people.ada]\nname = "Ada Lovelace"'
GRACE = '[people.grace]\nname = "Grace Hopper"\nemail = "grace@navy.mil"\n'
WORKFLOW = ".github/workflows/checks.yml"


def list_findings(project: Path, stage: str = "", *, warnings: bool = False) -> list[Finding]:
    """Return the errors of a run, and its warnings if asked for."""
    result = run_checks(project, stage)
    return [*result.errors, *(result.warnings if warnings else [])]


def findings(project: Path, stage: str = "", *, warnings: bool = False) -> list[tuple[str, str, int]]:
    return [(f.code, f.path, f.line) for f in list_findings(project, stage, warnings=warnings)]


def codes(project: Path, stage: str = "", *, warnings: bool = False) -> set[str]:
    return {code for code, _, _ in findings(project, stage, warnings=warnings)}


def check(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the check as its callers do."""
    without = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"}
    code = {"PYTHONPATH": str(project / "engine" / "src")}
    command = [sys.executable, "-B", "-m", "mlteam.process", *arguments]
    return baking.run(*command, cwd=project, env=without | code | environment)


def replace(path: str, old: str, new: str) -> Edit:
    """An edit that puts a text in the place of another."""

    def edit(project: Path) -> None:
        text = (project / path).read_text(encoding="utf-8")
        assert old in text, (path, old)
        (project / path).write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")

    return edit


def append(path: str, text: str) -> Edit:
    """An edit that adds a text at the end of a file, which it makes if need be."""

    def edit(project: Path) -> None:
        before = (project / path).read_text(encoding="utf-8") if (project / path).exists() else ""
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(before + text, encoding="utf-8", newline="\n")

    return edit


def rename(old: str, new: str) -> Edit:
    return lambda project: (project / old).rename(project / new)


def snapshot(digest: str = "0123456789ab", rows: int = 10) -> Edit:
    """An edit that leaves a snapshot as `nox -s data` does."""
    facts = {
        "pipeline": "flight_delays",
        "relation": "features.flight_features",
        "rows": rows,
        "created_at": "2026-01-31",
        "sources": [{"name": "shop.orders", "rows": 7, "sha256": None}],
    }

    def edit(project: Path) -> None:
        folder = project / "data" / "snapshots" / "flight_delays" / digest
        folder.mkdir(parents=True)
        (folder / "metadata.json").write_text(json.dumps({"digest": digest, **facts}), encoding="utf-8")
        (folder.parent / "newest").write_text(f"{digest}\n", encoding="utf-8")

    return edit


def report(version: int = 3) -> Edit:
    """An edit that leaves an evaluation as `nox -s evaluate` does."""
    number = {"value": 0.7, "low": 0.69, "high": 0.71}
    metric = {"metric": "roc_auc", "model": number, "baseline": number, "gain": number}
    part = {"column": "origin", "value": "JFK", "rows": 5, "positive_rate": 0.2, "metrics": {"roc_auc": number}}
    facts = {"dataset": "test", "rows": 5, "metrics": [metric], "slices": [part]}
    found = {"version": version, "snapshot": "0123456789abcdef", "datasets": [facts]}
    return append(f"data/reports/flight_delays-v{version}.json", json.dumps(found))


def both(*edits: Edit) -> Edit:
    def edit(project: Path) -> None:
        for each in edits:
            each(project)

    return edit


def fix(project: Path) -> None:
    writing.fix_project(project)


def crlf(project: Path) -> None:
    for path in [project / "PROCESS.md", *project.glob("docs/*.md"), project / TEAM, project / SOURCES]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def committed(project: Path) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    baking.run("git", "add", "--all", cwd=project)
    assert baking.run("git", *identity, "commit", "--no-verify", "-m", "First", cwd=project).returncode == 0
