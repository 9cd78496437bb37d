"""Are the sources fresh, and as large as they were?"""

import datetime as dt
from collections.abc import Iterator
from contextlib import AbstractContextManager

import duckdb

from mlteam.core.sql import connect_duckdb
from mlteam.data import sources, warehouse
from mlteam.data.snapshot import Snapshot
from mlteam.data.sources import LOADED_AT, Source
from mlteam.monitoring.findings import Finding, compare_with_limit, report_unknown

SECONDS_PER_HOUR = 3600


def check_sources(taken: Snapshot, now: dt.datetime, factor: float) -> Iterator[Finding]:
    """Freshness and volume of every source that a snapshot was made from.

    Args:
        taken: The newest snapshot.
        now: The moment that ages are counted to.
        factor: How many times as many or as few rows as the snapshot's are wrong.
    """
    before = {entry["name"]: entry["rows"] for entry in taken.metadata["sources"]}
    for source in sources.load_sources():
        if source.name in before:
            yield from _check_source(source, before[source.name], now, factor)


def _check_source(source: Source, before: int, now: dt.datetime, factor: float) -> Iterator[Finding]:
    limit = source.late_after_hours
    try:
        with _connect(source) as connection:
            ((rows,),) = connection.execute(f"select count(*) from {source.relation}").fetchall()
            loaded = None
            columns = connection.execute(f"describe select * from {source.relation}").fetchall()
            if source.loaded_at != LOADED_AT or LOADED_AT in {column[0] for column in columns}:
                made = f"max(cast({source.loaded_at} as timestamp))"
                ((loaded,),) = connection.execute(f"select {made} from {source.relation}").fetchall()
    except duckdb.Error:
        message = f"cannot be read; owner: {source.owner}"
        yield Finding("freshness", source.name, None, limit or 0, "wrong", message)
        return
    if limit is None or loaded is None:
        yield report_unknown("freshness", source.name, limit or 0, "says no load time, or has no limit")
    else:
        hours = (now.replace(tzinfo=None) - loaded).total_seconds() / SECONDS_PER_HOUR
        what = "loaded" if source.loaded_at == LOADED_AT else "newest row made"
        message = f"{what} {hours:.1f} hours ago; owner: {source.owner}"
        # A load time that lies ahead would keep a dead source fresh for as long.
        late = hours > limit or hours < -1
        yield Finding("freshness", source.name, hours, limit, "wrong" if late else "ok", message)
    times = max(rows / max(1, before), before / max(1, rows))
    yield compare_with_limit("volume", source.name, times, factor, f"{rows:,} rows, {before:,} in the newest snapshot")


def _connect(source: Source) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    return connect_duckdb() if source.location else warehouse.connect()
