"""Snapshots of the past: the features as they would have been built at an instant, from what was known then."""

import datetime as dt
from collections.abc import Sequence

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path
from mlteam.core.paths import PAST
from mlteam.core.sql import connect_duckdb
from mlteam.data import snapshot, warehouse
from mlteam.data.cut_sources import build_cut_query
from mlteam.data.rebuild import copy_sql_project, rebuild_features
from mlteam.data.snapshot import Check, Snapshot
from mlteam.data.sources import SOURCES_FILE, Source


def find_timeless_sources(sources: Sequence[Source]) -> list[str]:
    """Return the names of the sources that do not say when anything in them becomes known: all of it counts."""
    return [source.name for source in sources if not source.known_at and not source.late_columns]


def take_past_snapshot(spec: Spec, instant: dt.datetime, checks: Sequence[Check] = ()) -> Snapshot:
    """Take the snapshot of the rows that would have been there at an instant; the newest one stays the newest.

    Whatever was taken before, and in whatever order, the same instant and the same sources give the same digest.

    Args:
        spec: Names the relation, and what its rows must be.
        instant: In UTC, not in the future.
        checks: Further checks of the relation.

    Raises:
        ProjectError: No source says when something becomes known, the SQL does not run on what was known, or the rows
            cannot train a model.
    """
    sources = warehouse.load_upstream_sources(spec.data.relation)
    if len(find_timeless_sources(sources)) == len(sources):
        what = f"no source of {spec.data.relation} says when something becomes known"
        raise ProjectError(what, where=str(SOURCES_FILE), fix="add a known_at to its config, as SQL over its columns")
    moment = instant.strftime("%Y-%m-%d %H:%M:%S")
    with reserve_temporary_path(PAST / "build") as folder:
        with warehouse.connect() as connection:
            known = {source: build_cut_query(connection, source, moment, altered=False) for source in sources}
        try:
            rebuilt = rebuild_features(spec, copy_sql_project(folder), known)
        except ProjectError as error:
            what = f"the SQL does not run on what was known at {moment}: {error.what}"
            raise ProjectError(what, where=error.where, fix="let it run when later rows are missing") from None
        with connect_duckdb(rebuilt.warehouse) as scratch:
            return snapshot.freeze(scratch, spec, checks, as_of=moment)
