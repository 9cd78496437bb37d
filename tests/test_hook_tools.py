"""The commit hooks that kept tools provide reject what must not be in a repository, and pass a fresh project."""

import shutil
from pathlib import Path

import baking
import pytest
from edits import Edit, append, replace

pytestmark = pytest.mark.slow

WORKFLOW = ".github/workflows/checks.yml"
SECRETS = {
    "an AWS key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a password in an address": "postgres://ada:" + "lovelace@db.internal/x",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
}
OUTPUTS = '"outputs": [{"output_type": "stream", "name": "stdout", "text": ["rows"]}]'
NOTEBOOK = '{"cells": [{"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "source": [], %s}], '
NOTEBOOK += '"metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
REJECTED: dict[str, tuple[str, str, Edit]] = {
    **{name: ("secrets", "README.md", append("README.md", f"\n{text}\n")) for name, text in SECRETS.items()},
    "notebook outputs": ("notebooks", "notebooks/x.ipynb", append("notebooks/x.ipynb", NOTEBOOK % OUTPUTS)),
    "an unpinned action": (
        "workflows",
        WORKFLOW,
        append(WORKFLOW, "      - uses: actions/cache@v4\n"),
    ),
    "a text of the event in a script": (
        "workflows",
        WORKFLOW,
        append(WORKFLOW, "      - run: echo ${{ github.event.issue.title }}\n"),
    ),
    "a trigger with the rights of the target": (
        "workflows",
        WORKFLOW,
        replace(WORKFLOW, "pull_request:", "pull_request_target:"),
    ),
    "a pickle": (
        "ruff-check",
        "src/flight_delays/load.py",
        append("src/flight_delays/load.py", '"""Load."""\n\nimport joblib\n'),
    ),
}


@pytest.fixture(scope="module")
def repository(demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its environment, so that hooks find their tools."""
    source, _ = demonstrated
    copy = tmp_path_factory.mktemp("hooks") / source.name
    shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("data"))
    baking.run("git", "add", "--all", cwd=copy)
    return copy


def run_hook(repository: Path, hook: str, *files: str) -> int:
    chosen = ["--files", *files] if files else ["--all-files"]
    command = [str(repository / ".venv" / "bin" / "pre-commit"), "run", hook, *chosen]
    machine = baking.fresh_machine()
    path = f"{baking.tool('uv').parent}:{machine['PATH']}"
    return baking.run(*command, cwd=repository, env=machine | {"PATH": path}).returncode


@pytest.mark.parametrize("hook", ["secrets", "notebooks", "workflows"])
def test_a_fresh_project_passes(repository: Path, hook: str) -> None:
    assert run_hook(repository, hook) == 0


@pytest.mark.parametrize("name", REJECTED)
def test_what_must_not_be_in_a_repository_is_rejected(repository: Path, name: str) -> None:
    hook, path, edit = REJECTED[name]
    before = (repository / path).read_bytes() if (repository / path).exists() else None
    try:
        edit(repository)
        baking.run("git", "add", path, cwd=repository)
        assert run_hook(repository, hook, path) == 1
    finally:
        (repository / path).unlink()
        if before is not None:
            (repository / path).write_bytes(before)
        baking.run("git", "add", "--all", cwd=repository)


def test_a_commit_without_uv_says_how_to_install_it(repository: Path) -> None:
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(repository.parent)}
    if shutil.which("uv", path=bare["PATH"]):
        pytest.skip("uv is installed for everybody on this machine")
    command = [str(repository / ".venv" / "bin" / "pre-commit"), "run", "--all-files"]
    done = baking.run(*command, cwd=repository, env=bare)
    assert done.returncode == 1
    assert 'uv is installed (if not, run "pipx install uv")' in done.stdout
    assert done.stdout.count("not found") == 1
