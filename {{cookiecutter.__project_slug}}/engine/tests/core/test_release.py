"""An engine that was edited, or is another one than the project's files expect, is named."""

from pathlib import Path

import pytest

from mlteam.core import release
from mlteam.core.errors import ProjectError


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A small engine with its release."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_bytes(b"A = 1\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mlteam"\nversion = "7.1.0"\n')
    release.write_release(tmp_path)
    return tmp_path


def is_released(engine: Path) -> bool:
    return release.compute_tree_digest(engine) == release.read_release(engine)["tree_sha256"]


def test_a_release_knows_its_version_and_its_files(engine: Path) -> None:
    assert release.read_release(engine)["version"] == "7.1.0"
    assert is_released(engine)


@pytest.mark.parametrize("name", ["src/a.py", "src/b.py", "src/c.html.jinja", "README.md"])
def test_a_file_that_is_changed_or_added_is_an_edit(engine: Path, name: str) -> None:
    (engine / name).write_text("A = 2\n")
    assert not is_released(engine)


def test_a_file_that_was_deleted_or_renamed_is_an_edit(engine: Path) -> None:
    (engine / "src" / "a.py").rename(engine / "src" / "b.py")
    assert not is_released(engine)


def test_what_tools_leave_behind_and_line_endings_are_not_an_edit(engine: Path) -> None:
    (engine / "src" / "__pycache__").mkdir()
    (engine / "src" / "__pycache__" / "a.pyc").write_text("x")
    (engine / ".ruff_cache").mkdir()
    (engine / ".ruff_cache" / "x").write_text("x")
    (engine / "src" / "a.py").write_bytes(b"A = 1\r\n")
    assert is_released(engine)


def test_another_version_than_expected_is_refused_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text('[project]\nname = "x"\n\n[tool.mlteam]\nengine = "0.2.0"\n')
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.2.0")
    release.check_version(pyproject)
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.3.0")
    with pytest.raises(ProjectError) as refused:
        release.check_version(pyproject)
    first, second = str(refused.value).splitlines()
    assert first == "pyproject.toml:4: the project's files expect engine 0.2.0, and 0.3.0 is installed"
    assert second.startswith("restore engine/ from git")
