"""Dates as tables write them: --time takes years, months, offsets and seconds; a few missing ones are a choice."""

import datetime as dt

import duckdb
import pyarrow as pa
import pytest

from mlteam.core.errors import ProjectError
from mlteam.onboarding.columns import find_column, inspect_columns
from mlteam.onboarding.time_column import read_numbers_as_dates

MOMENT = dt.datetime(2018, 3, 4, 5, 6, 7)
SECONDS = 1_520_139_967


def read(values: list[object]) -> list[object]:
    """The values of a time column as the staging model gives them."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("given", pa.table({"when": values}))
        columns = inspect_columns(connection, "given")
        columns = read_numbers_as_dates(connection, "given", columns, find_column(columns, "when", "--time"))
        assert columns[0].kind == "date", columns[0]
        return [row[0] for row in connection.execute(f"select {columns[0].sql} from given").fetchall()]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Mar-2018", dt.date(2018, 3, 1)),
        ("March 2018", dt.date(2018, 3, 1)),
        ("2018-03", dt.date(2018, 3, 1)),
        ("2018/03", dt.date(2018, 3, 1)),
        ("4 March 2018", dt.date(2018, 3, 4)),
        ("March 4, 2018", dt.date(2018, 3, 4)),
        ("2018-03-04T07:06:07+02:00", MOMENT),
        ("2018-03-04 05:06:07+00", MOMENT),
        ("20180304", dt.date(2018, 3, 4)),
        ("201803", dt.date(2018, 3, 1)),
        ("2018", dt.date(2018, 1, 1)),
        (2018, dt.date(2018, 1, 1)),
        (2018.0, dt.date(2018, 1, 1)),
        (20180304, dt.date(2018, 3, 4)),
        (SECONDS, MOMENT),
        (SECONDS * 1_000, MOMENT),
        (SECONDS * 1_000_000, MOMENT),
    ],
)
def test_a_date_means_what_was_written(written: object, meant: dt.date) -> None:
    assert read([written, None, written]) == [meant, None, meant]


@pytest.mark.parametrize("values", [[1, 2, 3], [2018, 17], [2018.5, 2019.0], [20181304], [-5], [99_999_999_999]])
def test_numbers_that_are_no_dates_are_refused(values: list[object]) -> None:
    with pytest.raises(ProjectError, match="neither years nor dates nor seconds since 1970"):
        read(values)


def test_a_number_is_a_date_only_where_it_is_asked_for() -> None:
    with duckdb.connect() as connection:
        connection.register("given", pa.table({"year": [2018, 2019], "when": [2018, 2019]}))
        columns = inspect_columns(connection, "given")
        assert [column.kind for column in columns] == ["integer", "integer"]
        read_as = read_numbers_as_dates(connection, "given", columns, columns[1])
        assert [column.kind for column in read_as] == ["integer", "date"]
