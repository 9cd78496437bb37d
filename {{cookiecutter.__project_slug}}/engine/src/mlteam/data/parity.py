"""Whether another engine and the one here build the same table from the same rows."""

from dataclasses import dataclass

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path
from mlteam.core.paths import PARITY
from mlteam.core.sql import fetch_one, quote_literal
from mlteam.data import warehouse
from mlteam.data.cells import Difference, Table, compare_cells, find_lone_keys
from mlteam.data.lineage import trace_column
from mlteam.data.rebuild import Rebuilt, copy_sql_project, rebuild_features
from mlteam.data.targets import Target


@dataclass(frozen=True)
class Parity:
    """What two builds of one relation have in common.

    Attributes:
        rows: Number of rows that both have.
        columns: Number of columns that were compared.
        differences: The columns that differ, each with the SQL models that carry it.
        lone: Number and first key of the rows that only the other engine has, then of those that only this one has.
        missing: Columns of one build that the other lacks.
    """

    rows: int
    columns: int
    differences: tuple[tuple[Difference, tuple[str, ...]], ...]
    lone: tuple[tuple[int, str], tuple[int, str]]
    missing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether both are the same."""
        return not (self.differences or self.missing or any(count for count, _ in self.lone))


def check_parity(spec: Spec, engine: Target) -> Parity:
    """Build a relation here from the sources of another engine, and compare it with what that engine has built.

    Args:
        spec: Names the relation and its key.
        engine: The other engine, whose sources and relation have been copied to the warehouse here.

    Raises:
        ProjectError: The SQL does not run here.
    """
    used = warehouse.load_upstream_sources(spec.data.relation, engine)
    queries = {source: f"select * from {source.relation}" for source in used}
    table = Table(spec.data.relation, spec.data.key, str(spec.path))
    with reserve_temporary_path(PARITY / "build") as folder:
        try:
            rebuilt = rebuild_features(spec, copy_sql_project(folder), queries)
        except ProjectError as error:
            what = f"the SQL of {spec.data.relation} runs on {engine.name} ({engine.kind}), but not here: {error.what}"
            raise ProjectError(what, where=error.where, fix="write SQL that both engines run") from None
        return _compare(spec, table, rebuilt)


def _compare(spec: Spec, table: Table, rebuilt: Rebuilt) -> Parity:
    with warehouse.connect() as connection:
        there, here = (
            set(fetch_one(connection, f"select list(column_name) from (describe select * from {relation})")[0])
            for relation in (table.relation, f"read_parquet({quote_literal(str(rebuilt.features))})")
        )
        common = sorted(there & here)
        rows, found = compare_cells(connection, table, rebuilt.features, common)
        lone = find_lone_keys(connection, table, rebuilt.features)
    traced = tuple(
        (difference, tuple(trace_column(rebuilt.manifest, spec.data.relation, difference.column, rebuilt.columns, ())))
        for difference in found
    )
    return Parity(rows, len(common), traced, lone, tuple(sorted(there ^ here)))
