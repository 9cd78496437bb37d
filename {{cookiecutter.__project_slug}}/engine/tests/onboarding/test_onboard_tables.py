"""Tables as they come: dates, identifiers, long numbers, equal rows, counts, and labels in parts."""

import datetime as dt
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tables import planned, table

from mlteam.commands import evaluate, train
from mlteam.commands.new_pipeline import create_pipeline
from mlteam.core import personal
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot, table_files, warehouse, windows
from mlteam.onboarding.plan import OnboardingRequest
from mlteam.registry import versions

ROWS = 600
DRAW = np.random.default_rng(5)
LABEL = DRAW.integers(0, 2, ROWS)
NUMBER = DRAW.normal(10, 3, ROWS)


def days(count: int, step: int = 1) -> list[dt.date]:
    return [dt.date(2020, 1, 1) + dt.timedelta(days=step * (n % count)) for n in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("user_id", [n % 200 for n in range(ROWS)], "identifies 200 things; --group user_id keeps"),
        ("customer_key", [f"C{n % 300}" for n in range(ROWS)], "identifies 300 things"),
        ("account", [10**16 + n for n in range(ROWS)], "has integers so long"),
        ("epoch", [1_700_000_000 + 7 * (n % 90) for n in range(ROWS)], "has integers so long"),
        ("note", [f"text number {n}" for n in range(ROWS)], "has 600 different texts"),
    ],
)
def test_what_identifies_is_no_feature_unless_the_user_says_so(name: str, values: list[object], reason: str) -> None:
    rows = table(**{name: values}, number=NUMBER, y=LABEL)
    plan = planned(rows, "y")
    assert reason in plan.exclusion_reasons[name]
    assert name in [column.name for column in planned(rows, "y", keep=(name,)).features]


def test_few_things_are_a_category_and_grouped_rows_get_no_hint() -> None:
    stores = [f"S{n % 5}" for n in range(ROWS)]
    plan = planned(table(store_id=stores, user_id=[n % 200 for n in range(ROWS)], y=LABEL), "y", group="user_id")
    assert [column.name for column in plan.categorical] == ["store_id"]


def test_a_column_of_yes_and_no_is_not_personal_by_its_name() -> None:
    plan = planned(table(phone_service=[n % 2 for n in range(ROWS)], email=["yes", "no"] * 300, y=LABEL), "y")
    assert plan.personal == []
    kept = table(phone=[f"+49 30 12345{n:03}" for n in range(ROWS)], number=NUMBER, y=LABEL)
    assert planned(kept, "y").personal == ["phone"]
    assert planned(kept, "y", keep=("phone",)).not_personal == ["phone"]


def test_dates_give_features() -> None:
    rows = table(signed=days(600, step=2), event=days(600, step=3), number=NUMBER, y=LABEL)
    made = {column.name: column.sql for column in planned(rows, "y", time="event").derived}
    assert made == {
        "signed_year": "cast(extract(year from signed) as integer)",
        "signed_days_before": "cast(cast(event_ as date) - cast(signed as date) as integer)",
        "signed_month": "cast(extract(month from signed) as integer)",
        "signed_weekday": "cast(extract(dow from signed) as integer)",
        "event_month": "cast(extract(month from event_) as integer)",
        "event_weekday": "cast(extract(dow from event_) as integer)",
    }
    assert planned(rows, "y", time="event", drop=("signed",)).derived[0].raw == "event_"
    # Within a year, the months of the test rows are new: they cannot have been learned.
    short = planned(table(event=days(300), number=NUMBER, y=LABEL), "y", time="event")
    assert [column.name for column in short.derived] == ["event_weekday"]


def test_a_date_that_must_not_be_seen_is_not_seen_in_parts() -> None:
    rows = table(date_of_birth=days(400, step=9), opened=days(500), number=NUMBER, y=LABEL)
    plan = planned(rows, "y")
    assert plan.personal == ["date_of_birth"]
    assert {column.raw for column in plan.derived} == {"opened"}
    assert planned(rows, "y", hide=("opened",)).derived == []
    kept = planned(rows, "y", keep=("date_of_birth",))
    assert "date_of_birth_year" in kept.not_personal


