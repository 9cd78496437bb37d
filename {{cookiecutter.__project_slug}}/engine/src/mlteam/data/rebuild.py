"""Features built once more from other rows, in a scratch copy of the SQL project and the warehouse."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from mlteam.config.spec import Spec
from mlteam.core.paths import SQL
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.data import warehouse
from mlteam.data.lineage import Columns
from mlteam.data.sources import SOURCES_FILE, Source
from mlteam.data.targets import LOCAL


@dataclass(frozen=True)
class Rebuilt:
    """What a build gave.

    Attributes:
        features: A Parquet file of the relation.
        manifest: dbt's manifest of the build.
        columns: The columns of all its tables and their types, by database, schema and table.
        warehouse: The database of the build.
    """

    features: Path
    manifest: Path
    warehouse: Path
    columns: Columns


def copy_sql_project(folder: Path) -> Path:
    """Copy sql/ into a folder, with a warehouse of its own in which every source is a table.

    Returns:
        The folder of the copy.
    """
    project = folder / SQL
    shutil.copytree(SQL, project, ignore=shutil.ignore_patterns("target", "logs"))
    profiles = yaml.safe_load((project / "profiles.yml").read_text(encoding="utf-8"))
    # What other engines have is here as well, and rebuilt here.
    outputs = profiles["warehouse"]["outputs"]
    name, local = next((name, output) for name, output in outputs.items() if output["type"] == LOCAL)
    local["path"] = str((folder / "warehouse.duckdb").absolute())
    profiles["warehouse"] = {"target": name, "outputs": {name: local}}
    (project / "profiles.yml").write_text(yaml.safe_dump(profiles), encoding="utf-8")
    declared = folder / SOURCES_FILE
    content = yaml.safe_load(declared.read_text(encoding="utf-8"))
    for system in content["sources"]:
        for part in (system, *system["tables"]):
            (part.get("config") or {}).get("meta", {}).pop("external_location", None)
    declared.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return project


def rebuild_features(spec: Spec, project: Path, queries: Mapping[Source, str]) -> Rebuilt:
    """Build the relation of a pipeline from other rows.

    Args:
        spec: Names the relation.
        project: The copy of the SQL project.
        queries: SQL over the warehouse that selects the rows of each source.

    Raises:
        ProjectError: The SQL does not run on these rows.
    """
    folder = project.parent
    files = {source: folder / f"{source.system}.{source.table}.parquet" for source in queries}
    with warehouse.connect() as connection:
        for source, query in queries.items():
            connection.execute(f"copy ({query}) to {quote_literal(str(files[source]))}")
    database = folder / "warehouse.duckdb"
    with duckdb.connect(database) as scratch:
        for source, file in files.items():
            schema, path = quote_identifier(source.schema), quote_literal(str(file.absolute()))
            scratch.execute(f"create schema if not exists {schema}")
            view = f"{schema}.{quote_identifier(source.table)}"
            scratch.execute(f"create or replace view {view} as select * from read_parquet({path})")
    manifest = warehouse.build_apart(project, spec.data.relation)
    features = folder / "features.parquet"
    with duckdb.connect(database) as scratch:
        scratch.execute(f"copy {spec.data.relation} to {quote_literal(str(features))}")
        return Rebuilt(features, manifest, database, _read_columns(scratch))


def _read_columns(connection: duckdb.DuckDBPyConnection) -> Columns:
    query = """
        select table_catalog, table_schema, table_name, column_name, data_type
        from information_schema.columns where table_catalog = current_database()
    """
    found: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for database, schema, table, column, kind in connection.execute(query).fetchall():
        found.setdefault(database, {}).setdefault(schema, {}).setdefault(table, {})[column] = kind
    return found
