"""The command that makes a pipeline from a table."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from .. import console, snapshot, sources, spec, upstream, warehouse
from ..errors import ProjectError
from ..files import remove
from ..paths import PIPELINES, RAW
from ..privacy import quoted
from ..settings import line_of
from ..sources import Source
from . import write
from .columns import Column, look
from .decide import Plan, Wish, decide

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
OWNER = "data_engineer"


def new_pipeline(wish: Wish, table: str) -> None:
    """Make a pipeline, build its tables and take its first snapshot; or leave everything as it was.

    Args:
        wish: What the user asked for.
        table: The path of a CSV or Parquet file, or schema.table of the warehouse.
    """
    source = _source(wish.name, table)
    with _all_or_nothing(wish.name, source):
        if source.location:
            with console.step(f"read {table}"):
                upstream.fetch(source)
        with console.step("look at the columns"), _opened(source) as connection:
            columns = look(connection, source.relation)
            plan = decide(connection, _typed(connection, source, columns), columns, wish)
            example = write.typical(connection, "typed", plan)
        written = write.write(plan, source, example)
        with console.step("build and test the SQL") as progress:
            warehouse.build(progress, [f"source:{source.system}+"])
        with console.step("take the snapshot"):
            snapshot.take(spec.choose(wish.name))
        _refresh_documents()
    _tell(plan, written)


def _source(name: str, table: str) -> Source:
    if not NAME.fullmatch(name):
        raise ProjectError(
            f"{name!r} is no name for a pipeline", fix="use up to 40 small letters, digits and underscores"
        )
    taken = {*spec.names(), *(source.system for source in sources.declared())}
    there = next((path for path in write.new_files(name) if path.exists()), sources.FILE if name in taken else None)
    if there:
        raise ProjectError(f"the name {name!r} is taken", where=there.as_posix(), fix="choose another name")
    if re.fullmatch(r"\w+\.\w+", table) and not Path(table).exists() and not table.endswith((".csv", ".parquet")):
        schema, _, relation = table.partition(".")
        return Source(name, relation, "", OWNER, "", None, f'"{schema}"."{relation}"')
    location = RAW / name / f"{name}.parquet"
    return Source(name, name, "upstream:file", OWNER, table, location, f"read_parquet('{location.as_posix()}')")


@contextmanager
def _all_or_nothing(name: str, source: Source) -> Iterator[None]:
    """Undo what was written unless the block succeeds."""
    before = sources.FILE.read_bytes() if sources.FILE.exists() else None
    try:
        yield
    except BaseException:
        for path in write.new_files(name):
            remove(path)
        if source.location:
            remove(source.location.parent)
        if before is None:
            remove(sources.FILE)
        else:
            sources.FILE.write_bytes(before)
        raise


@contextmanager
def _opened(source: Source) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() if source.location else warehouse.connect() as connection:
        # As in sql/profiles.yml, so that a day is the same day here and there.
        connection.execute("set TimeZone = 'UTC'")
        try:
            connection.execute(f"select 1 from {source.relation} limit 1").fetchall()
        except duckdb.Error:
            raise ProjectError(
                "the warehouse has no such relation", where=source.relation, fix="name schema.table"
            ) from None
        yield connection


def _typed(connection: duckdb.DuckDBPyConnection, source: Source, columns: list[Column]) -> str:
    """The rows as the staging model will give them, as a table of this connection."""
    selected = ", ".join(f"{c.sql} as {quoted(c.name)}" for c in columns if c.kind != "other")
    connection.execute(f"create temp table typed as select {selected} from {source.relation}")
    return "typed"


def _refresh_documents() -> None:
    """Bring the blocks up to date that the process documents generate from the pipeline."""
    checker = Path("process") / "check.py"
    if checker.exists():
        subprocess.run([sys.executable, str(checker), "--fix"], check=False, capture_output=True)


def _tell(plan: Plan, written: list[Path]) -> None:
    name, text = plan.wish.name, (PIPELINES / f"{plan.wish.name}.toml").read_text(encoding="utf-8")

    def line(*keys: str) -> str:
        return f"{PIPELINES.as_posix()}/{name}.toml:{line_of(text, list(keys))}"

    used = {c.name: "categorical" for c in plan.categorical} | {c.name: "numeric" for c in plan.numeric}
    console.table(
        f"{name}: {plan.rows:,} rows, {len(plan.columns)} columns",
        ["column", "name", "kind", "use"],
        [[c.raw, c.name, c.kind, used.get(c.name) or plan.left_out[c.name]] for c in plan.columns],
    )
    console.table("decided", ["what", "why", "change it in"], [[*row[:2], line(*row[2])] for row in _decisions(plan)])
    for path in written:
        console.say(f"wrote {path}")
    console.say(f"next: nox -s pipeline -- --pipeline {name}")


def _decisions(plan: Plan) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What was decided, why, and the key of the pipeline file that says so."""
    label = plan.label
    asked = (
        "asked for" if plan.wish.task != "auto" else f"{label.raw} has {label.distinct:,} values of kind {label.kind}"
    )
    yield f"task {plan.task}", asked, ("task",)
    if label.missing:
        yield "rows left out", f"{label.missing:,} of {plan.rows:,} have no {label.raw}", ("data", "label")
    if plan.positive is not None:
        yield f"positive class {plan.positive}", "the probability of it is predicted", ("data", "positive")
    if plan.key:
        yield f"key {plan.key.name}", "asked for" if plan.wish.key else "tells all rows apart", ("data", "key")
    else:
        alike = f", {plan.repeated_rows:,} rows are like another" if plan.repeated_rows else ""
        yield "key row_key", f"no column tells all rows apart{alike}", ("data", "key")
    yield "splits by " + _split(plan), "", ("splits", "by")
    for column in plan.columns:
        for token, count in column.read_as_missing:
            yield f"{column.name}: {token!r} is missing", f"in {count:,} rows", ("features",)
        if column.also_fits:
            yield f"{column.name}: days may be months", f"{column.sql}; {column.also_fits} fits as well", ("features",)
    for name in plan.personal:
        yield f"{name} is personal", plan.left_out[name], ("privacy",)
    for name in plan.wish.allow_leak:
        yield f"{name} gives the label away", "allowed by --allow-leak", ("data", "allowed_leaks")


def _split(plan: Plan) -> str:
    if plan.group:
        return f"group {plan.group.name}: its rows stay in one split"
    if plan.windows:
        return f"time {plan.windows[0]} | {plan.windows[1]} | {plan.windows[2]} | {plan.windows[3]}"
    return f"the hash of {plan.key.name if plan.key else 'the row'}"