def test_a_table_with_birthdays_becomes_a_pipeline(shop: Path) -> None:
    lines = [f"{days(400, step=9)[n]},{NUMBER[n]:.3f},{LABEL[n]}" for n in range(ROWS)]
    (shop / "members.csv").write_text("\n".join(["Date of Birth,size,y", *lines]) + "\n")
    create_pipeline(OnboardingRequest("members", "y"), "members.csv")
    assert windows.load_spec("members").features.names == ("size",)
    create_pipeline(OnboardingRequest("elders", "y", keep=("Date of Birth",)), "members.csv")
    assert "date_of_birth_month" in windows.load_spec("elders").features.numeric


def test_nothing_is_made_of_a_date_after_the_time_of_its_row() -> None:
    start = days(500)
    ended = [day + dt.timedelta(days=n % 7) for n, day in enumerate(start)]
    plan = planned(table(opened=start, ended=ended, number=NUMBER, y=LABEL), "y", time="opened")
    assert {column.raw for column in plan.derived} == {"opened"}
    assert plan.exclusion_reasons["ended"].startswith("is a date: nothing made of it, since it lies after opened")


def test_rows_that_are_mostly_alike_are_drawn_one_by_one() -> None:
    repeated = table(a=[n % 3 for n in range(ROWS)], b=[n % 4 for n in range(ROWS)], y=LABEL)
    assert not planned(repeated, "y").splits_by_digest
    assert planned(table(a=NUMBER, y=LABEL), "y").splits_by_digest


def test_a_count_with_rare_large_values_is_a_number() -> None:
    counts = np.array([0, 1, 2, 3] * 149 + [4, 5, 6, 7])
    assert planned(table(number=NUMBER, y=counts), "y").task == "regression"
    assert planned(table(number=NUMBER, y=np.arange(ROWS) % 4), "y").task == "multiclass"


