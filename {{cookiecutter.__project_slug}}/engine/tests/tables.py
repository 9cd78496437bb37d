"""Tables to bring, and what is decided about them."""

import duckdb
import pyarrow as pa

from mlteam.core.sql import quote_identifier
from mlteam.onboarding.columns import inspect_columns
from mlteam.onboarding.decisions import plan_pipeline
from mlteam.onboarding.plan import OnboardingRequest, Plan


def table(**columns: object) -> pa.Table:
    """A table of these columns."""
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def planned(rows: pa.Table, label: str, **wish: object) -> Plan:
    """What is decided about rows when their label is to be predicted."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("given", rows)
        columns = inspect_columns(connection, "given")
        selected = ", ".join(f"{c.sql} as {quote_identifier(c.name)}" for c in columns if c.kind != "other")
        connection.execute(f"create temp table typed as select {selected} from given")
        return plan_pipeline(connection, "typed", columns, OnboardingRequest("orders", label, **wish))  # type: ignore[arg-type]
