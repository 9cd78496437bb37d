"""The hooks, rendered as cookiecutter renders them and then read as modules."""

import importlib.util
import os
import pty
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from types import ModuleType

import baking
import pytest
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config
from cookiecutter.utils import create_env_with_context

# Packages that are imported by another name than they are installed by.
IMPORTED_AS = {
    "dbt-core": "dbt",
    "markdown-it-py": "markdown_it",
    "import-linter": "importlinter",
    "python-slugify": "slugify",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "vl-convert-python": "vl_convert",
    "xgboost-cpu": "xgboost",
}


def rendered(template: Path, folder: Path, hook: str, **answers: str) -> Path:
    context = generate_context(str(template / "cookiecutter.json"), extra_context=answers)
    context["cookiecutter"] = prompt_for_config(context, no_input=True)
    source = (template / "hooks" / f"{hook}.py").read_text(encoding="utf-8")
    # Two hooks of the same size at one path within a second would share their compiled module.
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{hook}.py"
    path.write_text(create_env_with_context(context).from_string(source).render(**context), encoding="utf-8")
    return path


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize("hook", ["pre_gen_project", "post_gen_project"])
def test_a_rendered_hook_is_clean_and_typed(template: Path, tmp_path: Path, hook: str) -> None:
    path = rendered(template, tmp_path, hook, author_name='Robert "Bob" O\'Brien \\')
    for command in (
        ["ruff", "check", "--ignore", "SIM905,PLR0133,UP036"],
        ["mypy", "--strict", "--no-warn-unreachable"],
    ):
        done = baking.run(baking.tool(command[0]), *command[1:], path, cwd=tmp_path)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("hook", ["pre_gen_project", "post_gen_project"])
def test_a_hook_imports_nothing_but_python_s_own_modules(template: Path, hook: str) -> None:
    source = (template / "hooks" / f"{hook}.py").read_text(encoding="utf-8")
    imported = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    assert set(imported) <= sys.stdlib_module_names


def test_every_dependency_of_the_project_is_refused_as_its_name(
    template: Path, bake: baking.Bake, tmp_path: Path
) -> None:
    wanted = []
    for folder in (project := bake(tmp_path), project / "engine"):
        settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        groups = [
            *settings["dependency-groups"].values(),
            *settings["project"].get("optional-dependencies", {}).values(),
        ]
        wanted += [*settings["project"]["dependencies"], *(entry for group in groups for entry in group)]
    names = {re.split(r"[^\w.-]", entry)[0] for entry in wanted if isinstance(entry, str)}
    expected = {name.replace("-", "_") for name in names} | {IMPORTED_AS[n] for n in names if n in IMPORTED_AS}
    assert expected - set(module(rendered(template, tmp_path, "pre_gen_project")).DEPENDENCIES) == set()


def test_every_folder_of_the_project_is_refused_as_its_name(template: Path, bake: baking.Bake, tmp_path: Path) -> None:
    folders = {path.name for path in bake(tmp_path).iterdir() if path.is_dir() and path.name[0] != "."}
    assert folders - set(module(rendered(template, tmp_path, "pre_gen_project")).FOLDERS) == set()


def test_a_python_that_is_too_old_is_named(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = module(rendered(template, tmp_path, "pre_gen_project"))
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    with pytest.raises(
        SystemExit, match=r"^ERROR: Python 3\.10 is too old, .+; try 'uvx --python 3\.12 cookiecutter'$"
    ):
        hook.main()


@pytest.mark.parametrize("name", ["json", "2024 sales", "../../x", "🦓", "class", "9" * 60])
def test_the_name_that_is_suggested_is_accepted(template: Path, tmp_path: Path, name: str) -> None:
    refusing = module(rendered(template, tmp_path, "pre_gen_project", project_name=name))
    assert len(list(refusing.list_name_problems())) == 1
    accepting = module(rendered(template, tmp_path, "pre_gen_project", project_name=refusing.suggest_name()))
    assert list(accepting.list_name_problems()) == []


def test_the_last_hook_can_run_again(template: Path, bake: baking.Bake, tmp_path: Path) -> None:
    project = bake(tmp_path / "output", ci="gitlab")
    before = baking.tree(project)
    hook = rendered(template, tmp_path, "post_gen_project", ci="gitlab")
    done = subprocess.run([sys.executable, hook], cwd=project, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert baking.tree(project) == before


def test_a_file_of_the_team_keeps_the_folder_of_the_other_ci(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = module(rendered(template, tmp_path, "post_gen_project", ci="gitlab"))
    ours = tmp_path / ".github" / "workflows" / "ours.yml"
    ours.parent.mkdir(parents=True)
    ours.write_text("ours")
    (ours.parent / "checks.yml").write_text("checks")
    monkeypatch.chdir(tmp_path)
    for name in hook.NOT_CHOSEN:
        hook.remove(Path(name))
    assert list(ours.parent.iterdir()) == [ours]


def test_a_person_is_told_the_next_step_and_a_program_is_not(template: Path, tmp_path: Path) -> None:
    """On a terminal the last line names the next command; cruft and others, who have none, see nothing."""
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "--default-config", "--output-dir"]
    shown: list[bytes] = []

    def read(terminal: int) -> bytes:
        shown.append(os.read(terminal, 65536))
        return shown[-1]

    assert pty.spawn([*command, str(tmp_path / "person")], read) == 0
    assert b"Created flight-delays/. Next: `cd flight-delays`, then run `nox -s pipeline`" in b"".join(shown)
    done = baking.run(*command, str(tmp_path / "program"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