def test_columns_that_are_unique_together_are_the_key() -> None:
    stores, visitors = [n % 20 for n in range(ROWS)], [n // 20 for n in range(ROWS)]
    rows = table(store_id=stores, day=days(30), visitor_nr=visitors, y=LABEL)
    assert [column.name for column in planned(rows, "y").key_parts] == ["store_id", "visitor_nr"]
    asked = planned(rows, "y", key=("visitor_nr", "store_id"))
    assert [column.name for column in asked.key_parts] == ["visitor_nr", "store_id"]
    assert not asked.splits_by_digest
    with pytest.raises(ProjectError, match="--key: 'day', 'store_id' is missing or repeated in 540 rows"):
        planned(rows, "y", key=("day", "store_id"))


def test_a_key_of_two_columns_is_built_and_unique(shop: Path) -> None:
    lines = [f"{n % 20},{days(600)[n // 20]},{NUMBER[n]:.3f},{LABEL[n]}" for n in range(ROWS)]
    (shop / "visits.csv").write_text("\n".join(["store_id,day,size,y", *lines]) + "\n")
    create_pipeline(OnboardingRequest("visits", "y", time="day"), "visits.csv")
    with warehouse.connect() as connection:
        query = "select count(*), count(distinct row_key), min(row_key) from features.visits_features"
        assert connection.execute(query).fetchall() == [(ROWS, ROWS, "0-2020-01-01")]
    assert windows.load_spec("visits").data.key == "row_key"


def test_the_numbers_of_rows_are_no_feature() -> None:
    # R writes them into a column without a name, and sorted rows would give their class away by it.
    rows = table(column0=list(range(ROWS)), number=NUMBER, y=[n >= 300 for n in range(ROWS)])
    assert planned(rows, "y").exclusion_reasons["column0"] == "numbers the rows"


NUMBERS = [f"{number:.3f},{label}" for number, label in zip(NUMBER, LABEL, strict=True)]
BAD = {
    "title": ("Report of 2023,,\n,,\na,b,y\n" + "\n".join(f"{line},1" for line in NUMBERS), "delete the lines above"),
    "wide": (
        ",".join(f"c{n}" for n in range(1001)) + ",y\n" + f"{'1,' * 1001}0\n" * 2,
        "1,002 columns, more than 1,000",
    ),
    "latin": ("a,y,größe\n" + "\n".join(f"{line},größe" for line in NUMBERS), "not utf-8 encoded"),
    "empty": ("", "has no rows"),
    "one row": ("a,y\n1,0\n", "1 rows have a label, which is too few"),
    "one class": ("a,y\n" + "1,0\n2,0\n" * 50, "label 'y' has only one value"),
    "all missing": ("a,b,y\n" + ",,\n" * 100, "0 rows have a label"),
}


@pytest.mark.parametrize("name", [*BAD, "folder"])
def test_a_bad_table_is_refused_in_a_sentence_and_leaves_nothing(shop: Path, name: str) -> None:
    content, expected = BAD.get(name, ("", "is a folder"))
    file = shop / "bad.csv"
    if name == "folder":
        file.mkdir()
    else:
        file.write_text(content, encoding="latin-1" if name == "latin" else "utf-8")
    before = {path for path in shop.rglob("*") if path.is_file()}
    with pytest.raises(ProjectError) as refused:
        create_pipeline(OnboardingRequest("bad", "y"), "bad.csv")
    assert expected in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 2
    assert {path for path in shop.rglob("*") if path.is_file()} == before


def test_a_value_of_ten_million_characters_is_read(shop: Path) -> None:
    lines = [f"{line},{'x' * (10_000_000 if n == 7 else 3)}" for n, line in enumerate(NUMBERS)]
    (shop / "cells.csv").write_text("a,y,t\n" + "\n".join(lines) + "\n")
    assert table_files.read_table_file(shop / "cells.csv").num_rows == ROWS


def parts(**columns: object) -> pa.Table:
    return table(**columns, other=DRAW.normal(size=ROWS))


A, B, C = DRAW.uniform(1, 50, ROWS).round(1), DRAW.uniform(1, 50, ROWS).round(1), DRAW.uniform(1, 50, ROWS).round(1)
GAPS = [None if n % 20 == 3 else float(value) for n, value in enumerate(B)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (parts(a=A, b=B, y=(A + B).round()), "a, b: together add up to the label"),
        (parts(a=A, b=B, y=((A + B) / 2).round(1)), "a, b: together add up to the label"),
        (parts(a=A, b=GAPS, c=C, y=A + B + C), "a, b, c: together add up to the label"),
        (parts(a=A, b=B, c=C, y=A + B - C), "a, b, c: together add up to the label"),
        (parts(a=A, b=B, y=A * B), "a, b: together multiplied are the label"),
        (parts(a=A, b=B, y=(A * B).round()), "a, b: together multiplied are the label"),
        (parts(a=A, b=B, y=A / B), "a, b: together multiplied are the label"),
        (parts(a=A, y=A * 2.54), "a: is the label, or the label in another unit"),
        (parts(copy=np.where(np.arange(ROWS) % 200 == 0, 1 - LABEL, LABEL), y=LABEL), "copy: alone explains 9"),
        (parts(copy=np.where(np.arange(ROWS) % 120 == 0, "no", np.where(LABEL, "yes", "no")), y=LABEL), "copy: alone"),
    ],
)
def test_the_parts_of_a_label_are_found(rows: pa.Table, expected: str) -> None:
    with pytest.raises(ProjectError, match=re.escape(expected)):
        planned(rows, "y")


def test_ordinary_relations_are_no_parts() -> None:
    noisy = A + B + DRAW.normal(0, 2, ROWS)
    assert planned(parts(a=A, b=B, c=C, y=noisy.round(1)), "y").joint_strength < 0.99
    assert planned(parts(a=A, b=B, y=(A * B * DRAW.lognormal(0, 0.1, ROWS)).round()), "y").features


