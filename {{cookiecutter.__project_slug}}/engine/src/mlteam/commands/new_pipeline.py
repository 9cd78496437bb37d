"""The command that makes a pipeline from a table."""

import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import duckdb

from mlteam.commands.data import build_models, copy_built_tables
from mlteam.commands.pages import refresh_pages
from mlteam.config import pipelines
from mlteam.core import console, store
from mlteam.core.errors import ProjectError
from mlteam.core.files import remove, write_atomically
from mlteam.core.paths import DATA, PYPROJECT, RAW, TABLES
from mlteam.core.sql import connect_duckdb, quote_identifier
from mlteam.data import builds, loaders, mirror, snapshot, sources, table_files, targets, warehouse
from mlteam.data.sources import Source
from mlteam.data.streams import is_table_name
from mlteam.data.targets import Target
from mlteam.onboarding import redo, summary, writer
from mlteam.onboarding.columns import SourceColumn, find_column, inspect_columns
from mlteam.onboarding.decisions import plan_pipeline
from mlteam.onboarding.joins import build_source, inspect_joins, join_rows, parse_joins
from mlteam.onboarding.names import clean_names, reject_pipeline_name
from mlteam.onboarding.plan import OnboardingRequest, Plan
from mlteam.onboarding.time_column import read_numbers_as_dates

DEFAULT_OWNER = "data_engineer"


def create_pipeline(wish: OnboardingRequest, table: str) -> None:
    """Make a pipeline, build its tables and take its first snapshot; or leave everything as it was.

    Args:
        wish: What the user asked for.
        table: The path of a CSV or Parquet file, or schema.table of the warehouse.
    """
    before = redo.read_columns(wish.name)
    with redo.set_aside(wish.name) if wish.redo else nullcontext():
        plan = _bring_table(wish, table)
    if wish.redo and before:
        changes = redo.describe_changes(before, (column.name for column in plan.own_columns))
        console.print_line(f"brought again, {changes}; `git diff` shows what is decided differently now")


def _bring_table(wish: OnboardingRequest, table: str) -> Plan:
    others, joins = pipelines.list_pipelines(), parse_joins(wish.join, wish.name)
    source = _build_source(wish.name, table)
    further = [build_source(wish.name, join, DEFAULT_OWNER) for join in joins]
    engine = targets.load_target(wish.target)
    if not engine.is_local:
        _copy_source(engine, source, table, further)
    with _undo_on_error(wish.name, source):
        for fetched in (source, *further):
            if fetched.location:
                with console.show_progress(f"read {fetched.origin}"):
                    loaders.fetch_source(fetched)
        with console.show_progress("look at the columns"), _open_source(source) as connection:
            columns = inspect_columns(connection, source.relation)
            if wish.time:
                time = find_column(columns, wish.time, "--time")
                columns = read_numbers_as_dates(connection, source.relation, columns, time)
            typed = _create_typed_table(connection, source, columns)
            joined = inspect_joins(connection, further, joins, columns)
            typed, joined = join_rows(connection, typed, joined)
            columns += [column for one in joined for column in one.added]
            plan = plan_pipeline(connection, typed, columns, wish, joined)
            example = writer.build_example(connection, plan)
        brought = _keep_file(source)
        plan.joined = [dataclasses.replace(one, source=_keep_file(one.source)) for one in joined]
        written = writer.write_pipeline_files(plan, brought, example, portable=targets.has_other_engines())
        build_models(engine, [f"source:{source.system}+"])
        spec = pipelines.load_spec(wish.name)
        copy_built_tables(spec, engine)
        with console.show_progress("take the snapshot"):
            snapshot.take(spec)
        refresh_pages()
    if len(others) == 1 and pipelines.keep_default(others[0]):
        written.append(PYPROJECT)
    summary.print_summary(plan, written)
    if brought.origin and Path(brought.origin).is_relative_to(TABLES):
        shared = "in the store" if store.open_store() else "only on this machine"
        what = f"{brought.origin} is a copy of {table}, {shared}: new rows go there, then `nox -s data -- --refresh`"
        console.print_line(f"note: {what}")
    return plan


