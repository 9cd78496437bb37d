"""The command that makes a pipeline from a table."""

import dataclasses
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from mlteam.commands.pages import refresh_pages
from mlteam.config import pipelines
from mlteam.config.settings import find_line
from mlteam.core import console, store
from mlteam.core.errors import ProjectError
from mlteam.core.files import remove, write_atomically
from mlteam.core.paths import DATA, PIPELINES, PYPROJECT, RAW, TABLES
from mlteam.core.sql import connect_duckdb, quote_identifier
from mlteam.data import loaders, snapshot, sources, warehouse
from mlteam.data.sources import Source
from mlteam.onboarding import writer
from mlteam.onboarding.columns import SourceColumn, inspect_columns
from mlteam.onboarding.decisions import OnboardingRequest, Plan, find_column, plan_pipeline
from mlteam.onboarding.names import reject_pipeline_name
from mlteam.onboarding.time_column import read_numbers_as_dates

TIME_PATTERN = re.compile(r"(^|_)(year|date|timestamp)$")
DEFAULT_OWNER = "data_engineer"


def create_pipeline(wish: OnboardingRequest, table: str) -> None:
    """Make a pipeline, build its tables and take its first snapshot; or leave everything as it was.

    Args:
        wish: What the user asked for.
        table: The path of a CSV or Parquet file, or schema.table of the warehouse.
    """
    source, others = _build_source(wish.name, table), pipelines.list_pipelines()
    with _undo_on_error(wish.name, source):
        if source.location:
            with console.show_progress(f"read {table}"):
                loaders.fetch_source(source)
        with console.show_progress("look at the columns"), _open_source(source) as connection:
            columns = inspect_columns(connection, source.relation)
            if wish.time:
                time = find_column(columns, wish.time, "--time")
                columns = read_numbers_as_dates(connection, source.relation, columns, time)
            plan = plan_pipeline(connection, _create_typed_table(connection, source, columns), columns, wish)
            example = writer.build_example(connection, "typed", plan)
        brought = _keep_file(source)
        written = writer.write_pipeline_files(plan, brought, example)
        with console.show_progress("build and test the SQL") as progress:
            warehouse.build(progress, [f"source:{source.system}+"])
        with console.show_progress("take the snapshot"):
            snapshot.take(pipelines.load_spec(wish.name))
        refresh_pages()
    if len(others) == 1 and pipelines.keep_default(others[0]):
        written.append(PYPROJECT)
    _print_summary(plan, written)
    if brought.origin and Path(brought.origin).is_relative_to(TABLES):
        shared = "in the store" if store.open_store() else "only on this machine"
        what = f"{brought.origin} is a copy of {table}, {shared}: new rows go there, then `nox -s data -- --refresh`"
        console.print_line(f"note: {what}")


def _build_source(name: str, table: str) -> Source:
    reject_pipeline_name(name)
    taken = {*pipelines.list_pipelines(), *(source.system for source in sources.load_sources())}
    there = next(
        (path for path in writer.list_new_files(name) if path.exists()), sources.SOURCES_FILE if name in taken else None
    )
    if there:
        raise ProjectError(f"the name {name!r} is taken", where=there.as_posix(), fix="choose another name")
    if re.fullmatch(r"\w+\.\w+", table) and not Path(table).exists() and not table.endswith((".csv", ".parquet")):
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


def _keep_file(source: Source) -> Source:
    """Copy a file that git does not hold to data/tables/, and to the store; return the source that names the copy.

    A path of one machine must not get into the repository.
    """
    if not source.origin:
        return source
    file = Path(source.origin).resolve()
    here = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else None
    if here is None or (here.is_relative_to(DATA) and not here.is_relative_to(TABLES)):
        here = TABLES / f"{source.table}{''.join(file.suffixes[-2:]) if file.suffix == '.gz' else file.suffix}"
        with console.show_progress(f"copy {source.origin}"), write_atomically(here) as part:
            shutil.copyfile(file, part)
        store.sync_file(here)
    return dataclasses.replace(source, origin=here.as_posix())