def test_features_that_say_everything_together_are_mentioned(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = 4000
    a, b = DRAW.uniform(0, 1, count), DRAW.uniform(0, 1, count)
    label = np.sin(3 * a) + np.floor(4 * b)
    lines = [f"{a[n]:.4f},{b[n]:.4f},{label[n]:.4f}" for n in range(count)]
    (shop / "loans.csv").write_text("\n".join(["amount,term,installment", *lines]) + "\n")
    create_pipeline(OnboardingRequest("loans", "installment"), "loans.csv")
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert re.search(
        r"the features say 99\.\d% of the label are all of them known before it\? --drop what is not", printed
    )


def test_a_table_with_all_of_it_becomes_a_version(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        f"{n % 90},{days(600)[n]},{dt.date(2015, 1, 1) + dt.timedelta(days=3 * (n % 300))},"
        f'{n % 17} %,"{n % 29},{n % 10}",{"yes" if n % 3 else "no"},{LABEL[n]}'
        for n in range(ROWS)
    ]
    header = "user_id,Bought On,Signed,Discount,Price,Email,Churned"
    (shop / "sales.csv").write_text("\n".join([header, *lines]) + "\n")
    wish = OnboardingRequest("sales", "Churned", time="Bought On", keep=("user_id",))
    create_pipeline(wish, "sales.csv")
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) <= 40
    spec = windows.load_spec("sales")
    assert {"signed_days_before", "signed_month", "bought_on_weekday", "discount", "price"} <= set(
        spec.features.numeric
    )
    assert set(spec.features.categorical) == {"email"}
    assert train.train_version(spec, snapshot.load_newest("sales")).number == 1
    assert "[gates]" in (shop / "pipelines" / "sales.toml").read_text()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[(name, True) for name in ("sex", "Gender", "age", "customer_age", "age_years", "black", "MaritalStatus")],
        *[(name, True) for name in ("person_income", "senior_citizen", "native_country", "SeniorCitizen")],
        *[(name, False) for name in ("account_age_days", "average", "black_box", "race_time", "job_queue_length")],
        *[(name, False) for name in ("income_source_count", "essex", "agent", "married_filing_form_id", "sexton")],
    ],
)
def test_what_nobody_should_be_judged_by_is_known_by_its_name(name: str, expected: bool) -> None:
    assert personal.is_protected(name) is expected


def test_protected_groups_are_compared_and_can_be_hidden_from_the_model(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(6)
    sex, score = draw.integers(0, 2, 2000), draw.normal(size=2000)
    hired = (score + sex + draw.normal(size=2000) > 1).astype(int)
    age = draw.integers(18, 70, 2000)
    lines = [f"{n},{'fm'[sex[n]]},{age[n]},{score[n] + sex[n]:.4f},{hired[n]}" for n in range(2000)]
    (shop / "hires.csv").write_text("\n".join(["id,sex,age,score,hired", *lines]) + "\n")
    create_pipeline(OnboardingRequest("hires", "hired", hide=("sex",)), "hires.csv")
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "age may be protected read by the model unless --hide age" in printed
    assert "hidden from the model by --hide; the report compares its groups" in printed
    spec = windows.load_spec("hires")
    assert spec.evaluation.protected == ("sex", "age")
    assert spec.features.names == ("age", "score")
    version = train.train_version(spec, snapshot.load_newest("hires"))
    report = evaluate.evaluate_version(spec, versions.open_version(spec, str(version.number)))
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert re.search(
        r"note: test: sex = f is chosen 0\.[2-6]\d{1,2} times as often as the group that is chosen most", printed
    )
    (test, _) = json.loads(report.with_suffix(".json").read_text())["datasets"]
    women, men = (group for group in test["groups"] if group["column"] == "sex")
    if women["value"] != "f":
        women, men = men, women
    assert men["ratio"] == 1
    shares = {name: found["value"] for name, found in women["outcomes"].items()}
    chosen, positive = shares["chosen"], shares["label"]
    parts_of_it = shares["chosen of the positive"] * positive + shares["chosen of the negative"] * (1 - positive)
    assert chosen == pytest.approx(parts_of_it)
    rows = women["rows"] * chosen + men["rows"] * men["outcomes"]["chosen"]["value"]
    assert rows == pytest.approx(women["rows"] * positive + men["rows"] * men["outcomes"]["label"]["value"], abs=2)
    assert "Protected groups of test" in report.read_text()
    assert len([group for group in test["groups"] if group["column"] == "age"]) == 6


@pytest.mark.parametrize(("task", "names"), [("regression", "mean error"), ("multiclass", "right")])
def test_groups_are_compared_in_every_task(shop: Path, task: str, names: str) -> None:
    draw = np.random.default_rng(7)
    lines = [
        f"{'fm'[n % 2]},{draw.normal():.3f},{draw.integers(0, 3) if task == 'multiclass' else draw.normal()}"
        for n in range(900)
    ]
    (shop / "rows.csv").write_text("\n".join(["gender,x,y", *lines]) + "\n")
    create_pipeline(OnboardingRequest("rows", "y", task=task), "rows.csv")
    spec = windows.load_spec("rows")
    version = train.train_version(spec, snapshot.load_newest("rows"))
    report = evaluate.evaluate_version(spec, versions.open_version(spec, str(version.number)))
    (test, _) = json.loads(report.with_suffix(".json").read_text())["datasets"]
    assert {group["value"] for group in test["groups"]} == {"f", "m"}
    assert all(names in group["outcomes"] for group in test["groups"])
