import functools
import shutil
from pathlib import Path

import baking
import hypothesis
import pytest

# Baking takes as long as the machine needs.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, so that no worker ends with one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template as a clone holds it, and what is not committed yet."""
    copy = tmp_path_factory.mktemp("template") / "mlteam-template"
    listed = baking.run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=baking.ROOT)
    for name in sorted({name for name in listed.stdout.split("\0") if (baking.ROOT / name).is_file()}):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(baking.ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def bake(template: Path) -> baking.Bake:
    """Generates a project: `bake(output, hooks=True, **answers)`."""
    return functools.partial(baking.bake, template)


@pytest.fixture(scope="session", params=baking.COMBINATIONS, ids=lambda choices: "-".join(choices.values()))
def baked(
    request: pytest.FixtureRequest, bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """One project for each combination of choices, with its choices."""
    choices: dict[str, str] = request.param
    return bake(tmp_path_factory.mktemp("baked"), **choices, **baking.PARCELS), choices


@pytest.fixture(scope="session")
def demonstrated(template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The project that the README's demo leaves behind, its pipeline run, and what the demo printed."""
    (command,) = [block for block in baking.blocks(template / "README.md", "sh") if "nox -s demo" in block]
    clone, scratch = tmp_path_factory.mktemp("clone") / "mlteam-template", tmp_path_factory.mktemp("scratch")
    shutil.copytree(template, clone)
    demo = baking.run(
        "sh", "-c", f"exec 2>&1; {command}", cwd=clone, env=baking.fresh_machine() | {"TMPDIR": str(scratch)}
    )
    assert demo.returncode == 0, demo.stdout
    (project,) = scratch.glob("mlteam-demo-*/*")
    return project, demo.stdout


@pytest.fixture(scope="session")
def empty(bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without the example."""
    return bake(tmp_path_factory.mktemp("empty"), ci="gitlab", flights_example="no", **baking.PARCELS)


@pytest.fixture(scope="session")
def fresh(bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the example, which tests only read."""
    return bake(tmp_path_factory.mktemp("process"))


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    """A copy of a fresh project that a test may change."""
    return baking.copy(fresh, tmp_path / fresh.name)
