"""Every combination of choices gives a project that is whole, clean and free of what was not chosen."""

import fnmatch
import os
import re
import stat
import sys
from pathlib import Path

import baking
import pytest
import yaml

Baked = tuple[Path, dict[str, str]]

# Files that contain another tool's own braces.
BRACES = (
    "*.sql",
    "*.jinja",
    "*/sql/*.yml",
    "*/.github/workflows/*.yml",
    "*/deploy/alertmanager.yml",
    "*/engine/*.py",
    "*/engine/README.md",
    "*/tests/*.py",
)
OTHERS = {
    "license": {"MIT": "MIT License", "Apache-2.0": "Apache License", "Proprietary": "All rights reserved"},
    "ci": {"github": ".github/workflows", "gitlab": ".gitlab-ci"},
}
WINDOWS_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_file_parses(baked: Baked) -> None:
    for path in baking.files(baked[0]):
        baking.strings(path)


def test_no_delimiter_of_the_template_is_left(baked: Baked) -> None:
    for path in baking.files(baked[0]):
        assert "cookiecutter." not in text_of(path), path
        assert "{{" not in path.as_posix()
        if not any(fnmatch.fnmatch(path.as_posix(), pattern) for pattern in BRACES):
            assert not re.search(r"\{\{|\{%|\{#", text_of(path)), path


def test_nothing_tells_where_the_project_came_from(baked: Baked) -> None:
    for path in baking.files(baked[0]):
        assert not re.search("cookiecutter|mlteam-template", text_of(path), re.IGNORECASE), path
        # The checker knows the word in order to refuse it.
        assert "checks" in path.parts or "TODO" not in text_of(path), path


def test_no_other_choice_is_named(baked: Baked) -> None:
    project, choices = baked
    for question, names in OTHERS.items():
        for choice, name in names.items():
            if choice != choices[question]:
                named = [
                    path for path in baking.files(project) if path.name != "defaults.toml" and name in text_of(path)
                ]
                assert named == []


def test_the_ci_of_the_chosen_host_is_the_only_one(baked: Baked) -> None:
    project, choices = baked
    present = {name for name in (".github", ".gitlab-ci.yml") if (project / name).exists()}
    assert present == {{"github": ".github", "gitlab": ".gitlab-ci.yml"}[choices["ci"]]}


def test_without_the_example_no_flight_is_named(baked: Baked) -> None:
    project, choices = baked
    if choices["flights_example"] == "yes":
        pytest.skip("has the example")
    for path in baking.files(project):
        # The engine's own tests run on toy rows, which happen to be flights as well.
        word = "nyc|flight_delays|flight_features" if "engine" in path.parts else "flight|nyc"
        assert not re.search(f"{word}|remove_example", path.name + text_of(path), re.IGNORECASE), path


def test_no_file_and_no_folder_is_empty(baked: Baked) -> None:
    project, _ = baked
    may_be_empty = {"__init__.py", "py.typed"}
    for path in project.rglob("*"):
        if ".git" in path.parts:
            continue
        assert any(path.iterdir()) if path.is_dir() else path.stat().st_size or path.name in may_be_empty, path


def test_windows_can_hold_every_file(baked: Baked) -> None:
    project, _ = baked
    names = [path.relative_to(project) for path in baking.files(project)]
    assert len({name.as_posix().lower() for name in names}) == len(names)
    for name in names:
        assert not (project / name).is_symlink()
        assert len(name.as_posix()) <= 150, name
        for part in name.parts:
            assert re.fullmatch(r"[A-Za-z0-9._-]*[A-Za-z0-9_-]", part), name
            assert part.split(".")[0].lower() not in WINDOWS_DEVICES, name


def test_every_text_file_ends_with_one_line_break(baked: Baked) -> None:
    for path in baking.files(baked[0]):
        content = path.read_bytes()
        assert not content or content.endswith(b"\n"), path
        assert not content.endswith(b"\n\n"), path
        assert b"\r" not in content, path


def test_no_file_is_executable(baked: Baked) -> None:
    for path in baking.files(baked[0]):
        assert not path.stat().st_mode & stat.S_IXUSR, path


