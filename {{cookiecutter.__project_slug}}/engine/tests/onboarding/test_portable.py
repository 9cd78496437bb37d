"""SQL of a new pipeline as each engine runs it: macros for what they write differently, texts as they are."""

import hashlib

import duckdb
import jinja2
import pytest
import sqlglot
from conftest import REPOSITORY

from mlteam.onboarding.portable import make_portable

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
    macros = (REPOSITORY / "sql/macros/portable.sql").read_text(encoding="utf-8")
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
    assert duckdb.sql(query).fetchall() == [(hashlib.md5(b"n|2").hexdigest(),)]  # noqa: S324 no secret
