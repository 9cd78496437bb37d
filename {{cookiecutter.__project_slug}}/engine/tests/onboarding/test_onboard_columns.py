import datetime as dt
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from mlteam.onboarding.columns import SourceColumn, inspect_columns
from mlteam.onboarding.names import clean_names, load_sql_keywords


def seen(values: Any) -> tuple[SourceColumn, list[object]]:
    """One column as it was looked at, and its values as SQL will give them."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("given", pa.table({"a column": values}))
        (column,) = inspect_columns(connection, "given")
        rows = connection.execute(f"select {column.sql} from given").fetchall()
    return column, [value for (value,) in rows]


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Sepal Length (cm)", "sepal_length_cm"),
        ("user.name", "user_name"),
        ("arrDelayMin", "arr_delay_min"),
        ("Größe", "grosse"),
        ("2nd floor", "c_2nd_floor"),
        ("select", "select_"),
        ("ORDER", "order_"),
        ('a "b" {% c', "a_b_c"),
        ("温度", "wen_du"),
        ("🙂", "column_1"),
        ("", "column_1"),
        ("row_key", "row_key_2"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_name_becomes_plain(raw: str, plain: str) -> None:
    assert clean_names([raw]) == {raw: plain}


def test_names_that_become_alike_are_told_apart() -> None:
    assert list(clean_names(["a b", "a.b", "A B", "a_b_2"]).values()) == ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]


def test_no_word_of_sql_is_a_name() -> None:
    assert load_sql_keywords().isdisjoint(clean_names(load_sql_keywords()).values())


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1", "-20", "+3"], "integer", [1, -20, 3]),
        (["9007199254740993", "1"], "integer", [2**53 + 1, 1]),
        (["1.5", ".5", "2", "1e3", "3."], "number", [1.5, 0.5, 2.0, 1000.0, 3.0]),
        (["yes", "NO", "Yes"], "boolean", [True, False, True]),
        (["t", "f"], "boolean", [True, False]),
        (["0", "1"], "integer", [0, 1]),
        (["2013-01-31", "2013-02-01"], "date", [dt.date(2013, 1, 31), dt.date(2013, 2, 1)]),
        (["31.01.2013", "01.02.2013"], "date", [dt.date(2013, 1, 31), dt.date(2013, 2, 1)]),
        (["01/31/2013", "02/01/2013"], "date", [dt.date(2013, 1, 31), dt.date(2013, 2, 1)]),
        (["31/01/2013", "01/02/2013"], "date", [dt.date(2013, 1, 31), dt.date(2013, 2, 1)]),
        (["Jan 31, 2013"], "date", [dt.date(2013, 1, 31)]),
        (["2013-01-31 10:20:30"], "date", [dt.datetime(2013, 1, 31, 10, 20, 30)]),
        (["2013-01-31T10:20:30Z"], "date", [dt.datetime(2013, 1, 31, 10, 20, 30)]),
        (["2013-01-31 10:20:30.5"], "date", [dt.datetime(2013, 1, 31, 10, 20, 30, 500_000)]),
    ],
)
def test_a_text_that_is_more_than_a_text_gets_its_kind(texts: list[str], kind: str, values: list[object]) -> None:
    column, found = seen(texts)
    assert (column.kind, found) == (kind, values)


@pytest.mark.parametrize(
    "texts",
    [
        ["007", "010"],
        ["1,000", "2,000"],
        ["12345678901234567890", "1"],
        ["9007199254740993", "0.5"],
        ["1e400", "2"],
        ["e5", "1.5"],
        ["1-2-3", "4-5-6"],
        ["2013-01-31", "2013-01-31 10:20:30"],
        ["2013-02-30"],
        ["1", "one"],
        ["yes", "maybe"],
        ["Größe", "🙂"],
    ],
)
def test_what_would_be_changed_stays_a_text(texts: list[str]) -> None:
    column, found = seen(texts)
    assert (column.kind, found) == ("text", texts)


@pytest.mark.parametrize(
    ("texts", "values", "shown"),
    [
        (["1,5", "2"], [1.5, 2], "'1,5' is 1.5"),
        (["1.234,50", "7"], [1234.5, 7], "'1.234,50' is 1234.5"),
        (["1,234.50", "1,234,567", "12"], [1234.5, 1234567, 12], "'1,234,567' is 1.23457e+06"),
        (["$ 12.50", "-$3"], [12.5, -3], "'$ 12.50' is 12.5"),
        (["3,50 €", "4 €", "NA"], [3.5, 4, None], "'3,50 €' is 3.5"),
        (["12 %", "0.5%"], [12, 0.5], "'12 %' is 12"),
    ],
)
def test_numbers_in_another_notation_are_read_where_only_one_number_can_be_meant(
    texts: list[str], values: list[object], shown: str
) -> None:
    column, found = seen(texts)
    assert (column.kind, found, column.read_as_number) == ("number", values, shown)
    assert seen([*texts, "about 3"])[0].kind == "text"
    assert seen([*texts, "007"])[0].kind == "text"


@pytest.mark.parametrize("texts", [["1,500", "2,000"], ["-1'000"]])
def test_numbers_in_another_notation_stay_texts_of_which_it_is_said(texts: list[str]) -> None:
    column, found = seen(texts)
    assert (column.kind, column.notation, found) == ("text", True, texts)
    assert not seen([*texts, "about 3"])[0].notation
    assert not seen([*texts, "007"])[0].notation


def test_texts_that_mean_that_there_is_none_are_counted() -> None:
    column, found = seen(["1", "NA", "", "NA", "n/a", " ", "-", "2", None])
    assert (column.kind, found) == ("integer", [1, None, None, None, None, None, None, 2, None])
    assert column.read_as_missing == (("", 2), ("-", 1), ("NA", 2), ("n/a", 1))
    assert (column.missing, column.distinct) == (7, 2)


def test_a_column_without_any_value_is_a_text_that_is_missing_everywhere() -> None:
    column, found = seen(["", "NA", "null"])
    assert (column.kind, column.missing, column.distinct, found) == ("text", 3, 0, [None] * 3)


def test_blanks_around_a_number_do_not_make_it_a_text() -> None:
    assert seen([" 1", "2 "])[1] == [1, 2]


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        (pa.array([2**53 + 1], pa.int64()), "integer", [2**53 + 1]),
        (pa.array([2**63 + 1, 1], pa.uint64()), "text", [str(2**63 + 1), "1"]),
        (pa.array([7], pa.uint64()), "integer", [7]),
        (pa.array([Decimal(2**53 + 1)]), "integer", [2**53 + 1]),
        (pa.array([Decimal("1.25")]), "number", [1.25]),
        (pa.array([float("nan"), float("inf"), 1.5]), "number", [None, None, 1.5]),
        (pa.array([True, None]), "boolean", [True, None]),
        (pa.array([dt.date(2013, 1, 31)]), "date", [dt.date(2013, 1, 31)]),
        (pa.array([dt.datetime(2013, 1, 31, 23, tzinfo=dt.UTC)]), "date", [dt.datetime(2013, 1, 31, 23)]),
        (pa.array(["b", "a"]).dictionary_encode(), "text", ["b", "a"]),
        (pa.array([[1], [2]]), "other", [[1], [2]]),
    ],
)
def test_values_with_a_type_keep_it(values: pa.Array, kind: str, found: list[object]) -> None:
    column, got = seen(values)
    assert (column.kind, got) == (kind, found)
