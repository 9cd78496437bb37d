"""A pipeline gets another name, and nothing goes on speaking of the old one."""

import subprocess
from pathlib import Path

import pytest

from mlteam.commands.data import generate_data
from mlteam.commands.new_pipeline import create_pipeline
from mlteam.commands.rename_pipeline import rename_pipeline
from mlteam.config import pipelines
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot, windows
from mlteam.onboarding.plan import OnboardingRequest

RUNBOOK = (
    "Run `nox -s evaluate -- --pipeline orders`, read orders_features, and count the orders of pipelines/orders.toml.\n"
)


def commit_all() -> None:
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *command], check=True)


def test_a_renamed_pipeline_builds_the_same_rows(shop: Path) -> None:
    (shop / ".gitignore").write_text("data/\nCODEOWNERS\n")
    (shop / "pyproject.toml").write_text('[tool.mlteam]\nengine = "0"\n')
    create_pipeline(OnboardingRequest("orders", "returned", time="Order Date"), "orders.csv")
    create_pipeline(OnboardingRequest("orders_late", "returned"), "orders.csv")
    before = snapshot.load_newest("orders").digest
    (shop / "runbook.md").write_text(RUNBOOK)
    with pytest.raises(ProjectError, match="git finds no repository here"):
        rename_pipeline("orders", "returns")
    subprocess.run(["git", "init", "-q"], check=True)
    with pytest.raises(ProjectError, match="git does not hold this file as it is"):
        rename_pipeline("orders", "returns")
    commit_all()
    rename_pipeline("orders", "returns")
    assert pipelines.list_pipelines() == ["orders_late", "returns"]
    assert pipelines.load_spec(None).name == "returns"
    assert generate_data(windows.load_spec("returns")).digest == before
    assert generate_data(windows.load_spec("orders_late"))
    assert (shop / "runbook.md").read_text() == RUNBOOK.replace("orders", "returns").replace(
        "the returns of", "the orders of"
    )
    told = subprocess.run(["git", "grep", "-lE", r"stg_orders\b|\borders_features"], capture_output=True, check=False)
    assert told.stdout == b""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("order", "returns", "there is no pipeline 'order'"),
        ("orders", "Returns", "'Returns' is not a valid pipeline name"),
        ("orders", "orders", "the name 'orders' is taken"),
    ],
)
def test_a_name_that_cannot_be_is_refused(shop: Path, old: str, new: str, expected: str) -> None:
    create_pipeline(OnboardingRequest("orders", "returned"), "orders.csv")
    with pytest.raises(ProjectError, match=expected):
        rename_pipeline(old, new)
    assert pipelines.list_pipelines() == ["orders"]
