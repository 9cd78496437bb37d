"""A pipeline is taken out as it was brought in, and nothing that others need goes with it."""

import subprocess
from pathlib import Path

import pytest

from mlteam.commands.new_pipeline import create_pipeline
from mlteam.commands.remove_pipeline import remove_pipeline
from mlteam.config import pipelines
from mlteam.core.errors import ProjectError
from mlteam.data import sources
from mlteam.data.sources import SOURCES_FILE as SOURCES
from mlteam.onboarding.plan import OnboardingRequest


def commit_all() -> None:
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *command], check=True)


def test_a_pipeline_is_removed_and_leaves_the_repository_as_it_was(shop: Path) -> None:
    (shop / ".gitignore").write_text("data/\nCODEOWNERS\n")
    before = {path for path in shop.rglob("*") if path.is_file() and "data" not in path.parts}
    create_pipeline(OnboardingRequest("orders", "returned", time="Order Date"), "orders.csv")
    with pytest.raises(ProjectError, match="git does not hold this file as it is"):
        remove_pipeline("orders")
    commit_all()
    remove_pipeline("orders")
    left = {path for path in shop.rglob("*") if path.is_file() and not {"data", ".git"} & set(path.parts)}
    assert left - {shop / "CODEOWNERS"} == before
    assert (shop / "data" / "snapshots" / "orders").is_dir()
    with pytest.raises(ProjectError, match="there is no pipeline 'orders'"):
        remove_pipeline("orders")
    create_pipeline(OnboardingRequest("orders", "returned", time="Order Date"), "orders.csv")


def test_one_of_two_pipelines_is_removed_and_what_the_other_reads_stays(shop: Path) -> None:
    (shop / ".gitignore").write_text("data/\n")
    (shop / "pyproject.toml").write_text('[tool.mlteam]\nengine = "0"\n')
    create_pipeline(OnboardingRequest("orders", "returned", time="Order Date"), "orders.csv")
    create_pipeline(OnboardingRequest("returns", "returned"), "orders.csv")
    (shop / "pipelines" / "variant.toml").write_text((shop / "pipelines" / "orders.toml").read_text())
    commit_all()
    changed = remove_pipeline("returns")
    assert SOURCES in changed
    assert [source.system for source in sources.load_sources()] == ["orders"]
    commit_all()
    assert pipelines.load_spec(None).name == "orders"
    changed = remove_pipeline("orders")
    assert sorted(map(str, changed)) == ["examples/orders.json", "pipelines/orders.toml", "pyproject.toml"]
    assert pipelines.load_spec(None).name == "variant"
    assert (shop / "sql" / "models" / "features" / "orders_features.sql").exists()
    assert (shop / "pyproject.toml").read_text().split() == ["[tool.mlteam]", "engine", "=", '"0"']
