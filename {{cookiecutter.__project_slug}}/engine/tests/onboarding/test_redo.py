"""A table that is brought again: what changed is said, the files are made again, and a failure changes nothing."""

import subprocess
from pathlib import Path

import pytest

from mlteam.commands import train
from mlteam.commands.new_pipeline import create_pipeline
from mlteam.config import pipelines
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot, warehouse
from mlteam.onboarding.plan import OnboardingRequest
from mlteam.registry import versions

WISH = OnboardingRequest("orders", "returned")
AGAIN = OnboardingRequest("orders", "returned", redo=True)


def grow(table: Path, *, wrong: bool = False) -> None:
    """The table gets a column, and loses one."""
    header, *lines = table.read_text(encoding="utf-8").splitlines()
    rows = [line.replace(",card,", ",").replace(",cash,", ",") + f",{n % 7}" for n, line in enumerate(lines)]
    names = header.replace("paid by,", "") + ",weight"
    label = names.replace("returned", "gone") if wrong else names
    table.write_text("\n".join([label, *rows]) + "\n", encoding="utf-8")


@pytest.fixture
def brought(shop: Path) -> Path:
    """A pipeline with a version, and git that holds its files."""
    create_pipeline(WISH, "orders.csv")
    spec = pipelines.load_spec("orders")
    train.train_version(spec, snapshot.load_newest("orders"))
    (shop / ".gitignore").write_text("/data/\n")
    for command in ("init --quiet", "add --all", "-c user.name=a -c user.email=a@b.c commit --quiet --message x"):
        subprocess.run(["git", *command.split()], check=True)
    return shop


def read_files(folder: Path) -> dict[Path, bytes]:
    kept = ("pipelines", "sql/models", "examples", "data/raw", "data/tables", "data/snapshots")
    return {path: path.read_bytes() for name in kept for path in (folder / name).rglob("*") if path.is_file()}


def test_a_second_run_says_what_has_changed_and_how_to_decide_again(brought: Path) -> None:
    with pytest.raises(ProjectError, match="is taken, and the columns are those of before") as same:
        create_pipeline(WISH, "orders.csv")
    assert "--redo" in str(same.value.fix)
    assert "nox -s data -- --refresh" in str(same.value.fix)
    grow(brought / "orders.csv")
    with pytest.raises(ProjectError, match="is taken, and columns new: weight; gone: paid_by") as changed:
        create_pipeline(WISH, "orders.csv")
    assert str(changed.value.where) == "sql/models/staging/stg_orders.sql"


def test_a_table_that_grew_a_column_is_brought_again_and_the_versions_stay(
    brought: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (brought / "data" / "notes.txt").write_text("kept")
    grow(brought / "orders.csv")
    create_pipeline(AGAIN, "orders.csv")
    assert "brought again, columns new: weight; gone: paid_by" in capsys.readouterr().out
    spec = pipelines.load_spec("orders")
    assert "weight" in spec.features.names
    with warehouse.connect() as connection:
        names = [name for name, *_ in connection.execute("describe features.orders_features").fetchall()]
    assert "weight" in names
    assert "paid_by" not in names
    second = train.train_version(spec, snapshot.load_newest("orders"))
    assert second.number == 2
    assert "paid_by" in versions.open_version(spec, "1").schema.names
    assert not list(Path("data").glob(".redo-*"))
    assert Path("sql/models/sources.yml").read_text().count("- name: orders") == 2


def test_a_table_that_cannot_be_brought_again_changes_nothing(brought: Path) -> None:
    grow(brought / "orders.csv", wrong=True)
    before = read_files(brought)
    with pytest.raises(ProjectError, match="--label: the table has no column 'returned'"):
        create_pipeline(AGAIN, "orders.csv")
    assert read_files(brought) == before


def test_what_git_does_not_hold_is_not_replaced(brought: Path) -> None:
    path = brought / "pipelines" / "orders.toml"
    path.write_text(path.read_text() + "\n# by hand\n")
    before = read_files(brought)
    with pytest.raises(ProjectError, match="git does not hold this file as it is"):
        create_pipeline(AGAIN, "orders.csv")
    assert read_files(brought) == before


def test_redo_of_a_pipeline_that_is_not_there_makes_it(shop: Path) -> None:
    create_pipeline(AGAIN, "orders.csv")
    assert pipelines.list_pipelines() == ["orders"]


def test_the_copy_of_a_table_can_be_brought_again_itself(brought: Path) -> None:
    copy = Path("data/tables/orders.csv")
    copy.parent.mkdir(exist_ok=True)
    (brought / "orders.csv").rename(copy)
    grow(brought / copy)
    create_pipeline(AGAIN, str(copy))
    assert "weight" in pipelines.load_spec("orders").features.names
    assert copy.exists()
