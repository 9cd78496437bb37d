"""SQL of a new pipeline as each engine runs it: macros for what they write differently, texts as they are."""

import jinja2
import pytest
import sqlglot
from conftest import REPOSITORY

from mlteam.onboarding.portable import make_portable

DIALECTS = {"duckdb": "duckdb", "postgres": "postgres", "spark": "spark"}
WRITTEN = r"""
cast("It's ""Id"" \ 1" as double precision) as gust_id
cast(price as varchar)
nullif(side, 'the "north" as varchar)')
cast(cast(measured_at as date) - cast(called as date) as integer) as called_days_before
cast(extract(dow from called) as integer) as called_weekday
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
                "cast(extract(isodow from called) as integer) % 7 as called_weekday",
            ),
        ),
        (
            "postgres",
            (
                'cast("It\'s ""Id"" \\ 1" as double precision) as gust_id',
                "cast(price as varchar)",
                "cast(measured_at as date) - cast(called as date) as called_days_before",
                "cast(extract(isodow from called) as integer) % 7 as called_weekday",
            ),
        ),
        (
            "spark",
            (
                'cast(`It\'s "Id" \\ 1` as double) as gust_id',
                "cast(price as string)",
                "datediff(cast(measured_at as date), cast(called as date)) as called_days_before",
                "cast(extract(dayofweek_iso from called) as integer) % 7 as called_weekday",
            ),
        ),
    ],
)
def test_each_engine_gets_its_own_words(kind: str, expected: tuple[str, ...]) -> None:
    cast, text, literal, days, weekday, raw = render(kind, make_portable(WRITTEN))
    assert (cast, text, days, weekday) == expected
    assert literal == "nullif(side, 'the \"north\" as varchar)')"
    assert raw == 'cast("{{ x }}" as varchar)'
    for line in (cast, text, days, weekday):
        sqlglot.parse_one(f"select {line}", dialect=DIALECTS[kind])
