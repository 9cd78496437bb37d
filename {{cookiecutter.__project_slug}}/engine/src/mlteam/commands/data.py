"""`data`: fetch sources, build and test the SQL, take a snapshot."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from mlteam.config.pipelines import list_pipelines
from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.sql import quote_identifier
from mlteam.data import builds, leak_report, loaders, mirror, past, snapshot, sources, targets, warehouse, windows
from mlteam.data.refresh import needs_fetch
from mlteam.data.snapshot import Snapshot
from mlteam.data.sources import Source
from mlteam.data.targets import Target
from mlteam.onboarding import leaks


def generate_data(
    spec: Spec, *, refresh: bool = False, target: str | None = None, as_of: dt.datetime | None = None
) -> Snapshot:
    """Fetch what is missing or old upstream, build and test the SQL, take a snapshot.

    A pipeline beside others fetches, checks and builds only what it needs: what is wrong with their sources and tables
    is not its concern. An old source that cannot be fetched is used as it is, until it is stale.

    Args:
        spec: The pipeline.
        refresh: Fetch every source again, whatever its age.
        target: The engine, by its name in sql/profiles.yml; its sources are tables that others load.
        as_of: Take the snapshot of what was known at this instant (UTC) instead, and leave the newest one.
    """
    if as_of and as_of > dt.datetime.now(dt.UTC):
        raise ProjectError(
            f"--as-of {as_of:%Y-%m-%dT%H:%M:%S} is in the future", fix="name an instant of the past (UTC)"
        )
    build_tables(spec, targets.load_target(target), refresh=refresh)
    if as_of:
        return _generate_past_data(spec, as_of)
    with console.show_progress("take the snapshot"):
        taken = snapshot.take(spec, [reject_leaks])
    console.print_line(f"snapshot {taken.folder}: {taken.metadata['rows']:,} rows")
    if note := windows.describe_unsplit_rows(windows.fix_windows(spec, taken), taken):
        console.print_line(note)
    report = leak_report.find_report(spec)
    command = f"nox -s time_travel -- --pipeline {spec.name}"
    console.print_line(f"time travel: {report.describe() if report else f'not checked since a change: `{command}`'}")
    return taken


def _generate_past_data(spec: Spec, instant: dt.datetime) -> Snapshot:
    with console.show_progress("rebuild the features from what was known"):
        taken = past.take_past_snapshot(spec, instant, [reject_leaks])
    console.print_line(f"snapshot {taken.folder} as of {instant:%Y-%m-%dT%H:%M:%S}: {taken.metadata['rows']:,} rows")
    if timeless := past.find_timeless_sources(warehouse.load_upstream_sources(spec.data.relation)):
        console.print_line(f"taken as known at any time, without a known_at: {', '.join(timeless)}")
    return taken


def build_tables(spec: Spec, engine: Target, *, refresh: bool = False) -> None:
    """Fetch the sources of a pipeline, build and test its SQL, and have its tables in the warehouse here.

    Args:
        spec: The pipeline.
        engine: What builds them.
        refresh: Fetch every source again, whatever its age.
    """
    _, _, table = spec.data.relation.partition(".")
    select = [f"+{table}"] if len(list_pipelines()) > 1 else []
    manifest, reusable = None, builds.has_read_sql(engine)
    if not reusable:
        with console.show_progress("read the SQL"):
            manifest = warehouse.parse(engine)
    read = warehouse.find_upstream_sources(spec.data.relation) if select else None
    needed = [source for source in sources.load_sources(engine) if read is None or source.name in read]
    for source in needed:
        _fetch_if_needed(source, refresh=refresh)
        loaders.check_source_file(source)
    relation, now = spec.data.relation if select else None, dt.datetime.now(dt.UTC)
    if reusable and builds.reuse_build(relation, needed, now):
        console.print_line("the SQL was built and tested today, and nothing that it reads has changed since")
        return
    build_models(engine, select, manifest)
    copy_built_tables(spec, engine)


def build_models(engine: Target, select: Sequence[str], manifest: Any = None) -> None:
    """Build and test models, and record that they were.

    Args:
        engine: What builds them.
        select: Which models, in dbt's own words; all of them where nothing is said.
        manifest: What `warehouse.parse` returned, if nothing in sql/ has changed since.
    """
    earlier = builds.find_built_models()
    with console.show_progress("build and test the SQL") as progress:
        built = warehouse.build(progress, select, engine, manifest)
    if engine.is_local:
        builds.keep_build(built, earlier)


def copy_built_tables(spec: Spec, engine: Target) -> None:
    """Copy the sources of a pipeline and its relation to the warehouse here, where another engine has built them.

    Args:
        spec: The pipeline.
        engine: What has built its tables; the commands that read them go by it until the next build.
    """
    if not engine.is_local:
        schema, _, table = spec.data.relation.partition(".")
        read = [(s.schema, s.table) for s in warehouse.load_upstream_sources(spec.data.relation, engine)]
        with console.show_progress(f"copy the tables of {engine.name}"):
            mirror.copy_relations(engine, [*read, (schema, table)])
    targets.keep_built_target(engine)


def _fetch_if_needed(source: Source, *, refresh: bool) -> None:
    if not needs_fetch(source, dt.datetime.now(dt.UTC), refresh=refresh):
        return
    must = refresh or not (source.location and source.location.exists())
    try:
        with console.show_progress(f"fetch {source.name}"):
            loaders.fetch_source(source)
    except ProjectError as error:
        if must:
            raise
        console.print_line(f"note: {source.name} is old and was not fetched again: {error.what}", logging.WARNING)


def reject_leaks(connection: duckdb.DuckDBPyConnection, spec: Spec) -> None:
    """Reject features that give the label away, as `new_pipeline` does for a new table.

    Args:
        connection: The warehouse.
        spec: Names label and features, and the leaks that the team has allowed.

    Raises:
        ProjectError: A feature, or some together, give the label away and are not in `data.allowed_leaks`.
    """
    label, features = spec.data.label, spec.features.names
    columns = ", ".join(map(quote_identifier, (label, *features)))
    sample = f"select {columns} from {spec.data.relation} using sample reservoir({leaks.SAMPLE_ROWS} rows)"
    rows = connection.sql(f"{sample} repeatable (1)").to_arrow_table()
    targets = leaks.encode_targets(rows[label], spec.task)
    strengths = {name: leaks.measure_leak_strength(rows[name], targets) for name in features}
    numbers = {name: pc.cast(rows[name], pa.float64(), safe=False).to_numpy() for name in spec.features.numeric}
    for leak in leaks.find_leaks(strengths, numbers, targets, spec.task):
        if not set(spec.data.allowed_leaks).issuperset(leak.columns):
            raise ProjectError(
                f"suspected leak of the label {label!r}: {', '.join(leak.columns)} {leak.reason}",
                where=str(spec.path),
                fix="leave it out of the features, or list it in data.allowed_leaks if it is known before the event",
            )
