"""Whether features use what was not yet known: sources are cut, features rebuilt, and every cell compared.

With a time column, sources are cut at instants, and rows that were decided before must have the features of the full
build. Without one, values that are known after the event are altered in the test rows, whose features must not change.
A difference is a leak.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from mlteam.config.spec import Spec
from mlteam.config.splits import HashSplits
from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path
from mlteam.core.paths import TIME_TRAVEL
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.data import warehouse
from mlteam.data.cells import Table, compare_cells
from mlteam.data.cut_sources import build_cut_query, build_masked_query
from mlteam.data.lineage import trace_column
from mlteam.data.rebuild import copy_sql_project, rebuild_features
from mlteam.data.sources import Source
from mlteam.data.splits import build_split_condition

# The share of all rows, and of the rows of its day, that were decided before each cut.
CUTS = ((0.5, 0.5), (0.8, 0.9), (0.95, 0.1))
CUT_REACH = 0.03


@dataclass(frozen=True)
class Leak:
    """A feature that uses what was not yet known.

    Attributes:
        column: The feature.
        rows: Rows in which it differs.
        example: The key of one of them.
        full: Its value there when everything is known.
        known: Its value there from what was known.
        path: The SQL models that carry it, from the relation to a column of a source.
    """

    column: str
    rows: int
    example: str
    full: str
    known: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cut:
    """One comparison.

    Attributes:
        instant: The instant (UTC) at which the sources were cut; None where values of the test rows were altered.
        rows: Number of rows that were compared.
        leaks: The features that differ.
    """

    instant: str | None
    rows: int
    leaks: tuple[Leak, ...]


def travel(spec: Spec, sources: Sequence[Source], progress: Callable[[str], None]) -> list[Cut]:
    """Rebuild the features from what was known, and compare them with the full build.

    Args:
        spec: Names the relation, its features and when its rows are decided.
        sources: What the relation is made of.
        progress: Is told which cut is under way.

    Raises:
        ProjectError: `decided_at` or a `known_at` is not SQL, or the SQL does not run on what was known.
    """
    instants = _choose_instants(spec) if spec.data.time else [None]
    cuts = []
    with reserve_temporary_path(TIME_TRAVEL / "build") as folder:
        project = copy_sql_project(folder)
        for number, instant in enumerate(instants, 1):
            progress(f"{number}/{len(instants)}")
            cuts.append(_compare_cut(spec, sources, project, instant))
    return cuts


def _choose_instants(spec: Spec) -> list[str | None]:
    """Return instants before which about the shares `CUTS` of the rows were decided.

    Of those near a share, the one at its part of the day, and in the midst of its hour: what looks ahead within a day
    shows early, in the midst or late, by what it looks for.
    """
    relation, decided = spec.data.relation, _get_decided_at(spec)
    query = f"""
        with decided as (select {decided} as instant from {relation}),
        placed as (
            select
                instant,
                cume_dist() over (order by instant) as share,
                percent_rank() over (partition by cast(instant as date) order by instant) as part,
                abs(extract(minute from instant) / 60 - 0.4) as off_hour
            from decided where instant is not null
        )
        select cut, arg_min(instant, (greatest(abs(share - cut), {CUT_REACH}), abs(part - of_day) + off_hour, instant))
        from placed, (values {", ".join(map(str, CUTS))}) as cuts (cut, of_day) group by cut order by cut
    """
    with warehouse.connect() as connection:
        try:
            found = connection.execute(query).fetchall()
        except duckdb.Error as error:
            what = f"data.decided_at is not SQL over {relation}: {str(error).splitlines()[0]}"
            raise ProjectError(what, where=str(spec.path), fix="write SQL that gives a timestamp (UTC)") from None
    if not found:
        what = f"no row of {relation} has a time, so that it cannot be said what was known"
        raise ProjectError(what, where=str(spec.path), fix="look at data.time and data.decided_at")
    return list(dict.fromkeys(str(instant) for _, instant in found))


def _get_decided_at(spec: Spec) -> str:
    return f"cast(({spec.data.decided_at or quote_identifier(spec.data.time or '')}) as timestamp)"


def _compare_cut(spec: Spec, sources: Sequence[Source], project: Path, instant: str | None) -> Cut:
    """Build the relation from what was known at an instant, or with altered test rows, and compare its features."""
    with warehouse.connect() as connection:
        cut = {source: _build_query(connection, spec, source, instant) for source in sources}
    try:
        rebuilt = rebuild_features(spec, project, cut)
    except ProjectError as error:
        when = f"was known at {instant}" if instant else "is known without the labels of the test rows"
        what = f"the SQL does not run on what {when}: {error.what}"
        raise ProjectError(what, where=error.where, fix="let it run when later rows and values are missing") from None
    decided = f"{_get_decided_at(spec)} <= timestamp {quote_literal(instant)}" if instant else _hide_test_rows(spec)
    with warehouse.connect() as connection:
        table = Table(spec.data.relation, spec.data.key, str(spec.path))
        rows, found = compare_cells(connection, table, rebuilt.features, spec.features.names, decided)
    late = [f"{s.schema}.{s.table}.{column}" for s in sources for column in s.late_columns]
    traced = [
        Leak(
            *(difference.column, difference.rows, difference.example, difference.value, difference.rebuilt),
            path=tuple(trace_column(rebuilt.manifest, spec.data.relation, difference.column, rebuilt.columns, late)),
        )
        for difference in found
    ]
    return Cut(instant, rows, tuple(traced))


def _build_query(connection: duckdb.DuckDBPyConnection, spec: Spec, source: Source, instant: str | None) -> str:
    if instant:
        return build_cut_query(connection, source, instant)
    column = spec.splits.column if isinstance(spec.splits, HashSplits) else spec.data.key
    names = {name for name, *_ in connection.execute(f"describe select * from {source.relation}").fetchall()}
    # Where nothing tells which rows of the source are tested, none of its labels may be used.
    return build_masked_query(connection, source, _hide_test_rows(spec) if column in names else "true")


def _hide_test_rows(spec: Spec) -> str:
    return f"({build_split_condition(spec, 'test')})"
