import dataclasses
import datetime as dt
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from tables import planned, table

from mlteam.commands.new_pipeline import create_pipeline
from mlteam.config import pipelines
from mlteam.core.errors import ProjectError
from mlteam.core.paths import SNAPSHOTS
from mlteam.data import loaders, snapshot, table_files, warehouse, windows
from mlteam.data.sources import SOURCES_FILE as SOURCES
from mlteam.data.sources import Source, load_sources
from mlteam.data.splits import describe_dataset
from mlteam.onboarding.plan import OnboardingRequest

LOADER = "mlteam.data.loaders:load_file"


def several(rows: int = 100, **columns: object) -> dict[str, object]:
    """Columns of a small table: a feature that says little, and what is given."""
    return {"size": np.arange(rows) % 7, **columns}


def refusal(columns: dict[str, object], label: str, **wish: object) -> str:
    with pytest.raises(ProjectError) as caught:
        planned(table(**columns), label, **wish)
    return str(caught.value)


NUMBERS = np.arange(100)


@pytest.mark.parametrize(
    ("label", "task", "positive"),
    [
        (NUMBERS % 3 == 0, "binary", None),
        (NUMBERS % 3 // 2, "binary", "1"),
        (np.where(NUMBERS % 3 == 0, "No", "Yes"), "binary", None),
        (np.where(NUMBERS % 3 == 0, "bad", "good"), "binary", "bad"),
        ((NUMBERS % 3 // 2).astype(float), "binary", "1.0"),
        (NUMBERS % 5, "multiclass", None),
        (np.array(list("abc"))[NUMBERS % 3], "multiclass", None),
        (NUMBERS * 37 % 100, "regression", None),
        (np.sin(NUMBERS), "regression", None),
    ],
)
def test_the_task_follows_from_the_label(label: object, task: str, positive: str | None) -> None:
    plan = planned(table(**several(y=label)), "y")
    assert (plan.task, plan.positive) == (task, positive)


def test_the_task_that_was_asked_for_is_taken() -> None:
    assert planned(table(**several(y=NUMBERS % 5)), "y", task="regression").task == "regression"


@pytest.mark.parametrize(
    ("columns", "wish", "said"),
    [
        ({"size": [1, 2, 3], "y": [0, 1, 0]}, {}, "3 rows have a label, which is too few"),
        (several(y=[None] * 50 + [0, 1] * 25), {}, "50 rows have a label, which is too few"),
        (several(y=["same"] * 100), {}, "label 'y' has only one value"),
        (several(y=["rare"] * 3 + ["often"] * 97), {}, "class 'rare' of 'y' has 3 row(s)"),
        (several(y=[f"c{i}" for i in range(100)]), {}, "label 'y' has 100 classes, more than 50"),
        (several(y=NUMBERS % 3), {"task": "binary"}, "label 'y' has 3 values, binary needs 2"),
        (several(y=["a", "b"] * 50), {"task": "regression"}, "label 'y' is not a number"),
        (several(y=[[1], [2]] * 50), {}, "--label: 'y' is neither number"),
        (several(y=[0, 1] * 50, g=[[1], [2]] * 50), {"group": "g"}, "--group: 'g' is neither number"),
        (several(yes=[0, 1] * 50), {}, "--label: the table has no column 'y'"),
        (several(y=[0, 1] * 50), {"key": ("size",)}, "--key: 'size' is missing or repeated in 93 rows"),
        (several(y=[0, 1] * 50), {"time": "size"}, "--time: column 'size' is integer"),
        (
            several(y=[0, 1] * 50, day=["2013-01-01"] * 99 + [""]),
            {"time": "day"},
            "'day' is missing in 1 of 100 rows",
        ),
        (several(y=[0, 1] * 50, day=["2013-01-01"] * 100), {"time": "day"}, "too few different days"),
        ({"empty": [None] * 100, "y": [0, 1] * 50}, {}, "no usable feature columns"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(
    columns: dict[str, object], wish: dict[str, object], said: str
) -> None:
    assert said in refusal(columns, "y", **wish)


def test_rows_without_a_label_are_counted() -> None:
    plan = planned(table(**several(y=["", *["a", "b"] * 49, "NA"])), "y")
    assert (plan.label.missing, plan.label.distinct) == (2, 2)


def test_a_key_is_found_by_its_name_and_values() -> None:
    plan = planned(table(**several(Order_ID=NUMBERS, other=NUMBERS, y=NUMBERS % 2)), "y")
    assert plan.key
    assert plan.key.raw == "Order_ID"
    assert plan.exclusion_reasons["order_id"] == "the key"


def test_rows_that_are_alike_are_counted() -> None:
    plan = planned(table(size=NUMBERS // 2, y=NUMBERS // 2 % 2), "y")
    assert plan.key is None
    assert plan.repeated_rows == 50


def test_windows_follow_the_rows_that_have_a_label() -> None:
    days = [dt.date(2013, 1, 1) + dt.timedelta(days=int(number)) for number in NUMBERS]
    label = [number * 37 % 2 if number < 80 else None for number in NUMBERS]
    plan = planned(table(**several(day=days, y=label)), "y", time="day")
    assert plan.windows == [dt.date(2013, 1, 1), dt.date(2013, 2, 25), dt.date(2013, 3, 9), dt.date(2013, 3, 22)]
    assert plan.exclusion_reasons["day_"] == "splits the rows by time"


def test_a_group_wins_over_time() -> None:
    days = [dt.date(2013, 1, 1) + dt.timedelta(days=int(number)) for number in NUMBERS]
    plan = planned(table(**several(day=days, shop=NUMBERS % 9, y=NUMBERS % 2)), "y", time="day", group="shop")
    assert plan.windows == []
    assert plan.exclusion_reasons["shop"] == "keeps rows together in one split"


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("v", ["same"] * 100, "has the same value in all rows"),
        ("v", ["", "NA"] * 50, "is empty"),
        ("v", [f"a long story, number {number % 9}, of many words and no end" for number in NUMBERS], "is free text"),
        ("v", [f"T-{number}" for number in NUMBERS], "has 100 different texts in 100 rows"),
        ("v", [f"2013-01-{number % 28 + 1:02}" for number in NUMBERS], "is a date"),
        ("Unnamed: 0", NUMBERS, "numbers the rows"),
        ("v", [[1], [2]] * 50, "is neither number, text, boolean nor date"),
        ("E-Mail", ["a", "b"] * 50, "looks like an e-mail address"),
        ("v", [f"user{number}@example.org" for number in NUMBERS], "looks like an e-mail address"),
    ],
)
def test_a_column_that_is_no_feature_has_its_reason(name: str, values: object, reason: str) -> None:
    plan = planned(table(**several(y=NUMBERS * 37 % 2), **{name: values}), "y")
    (column,) = (column for column in plan.columns if column.raw == name)
    assert plan.exclusion_reasons[column.name].startswith(reason)
    assert column not in plan.features


def test_a_file_becomes_a_pipeline_with_a_snapshot(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_pipeline(OnboardingRequest("orders", "returned", time="Order Date"), "orders.csv")
    spec = pipelines.load_spec("orders")
    assert (spec.task, spec.data.key, spec.data.time) == ("binary", "id", "order_date")
    assert spec.features.names == ("paid_by", "basket_eur", "order_date_weekday")
    assert spec.privacy.identifiers == ("first_name",)
    assert snapshot.load_newest("orders").metadata["rows"] == 400
    with warehouse.connect() as connection:
        assert connection.execute("select min(id), max(id) from features.orders_features").fetchone() == (
            "00000",
            "00399",
        )
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "looks like a person's name" in printed
    assert "next: nox -s pipeline -- --pipeline orders" in printed


def test_a_year_orders_the_rows_and_rows_without_one_can_be_left_out(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(3)
    rows = [f"{'' if n % 50 == 7 else 1990 + n // 20},{draw.integers(0, 9)},{draw.integers(0, 2)}" for n in range(600)]
    (shop / "crops.csv").write_text("\n".join(["Year,Rain,Good", *rows]) + "\n", encoding="utf-8")
    wish = OnboardingRequest("crops", "Good", time="Year")
    with pytest.raises(ProjectError, match="'Year' is missing in 12 of 600 rows") as refused:
        create_pipeline(wish, "crops.csv")
    assert "--drop-undated" in str(refused.value.fix)
    assert not (shop / "pipelines" / "crops.toml").exists()
    create_pipeline(dataclasses.replace(wish, drop_undated=True), "crops.csv")
    spec = windows.load_spec("crops")
    assert snapshot.load_newest("crops").metadata["rows"] == 588
    assert describe_dataset(spec, "test") == "test (2015-01-01 until 2019-01-02)"
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "12 of 600 have no Year" in printed


def test_no_path_of_a_machine_gets_into_the_repository(
    shop: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ProjectError("on purpose")

    create_pipeline(OnboardingRequest("orders", "returned"), str(shop / "orders.csv"))
    assert "is a copy of" not in capsys.readouterr().out
    desk = tmp_path_factory.mktemp("desk")
    shutil.copy(shop / "orders.csv", desk / "orders.csv")
    create_pipeline(OnboardingRequest("returns", "returned"), str(desk / "orders.csv"))
    assert f"data/tables/returns.csv is a copy of {desk}" in re.sub(r"\s+", " ", capsys.readouterr().out)
    declared = (shop / "sql" / "models" / "sources.yml").read_text()
    assert str(desk) not in declared
    assert [source.origin for source in load_sources()] == ["orders.csv", "data/tables/returns.csv"]
    monkeypatch.setattr(warehouse, "build", fail)
    with pytest.raises(ProjectError, match="on purpose"):
        create_pipeline(OnboardingRequest("again", "returned"), str(desk / "orders.csv"))
    assert [path.name for path in (shop / "data" / "tables").iterdir()] == ["returns.csv"]
    # A file that was there before is the user's.
    own = Path(shutil.copy(desk / "orders.csv", shop / "data" / "tables" / "again.csv"))
    with pytest.raises(ProjectError, match="on purpose"):
        create_pipeline(OnboardingRequest("again", "returned"), "data/tables/again.csv")
    assert own.exists()


def test_rows_with_a_date_get_a_hint_where_they_are_drawn_at_random(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_pipeline(OnboardingRequest("orders", "returned"), "orders.csv")
    assert "bring it again with --time 'Order Date'" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_headers_that_differ_from_their_column_by_case_only_work(shop: Path) -> None:
    draw = np.random.default_rng(2)
    rows = [f"{draw.choice(['m', 'f'])},{number % 70 + 0.5},{draw.integers(0, 2)}" for number in range(300)]
    (shop / "titanic.csv").write_text("\n".join(["Sex,Age,Survived", *rows]) + "\n", encoding="utf-8")
    create_pipeline(OnboardingRequest("titanic", "Survived"), "titanic.csv")
    assert pipelines.load_spec("titanic").data.label == "survived"
    with warehouse.connect() as connection:
        names = [name for name, *_ in connection.execute("describe features.titanic_features").fetchall()]
    assert {"sex", "age", "survived"} <= set(names)


def test_a_name_that_is_taken_is_refused_and_nothing_is_lost(shop: Path) -> None:
    (shop / "pipelines" / "orders.toml").write_text("kept")
    with pytest.raises(ProjectError, match=r"pipelines/orders\.toml: the name 'orders' is taken"):
        create_pipeline(OnboardingRequest("orders", "returned"), "orders.csv")
    assert (shop / "pipelines" / "orders.toml").read_text() == "kept"


@pytest.mark.parametrize("name", ["", "Orders", "../orders", "1st", "a b", "x" * 41])
def test_a_name_that_is_no_name_is_refused(shop: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="is not a valid pipeline name"):
        create_pipeline(OnboardingRequest(name, "returned"), "orders.csv")


@pytest.mark.parametrize("fails_in", ["build", "take"])
def test_a_failure_leaves_no_file_and_the_old_sources(
    shop: Path, monkeypatch: pytest.MonkeyPatch, fails_in: str
) -> None:
    SOURCES.parent.mkdir()
    SOURCES.write_bytes(b"version: 2\r\n\r\nsources: []  # as it was\r\n")
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}

    def fail(*_: object) -> None:
        assert (shop / "pipelines" / "orders.toml").is_file()
        raise ProjectError("the SQL does not run")

    monkeypatch.setattr(warehouse, "build", fail if fails_in == "build" else lambda *_: set())
    monkeypatch.setattr(snapshot, "take", fail)
    with pytest.raises(ProjectError, match="the SQL does not run"):
        create_pipeline(OnboardingRequest("orders", "returned"), "orders.csv")
    assert {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()} == before
    assert not SNAPSHOTS.exists()


def test_a_table_that_is_not_there_is_refused(shop: Path) -> None:
    for table_, said in (
        ("nothing.csv", "there is no such file"),
        ("raw.nothing", "the warehouse has not been built yet"),
    ):
        with pytest.raises(ProjectError, match=said):
            create_pipeline(OnboardingRequest("orders", "returned"), table_)
    assert list((shop / "pipelines").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("569,30,1.5\n1,2,3\n4,5,6\n", "the first line has numbers instead of names"),
        ("a,b\n", "has no rows"),
        ("id;x;y\n1;2;3\n" * 30 + "1;2\n", "rows.csv:61: has 2 values, and the first line names 3 columns"),
        ('a,b\n"x\ny",2\n' * 30 + "1,2,3\n", "rows.csv:91: has 3 values, and the first line names 2 columns"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(ProjectError, match=said):
        table_files.read_table_file(tmp_path / "rows.csv")


def test_a_stamp_that_a_file_brings_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("a,_loaded_at\n1,never\n")
    location = Path("data/rows.parquet")
    loaders.fetch_source(Source("s", "rows", LOADER, "data_engineer", "rows.csv", location, "rows"))
    assert "timestamp" in str(pyarrow.parquet.read_schema(location).field("_loaded_at").type)
