"""Tables that nobody would make, drawn at random: they are rejected in words, or their values come out unchanged."""

import re
import tomllib
from pathlib import Path

import duckdb
import pyarrow as pa
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlteam.core.errors import ProjectError
from mlteam.core.sql import quote_identifier
from mlteam.data.sources import Source
from mlteam.onboarding import writer
from mlteam.onboarding.columns import MISSING_TOKENS, SourceColumn, inspect_columns
from mlteam.onboarding.decisions import plan_pipeline
from mlteam.onboarding.plan import OnboardingRequest

ROWS = 80


OPEN, SHUT = "{" * 2, "}" * 2


ODD = [
    'say "hi"',
    "it's",
    f"{OPEN} x {SHUT}",
    "{" + "% if %}",
    "{" + "#",
    "🙂",
    "a\nb",
    "a b",
    "A.B",
    "select",
    "#",
    "\\",
]


NAMES = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8))


VALUES = st.one_of(
    st.sampled_from(["NA", "", "yes", "no", "007", "1,5", "1e5", "e5", "-0", "9007199254740993", "2013-01-31", *ODD]),
    st.integers().map(str),
    st.floats().map(repr),
    st.none(),
)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique_by=str.casefold))
    pools = [draw(st.lists(VALUES, min_size=1, max_size=4)) for _ in names]
    # Each pool repeats at its own pace, so that columns are not copies of each other.
    columns = [[pool[row // pace % len(pool)] for row in range(ROWS)] for pace, pool in enumerate(pools, start=1)]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)


def same(column: SourceColumn, before: str | None, after: object) -> bool:
    """Whether a value means what its text said."""
    if before is None or before.strip(" ").lower() in MISSING_TOKENS:
        return after is None
    if column.kind == "integer":
        return after == int(before)
    if column.kind == "number" and column.read_as_number:
        return after == float(re.sub(r"[^\d.+-]", "", before.replace(",", ".") if "," in before else before))
    if column.kind == "number":
        return after == float(before)
    return after == before.strip(" ") if column.kind == "text" else after is not None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rows=tables())
def test_an_odd_table_is_refused_or_comes_out_as_it_was(rows: pa.Table) -> None:
    with duckdb.connect() as connection:
        connection.register("given", rows)
        columns = inspect_columns(connection, "given")
        connection.execute(
            f"create table typed as select {', '.join(f'{c.sql} as {c.name}' for c in columns)} from given"
        )
        for column in columns:
            found = connection.execute(
                f"select given.{quote_identifier(column.raw)}, typed.{column.name} from given positional join typed"
            )
            assert all(same(column, *pair) for pair in found.fetchall()), column
        try:
            plan = plan_pipeline(connection, "typed", columns, OnboardingRequest("odd", rows.column_names[0]))
        except ProjectError:
            return
        source = Source(
            "odd", "odd", "mlteam.data.loaders:load_file", "data_engineer", "odd.csv", Path("odd.parquet"), "given"
        )
        spec = tomllib.loads(writer._render("pipeline.toml", plan, source))
        assert spec["data"]["label"] == plan.label.name
        assert spec["data"].get("positive") == plan.positive
        for page in ("staging.yml", "features.yml"):
            (model,) = yaml.safe_load(writer._render(page, plan, source))["models"]
            assert {column["name"] for column in model["columns"]} <= {c.name for c in columns} | {
                "row_key",
                "row_digest",
            }
        assert (
            f"as {plan.label.name}" in writer._render("staging.sql", plan, source) or plan.label.raw == plan.label.name
        )
