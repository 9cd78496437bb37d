"""What the pages of this repository promise is there."""

import re
import shlex
import tomllib
from pathlib import Path

import baking
import edits  # noqa: F401
import pytest
import yaml
from markdown_it import MarkdownIt
from mlteam.repository.project import Project

README = baking.ROOT / "README.md"
ENGINE = baking.ROOT / "{{cookiecutter.__project_slug}}" / "engine"
PAGES = [README, baking.ROOT / "CONTRIBUTING.md", baking.ROOT / "CHANGELOG.md"]


def test_the_prose_of_the_readme_is_short() -> None:
    text = re.sub(r"```.*?```", "", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert 300 <= sum(len(line.split()) for line in text.splitlines() if not line.startswith("|")) <= 500


def test_every_line_of_the_tree_names_what_is_generated(bake: baking.Bake, tmp_path: Path) -> None:
    project = bake(tmp_path)
    (tree,) = baking.blocks(README, "text")
    for line in tree.splitlines():
        name = line.split()[0]
        assert (project / name).is_dir() if name.endswith("/") else (project / name).is_file(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    tokens = [child for token in MarkdownIt().parse(page.read_text(encoding="utf-8")) for child in token.children or ()]
    links = [str(token.attrs["href"]) for token in tokens if token.type == "link_open"]
    for link in links:
        assert link.startswith("https://") or (baking.ROOT / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_session_that_is_named_exists(page: Path, bake: baking.Bake, tmp_path: Path) -> None:
    own = re.findall(r"^@nox\.session.*\ndef (\w+)", (baking.ROOT / "noxfile.py").read_text(), re.MULTILINE)
    named = re.findall(r"nox -s (\w+)", page.read_text(encoding="utf-8"))
    assert set(named) <= {*own, *Project(bake(tmp_path)).sessions}


def test_continuous_integration_runs_the_readme_s_test_command() -> None:
    (command,) = [block.strip() for block in baking.blocks(README, "sh") if "nox -s tests" in block]
    workflow = yaml.safe_load((baking.ROOT / ".github/workflows/checks.yml").read_text(encoding="utf-8"))
    assert command in [step.get("run") for step in workflow["jobs"]["tests"]["steps"]]
    script = (baking.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for part in command.split(" && "):
        words = [word.replace(".venv", "$scratch/venv") for word in shlex.split(part)]
        assert any(set(words) <= set(shlex.split(line, comments=True)) for line in script.splitlines()), part


def test_the_first_screen_says_what_for_whom_what_you_get_how_long_and_what_not() -> None:
    screen = README.read_text(encoding="utf-8").partition("## Quick start")[0]
    for words in ("One command creates", "For teams with", "What you get", "minute", "GB", "**Not for:**", ".png"):
        assert words in screen, words
    assert len(screen.splitlines()) <= 45


def test_the_pictures_of_the_readme_are_here_and_small() -> None:
    pictures = re.findall(r"\]\((\.github/images/[^)]+)\)", README.read_text(encoding="utf-8"))
    assert len(pictures) == 2
    assert all(0 < (baking.ROOT / picture).stat().st_size < 300_000 for picture in pictures)


def test_the_versions_in_the_readme_are_those_of_the_engine() -> None:
    engine = tomllib.loads((ENGINE / "pyproject.toml").read_text(encoding="utf-8"))
    shown = re.findall(r"`([a-z-]+[<>=][^`]+)`", README.read_text(encoding="utf-8"))
    known = {requirement.partition(";")[0].strip() for requirement in engine["project"]["dependencies"]}
    assert len(shown) >= 6
    assert {re.sub(r"\[.*\]", "", name) for name in shown} <= {re.sub(r"\[.*\]", "", name) for name in known}
