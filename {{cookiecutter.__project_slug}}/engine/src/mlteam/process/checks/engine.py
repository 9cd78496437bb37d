"""Checks of engine/: it is a release, and the one that the project's files are written for."""

import tomllib
from collections.abc import Iterator

from mlteam.core import release
from mlteam.process.checks.findings import Finding, check
from mlteam.process.checks.project import Project

FILE = "engine/RELEASE"


@check("PRC092", "engine/ is unchanged since its release, or an exception says who edited it and why", blocks="shadow")
def edited(project: Project) -> Iterator[Finding]:
    """The digest of the files is the one that engine/RELEASE records: an update would overwrite an edit."""
    folder = project.root / "engine"
    if not project.exists("engine/pyproject.toml"):
        return
    if release.compute_tree_digest(folder) != release.read_release(folder)["tree_sha256"]:
        text = "engine/ has been edited since its release, so an update would undo the edit"
        fix = "move the change to src/, metrics/ or sql/, or make an exception in process/suppressions.toml"
        yield Finding(FILE, 1, text, fix=fix)


@check("PRC093", "engine/ has the version that the project's files are written for")
def version(project: Project) -> Iterator[Finding]:
    """`engine` under `[tool.mlteam]` of pyproject.toml is the version of engine/RELEASE."""
    if not (project.exists("engine/pyproject.toml") and project.exists("pyproject.toml")):
        return
    text = project.text("pyproject.toml")
    try:
        expected = str(tomllib.loads(text).get("tool", {}).get("mlteam", {}).get("engine", ""))
    except tomllib.TOMLDecodeError as error:
        yield Finding("pyproject.toml", 1, f"not TOML: {error}", fix="fix the line")
        return
    found = release.read_release(project.root / "engine")["version"]
    if expected and found != expected:
        line = text.partition("[tool.mlteam]")[0].count("\n") + 2
        text = f"the project's files expect engine {expected}, and engine/ is {found or 'of no release'}"
        yield Finding("pyproject.toml", line, text, fix="restore engine/ from git, or adapt the files and this line")