def ruff_changes_nothing(project: Path) -> None:
    for command in (["format", "--check"], ["check"]):
        ruff = baking.run(baking.tool("ruff"), *command, "--no-cache", ".", cwd=project)
        assert ruff.returncode == 0, ruff.stdout + ruff.stderr


def test_the_formatter_has_nothing_to_change(baked: Baked) -> None:
    ruff_changes_nothing(baked[0])


@pytest.mark.parametrize("name", ["Q", "Aardvarks", "Zebras", "Nine Words of Six Letters Or So Make a Long Name"])
def test_the_formatter_has_nothing_to_change_whatever_the_name(bake: baking.Bake, tmp_path: Path, name: str) -> None:
    ruff_changes_nothing(bake(tmp_path, project_name=name))


def test_git_starts_on_main_and_holds_no_commit(baked: Baked) -> None:
    head = (baked[0] / ".git" / "HEAD").read_text()
    assert head.strip() == "ref: refs/heads/main"
    assert baking.run("git", "rev-parse", "HEAD", cwd=baked[0]).returncode


def test_git_ignores_nothing_that_was_generated(baked: Baked) -> None:
    ignored = baking.run("git", "ls-files", "--others", "--ignored", "--exclude-standard", cwd=baked[0])
    assert ignored.stdout == ""


def test_the_same_answers_give_the_same_project(baked: Baked, bake: baking.Bake, tmp_path: Path) -> None:
    project, choices = baked
    if choices == baking.COMBINATIONS[0]:
        assert baking.tree(bake(tmp_path, **choices, **baking.PARCELS)) == baking.tree(project)


def test_taking_the_example_out_later_gives_the_same_project(baked: Baked, bake: baking.Bake, tmp_path: Path) -> None:
    project, choices = baked
    if choices["flights_example"] == "yes":
        pytest.skip("compared from the other side")
    later = bake(tmp_path, **{**choices, "flights_example": "yes"}, **baking.PARCELS)
    environment = os.environ | {"PYTHONPATH": str(later / "engine" / "src")}
    removed = baking.run(sys.executable, "-B", "process/remove_example.py", cwd=later, env=environment)
    assert removed.returncode == 0, removed.stderr
    assert baking.tree(later) == baking.tree(project)


def test_taking_the_example_out_keeps_what_the_team_brought(fresh: Path, tmp_path: Path) -> None:
    project = baking.copy(fresh, tmp_path / fresh.name)
    sources, settings = project / "sql" / "models" / "sources.yml", project / "pyproject.toml"
    own = "  - name: shop\n    config: {meta: {owner: data_engineer}}\n    tables:\n      - name: orders\n"
    sources.write_text(sources.read_text(encoding="utf-8") + f"\n{own}", encoding="utf-8")
    # As `new_pipeline` writes it beside a second pipeline.
    default = "\n# Commands without --pipeline mean this one; launch and rollback must name theirs.\n"
    added = re.sub(r'(\nengine = "[\d.]+"\n)', rf'\1{default}pipeline = "flight_delays"\n', settings.read_text("utf-8"))
    assert "Commands without" in added
    settings.write_text(added, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(project / "engine" / "src")}
    removed = baking.run(sys.executable, "-B", "process/remove_example.py", cwd=project, env=environment)
    assert removed.returncode == 0, removed.stderr
    assert yaml.safe_load(sources.read_text(encoding="utf-8"))["sources"] == yaml.safe_load(own)
    left = settings.read_text(encoding="utf-8")
    assert "Commands without" not in left
    assert "pipeline = " not in left


def test_updates_of_packages_and_actions_are_proposed(baked: tuple[Path, dict[str, str]]) -> None:
    project, choices = baked
    name, schema = {"github": (".github/dependabot.yml", "dependabot"), "gitlab": ("renovate.json", "renovate")}[
        choices["ci"]
    ]
    done = baking.run(baking.tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", name, cwd=project)
    assert done.returncode == 0, done.stdout
    (other,) = {".github/dependabot.yml", "renovate.json"} - {name}
    assert not (project / other).exists()
