"""SQL of a new pipeline as each engine runs it: macros for what they write differently, texts as they are."""

import dataclasses
import datetime as dt
import hashlib
from pathlib import Path

import duckdb
import jinja2
import pytest
import sqlglot
from conftest import REPOSITORY

from mlteam.commands.new_pipeline import create_pipeline
from mlteam.core.errors import ProjectError
from mlteam.core.sql import connect_duckdb
from mlteam.data import warehouse
from mlteam.onboarding import writer
from mlteam.onboarding.columns import DATE_FORMATS, NOTATIONS
from mlteam.onboarding.plan import OnboardingRequest
from mlteam.onboarding.portable import make_portable
from mlteam.onboarding.time_column import list_readings

WRITTEN = r"""
cast("It's ""Id"" \ 1" as double precision) as gust_id
cast(price as varchar)
nullif(side, 'the "north" as varchar)')
cast(cast(measured_at as date) - cast(called as date) as integer) as called_days_before
cast(extract(dow from called) as integer) as called_weekday
cast(called as timestamp)
{% raw %}cast("{{ x }}" as varchar){% endraw %}
"""


def render(kind: str, text: str) -> list[str]:
    """Render lines as dbt does for a target of some type."""
    own = Path(writer.__file__).parent / "templates" / "brought_tables.sql"
    macros = (REPOSITORY / "sql/macros/portable.sql").read_text(encoding="utf-8") + own.read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 it renders SQL
    rendered = environment.from_string(macros + text).render(target={"type": kind})
    return [line.strip() for line in rendered.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "duckdb",
            (
                'cast("It\'s ""Id"" \\ 1" as double) as gust_id',
                "cast(price as varchar)",
                "cast(measured_at as date) - cast(called as date) as called_days_before",
                "mod(cast(extract(isodow from called) as integer), 7) as called_weekday",
                "cast(called as timestamp)",
            ),
        ),
        (
            "postgres",
            (
                'cast("It\'s ""Id"" \\ 1" as double precision) as gust_id',
                "cast(price as varchar)",
                "cast(measured_at as date) - cast(called as date) as called_days_before",
                "mod(cast(extract(isodow from called) as integer), 7) as called_weekday",
                "cast(called as timestamp)",
            ),
        ),
        (
            "spark",
            (
                'cast(`It\'s "Id" \\ 1` as double) as gust_id',
                "cast(price as string)",
                "datediff(cast(measured_at as date), cast(called as date)) as called_days_before",
                "mod(cast(extract(dayofweek_iso from called) as integer), 7) as called_weekday",
                "cast(called as timestamp)",
            ),
        ),
        (
            "bigquery",
            (
                'cast(`It\'s "Id" \\ 1` as float64) as gust_id',
                "cast(price as string)",
                "date_diff(cast(measured_at as date), cast(called as date), day) as called_days_before",
                "mod(cast(format_date('%u', called) as integer), 7) as called_weekday",
                "cast(called as datetime)",
            ),
        ),
        (
            "snowflake",
            (
                'cast("It\'s ""Id"" \\ 1" as double) as gust_id',
                "cast(price as varchar)",
                "datediff(day, cast(called as date), cast(measured_at as date)) as called_days_before",
                "mod(cast(extract(dayofweekiso from called) as integer), 7) as called_weekday",
                "cast(called as timestamp_ntz)",
            ),
        ),
    ],
)
def test_each_engine_gets_its_own_words(kind: str, expected: tuple[str, ...]) -> None:
    cast, text, literal, days, weekday, time, raw = render(kind, make_portable(WRITTEN))
    assert (cast, text, days, weekday, time) == expected
    assert literal == "nullif(side, 'the \"north\" as varchar)')"
    assert raw == 'cast("{{ x }}" as varchar)'
    for line in (cast, text, days, weekday, time):
        sqlglot.parse_one(f"select {line}", dialect=kind)


HASHED = """
        md5(concat_ws(
            '|',
            coalesce(cast(side as varchar), ''),
            coalesce(cast(speed as varchar), '')
        )) as row_digest
"""


@pytest.mark.parametrize("kind", ["duckdb", "postgres", "spark", "snowflake", "bigquery"])
def test_a_row_has_the_same_digest_in_the_words_of_each_engine(kind: str) -> None:
    """As DuckDB computes it, after a translation by sqlglot."""
    written = " ".join(render(kind, make_portable(HASHED)))
    (query,) = sqlglot.transpile(f"select {written} from (select 'n' as side, 2 as speed) as rows", kind, "duckdb")
    assert duckdb.execute(query).fetchall() == [(hashlib.md5(b"n|2").hexdigest(),)]  # noqa: S324 no secret


def run_as(kind: str, line: str, given: str) -> object:
    """Run a line of SQL that reads `read` as an engine that is not here gets it, after a translation by sqlglot."""
    (written,) = render(kind, make_portable(line))
    query = sqlglot.transpile(f"select {written}\nfrom (select {given} as read) as rows", kind, "duckdb")[0]
    # What sqlglot leaves as it is: a letter in quotes, an offset of BigQuery, and a function of Snowflake.
    query = query.replace('"Z"', "Z").replace("%Ez", "%z")
    database = connect_duckdb()
    database.execute("create macro to_timestamp_tz(text) as cast(text as timestamp with time zone)")
    ((found,),) = database.execute(query).fetchall()
    return found