def _build_source(name: str, table: str) -> Source:
    reject_pipeline_name(name)
    taken = {*pipelines.list_pipelines(), *(source.system for source in sources.load_sources())}
    there = next(
        (path for path in writer.list_new_files(name) if path.exists()), sources.SOURCES_FILE if name in taken else None
    )
    if there:
        raise _make_taken_error(name, table, there)
    if is_table_name(table):
        schema, _, relation = table.partition(".")
        return Source(name, relation, "", DEFAULT_OWNER, "", None, f'"{schema}"."{relation}"')
    location = RAW / name / f"{name}.parquet"
    return Source(
        name,
        name,
        "mlteam.data.loaders:load_file",
        DEFAULT_OWNER,
        table,
        location,
        f"read_parquet('{location.as_posix()}')",
    )


def _copy_source(engine: Target, source: Source, table: str, further: Sequence[Source]) -> None:
    if source.location or further:
        what = f"target {engine.name} reads tables of its own, not files"
        raise ProjectError(what, where=table, fix="load the files there, and name the table as schema.table")
    schema, _, name = table.partition(".")
    with console.show_progress(f"copy {table} of {engine.name}"):
        mirror.copy_relations(engine, [(schema, name)])


def _make_taken_error(name: str, table: str, there: Path) -> ProjectError:
    what, before = f"the name {name!r} is taken", redo.read_columns(name)
    if not before or not Path(table).is_file():
        return ProjectError(what, where=there.as_posix(), fix="choose another name")
    changes = redo.describe_changes(before, clean_names(table_files.read_table_file(Path(table)).column_names).values())
    fix = "add --redo to decide again, or choose another name"
    if "are those" in changes:
        fix += "; new rows alone come by `nox -s data -- --refresh`"
    return ProjectError(f"{what}, and {changes}", where=there.as_posix(), fix=fix)


def _keep_file(source: Source) -> Source:
    """Copy a file that git does not hold to data/tables/, and to the store; return the source that names the copy.

    A path of one machine must not get into the repository.
    """
    if not source.origin:
        return source
    file = Path(source.origin).resolve()
    here = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else None
    if here is None or (here.is_relative_to(DATA) and not here.is_relative_to(TABLES)):
        stem = source.table if source.table == source.system else f"{source.system}__{source.table}"
        here = TABLES / f"{stem}{''.join(file.suffixes[-2:]) if file.suffix == '.gz' else file.suffix}"
        with console.show_progress(f"copy {source.origin}"), write_atomically(here) as part:
            shutil.copyfile(file, part)
        store.sync_file(here)
    return dataclasses.replace(source, origin=here.as_posix())


@contextmanager
def _undo_on_error(name: str, source: Source) -> Iterator[None]:
    """Undo what was written unless the block succeeds."""
    shared = (sources.SOURCES_FILE, writer.MACROS, builds.KEPT)
    before = {path: path.read_bytes() if path.exists() else None for path in shared}
    tables = set(redo.list_copies(name))
    try:
        yield
    except BaseException:
        for path in writer.list_new_files(name):
            remove(path)
        if source.location:
            remove(source.location.parent)
        for path in set(redo.list_copies(name)) - tables:
            remove(path)
        for path, content in before.items():
            if content is None:
                remove(path)
            else:
                path.write_bytes(content)
        raise


@contextmanager
def _open_source(source: Source) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect_duckdb() if source.location else warehouse.connect() as connection:
        # As in sql/profiles.yml, so that a day is the same day here and there.
        connection.execute("set TimeZone = 'UTC'")
        try:
            connection.execute(f"select 1 from {source.relation} limit 1").fetchall()
        except duckdb.Error:
            raise ProjectError(
                "no such relation in the warehouse", where=source.relation, fix="name schema.table"
            ) from None
        yield connection


def _create_typed_table(connection: duckdb.DuckDBPyConnection, source: Source, columns: list[SourceColumn]) -> str:
    """Return the rows as the staging model will give them, as a table of this connection."""
    selected = ", ".join(f"{c.sql} as {quote_identifier(c.name)}" for c in columns if c.kind != "other")
    connection.execute(f"create temp table typed as select {selected} from {source.relation}")
    return "typed"