@contextmanager
def _undo_on_error(name: str, source: Source) -> Iterator[None]:
    """Undo what was written unless the block succeeds."""
    before = sources.SOURCES_FILE.read_bytes() if sources.SOURCES_FILE.exists() else None
    try:
        yield
    except BaseException:
        for path in writer.list_new_files(name):
            remove(path)
        if source.location:
            remove(source.location.parent)
        for path in TABLES.glob(f"{name}.*"):
            remove(path)
        if before is None:
            remove(sources.SOURCES_FILE)
        else:
            sources.SOURCES_FILE.write_bytes(before)
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


def _print_summary(plan: Plan, written: list[Path]) -> None:
    name, text = plan.request.name, (PIPELINES / f"{plan.request.name}.toml").read_text(encoding="utf-8")

    def line(*keys: str) -> str:
        return f"{PIPELINES.as_posix()}/{name}.toml:{find_line(text, list(keys))}"

    used = {c.name: "categorical" for c in plan.categorical} | {c.name: "numeric" for c in plan.numeric}
    console.print_table(
        f"{name}: {plan.rows:,} rows, {len(plan.columns)} columns",
        ["column", "name", "kind", "use"],
        [[c.raw, c.name, c.kind, used.get(c.name) or plan.exclusion_reasons[c.name]] for c in plan.columns],
    )
    console.print_table(
        "decided", ["what", "why", "change it in"], [[*row[:2], line(*row[2])] for row in _list_decisions(plan)]
    )
    for path in written:
        console.print_line(f"wrote {path}")
    console.print_line(f"next: nox -s pipeline -- --pipeline {name}")


def _list_decisions(plan: Plan) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what was decided, why, and the key of the pipeline file that says so."""
    label = plan.label
    asked = (
        "asked for"
        if plan.request.task != "auto"
        else f"{label.raw} has {label.distinct:,} values of kind {label.kind}"
    )
    yield f"task {plan.task}", asked, ("task",)
    if label.missing:
        yield "rows left out", f"{label.missing:,} of {plan.rows:,} have no {label.raw}", ("data", "label")
    if plan.positive is not None:
        yield f"positive class {plan.positive}", "the probability of it is predicted", ("data", "positive")
    if plan.key:
        yield f"key {plan.key.name}", "asked for" if plan.request.key else "unique in all rows", ("data", "key")
    else:
        alike = f", {plan.repeated_rows:,} rows are like another" if plan.repeated_rows else ""
        yield "key row_key", f"no column is unique in all rows{alike}", ("data", "key")
    yield "splits by " + _describe_split(plan), _hint_at_time(plan), ("splits", "by")
    if plan.time and plan.time.missing:
        yield "rows left out", f"{plan.time.missing:,} of {plan.rows:,} have no {plan.time.raw}", ("data", "time")
    for column in plan.columns:
        for token, count in column.read_as_missing:
            yield f"{column.name}: {token!r} is missing", f"in {count:,} rows", ("features",)
        if column.other_date_formats:
            yield (
                f"{column.name}: days may be months",
                f"{column.sql}; {column.other_date_formats} fits as well",
                ("features",),
            )
    for name in plan.personal:
        yield f"{name} is personal", plan.exclusion_reasons[name], ("privacy",)
    for name in plan.request.allow_leak:
        yield f"{name} gives the label away", "allowed by --allow-leak", ("data", "allowed_leaks")


def _hint_at_time(plan: Plan) -> str:
    """Return what to do if rows are in an order that the splits do not respect."""
    dates = [c for c in plan.columns if c.kind == "date" or (c.kind == "integer" and TIME_PATTERN.search(c.name))]
    if plan.time or plan.group or not dates:
        return ""
    return (
        f"if later rows are to be predicted from earlier ones, bring it again with --time {shlex.quote(dates[0].raw)}"
    )


def _describe_split(plan: Plan) -> str:
    if plan.group:
        return f"group {plan.group.name}: its rows stay in one split"
    if plan.windows:
        return f"time {plan.windows[0]} | {plan.windows[1]} | {plan.windows[2]} | {plan.windows[3]}"
    return f"the hash of {plan.key.name if plan.key else 'the row'}"
