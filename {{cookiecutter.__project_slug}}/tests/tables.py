"""Tables to bring, and what is decided about them."""

import duckdb
import pyarrow as pa

from {{ cookiecutter.__package }}.onboard.columns import look
from {{ cookiecutter.__package }}.onboard.decide import Plan, Wish, decide
from {{ cookiecutter.__package }}.privacy import quoted


def table(**columns: object) -> pa.Table:
    """A table of these columns."""
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def planned(rows: pa.Table, label: str, **wish: object) -> Plan:
    """What is decided about rows when their label is to be predicted."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("given", rows)
        columns = look(connection, "given")
        selected = ", ".join(f"{c.sql} as {quoted(c.name)}" for c in columns if c.kind != "other")
        connection.execute(f"create temp table typed as select {selected} from given")
        return decide(connection, "typed", columns, Wish("orders", label, **wish))  # type: ignore[arg-type]