@pytest.mark.parametrize("kind", ["bigquery", "snowflake"])
@pytest.mark.parametrize("form", [form for form in DATE_FORMATS if "%z" not in form])
def test_a_time_is_read_from_a_text_in_the_words_of_an_engine_that_is_not_here(kind: str, form: str) -> None:
    moment = dt.datetime(2013, 2, 5, 13, 4, 6, 250_000)
    text = moment.strftime(form)
    line = f"cast(strptime(nullif(read, '-'), '{form}') as timestamp) as read"
    assert run_as(kind, line, f"'{text}'") == dt.datetime.strptime(text, form)


@pytest.mark.parametrize("kind", ["bigquery", "snowflake"])
@pytest.mark.parametrize("form", [form for form in DATE_FORMATS if "%z" in form])
def test_a_time_with_an_offset_is_that_of_utc_in_the_words_of_such_an_engine(kind: str, form: str) -> None:
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    moment = dt.datetime(2013, 2, 5, 3, 4, 6, 250_000, zone)
    text = moment.strftime(form)
    line = f"cast(strptime(nullif(read, '-'), '{form}') as timestamp) as read"
    expected = dt.datetime.strptime(text, form).astimezone(dt.UTC).replace(tzinfo=None)
    assert run_as(kind, line, f"'{text}'") == expected


@pytest.mark.parametrize("kind", ["bigquery", "snowflake"])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (2013, dt.datetime(2013, 1, 1)),
        (20130205, dt.datetime(2013, 2, 5)),
        (201302, dt.datetime(2013, 2, 1)),
        (1360069446, dt.datetime(2013, 2, 5, 13, 4, 6)),
        (1360069446250, dt.datetime(2013, 2, 5, 13, 4, 6, 250_000)),
        (1360069446250125, dt.datetime(2013, 2, 5, 13, 4, 6, 250_125)),
    ],
)
def test_a_number_is_the_same_time_in_the_words_of_such_an_engine(
    kind: str, number: int, expected: dt.datetime
) -> None:
    database = connect_duckdb()
    fitting = [
        sql
        for sql, fits in list_readings("cast(read as bigint)")
        if database.execute(f"select {fits} from (select {number} as read)").fetchall() == [(True,)]
    ]
    line = f"cast({fitting[0]} as timestamp)" if "make_timestamp" not in fitting[0] else fitting[0]
    assert run_as(kind, f"{line} as read", str(number)) == expected


@pytest.mark.parametrize("kind", ["duckdb", "postgres", "spark", "bigquery", "snowflake"])
@pytest.mark.parametrize(
    ("notation", "text", "expected"),
    [
        ("percent", "-12.5 %", -12.5),
        ("thousands", "-$1,234,567.5", -1234567.5),
        ("comma", "+1.234,5 €", 1234.5),
    ],
)
def test_a_notation_is_the_same_number_in_the_words_of_each_engine(
    kind: str, notation: str, text: str, expected: float
) -> None:
    line = f"cast({NOTATIONS[notation][1].format('read')} as double precision) as read"
    assert run_as(kind, line, f"'{text}'") == expected


@pytest.mark.parametrize("kind", ["duckdb", "postgres", "spark", "bigquery", "snowflake"])
@pytest.mark.parametrize(("text", "expected"), [("nan", None), ("-inf", None), ("inf", None), ("2.5", 2.5)])
def test_a_number_that_is_not_finite_is_missing_in_the_words_of_each_engine(
    kind: str, text: str, expected: float | None
) -> None:
    assert run_as(kind, "case when isfinite(read) then read end as read", f"cast('{text}' as double)") == expected


def test_a_line_that_calls_make_too_long_is_exempt_from_the_length() -> None:
    line = "        cast(strptime(\"Sold At\", '%Y-%m-%dT%H:%M:%S%z') as timestamp) as sold_at,"
    named = f"{line.replace('Sold', 'Sold Somewhere')}  -- noqa: RF06"
    short, long, both = make_portable(f"{line.replace('T%H:%M:%S%z', '')}\n{line}\n{named}").split("\n")
    assert short.endswith("as sold_at,")
    assert long.endswith("as sold_at,  -- noqa: LT05")
    assert both.endswith("as sold_at,  -- noqa: RF06,LT05")


@pytest.fixture
def request_of_two_engines(shop: Path) -> OnboardingRequest:
    """A table of a project that has a second engine."""
    profiles = Path("sql/profiles.yml")
    text = profiles.read_text(encoding="utf-8")
    profiles.write_text(text.replace("  outputs:\n", "  outputs:\n    prod: {type: postgres}\n"), encoding="utf-8")
    return OnboardingRequest("orders", "returned")


def test_new_sql_brings_the_macros_that_it_calls_and_keeps_those_of_the_team(
    request_of_two_engines: OnboardingRequest,
) -> None:
    create_pipeline(request_of_two_engines, "orders.csv")
    assert "{{ quote('Order Date') }}" in Path("sql/models/staging/stg_orders.sql").read_text(encoding="utf-8")
    text = writer.MACROS.read_text(encoding="utf-8")
    assert text == (Path(writer.__file__).parent / "templates" / "brought_tables.sql").read_text(encoding="utf-8")
    writer.MACROS.write_text(text + "{#- ours -#}\n", encoding="utf-8")
    create_pipeline(dataclasses.replace(request_of_two_engines, name="sales"), "orders.csv")
    assert writer.MACROS.read_text(encoding="utf-8") == text + "{#- ours -#}\n"


def test_sql_that_does_not_run_leaves_no_macros(
    request_of_two_engines: OnboardingRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        assert writer.MACROS.exists()
        raise ProjectError("odd")

    monkeypatch.setattr(warehouse, "build", fail)
    with pytest.raises(ProjectError, match="odd"):
        create_pipeline(request_of_two_engines, "orders.csv")
    assert not writer.MACROS.exists()
