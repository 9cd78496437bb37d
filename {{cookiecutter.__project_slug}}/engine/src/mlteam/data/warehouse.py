"""The SQL side: dbt builds and tests what is made of the upstream sources."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from mlteam.core.errors import ProjectError
from mlteam.core.paths import DBT_MANIFEST, WAREHOUSE
from mlteam.data import spark
from mlteam.data.dbt_runs import extract_error_line, run_dbt
from mlteam.data.sources import Source, load_sources
from mlteam.data.targets import PROFILES, Target, load_local_target, load_target


def parse(target: Target | None = None) -> Any:
    """Read the SQL project; what other functions read from dbt's manifest is then up to date.

    Args:
        target: For which engine; that of `load_target` where nothing is said.

    Returns:
        dbt's manifest, which `build` does not have to read again.

    Raises:
        ProjectError: The project cannot be read.
    """
    return run_dbt(["parse"], target or load_target(), DBT_MANIFEST.parent)


def build(
    progress: Callable[[str], None],
    select: Sequence[str] = (),
    target: Target | None = None,
    manifest: Any = None,
) -> set[str]:
    """Check that sources are fresh, then build and test models.

    Args:
        progress: Is told how far dbt has come, such as "37/142".
        select: Which models, in dbt's own words; all of them where nothing is said.
        target: On which engine; that of `load_target` where nothing is said.
        manifest: What `parse` returned for this target, if nothing in sql/ has changed since.

    Returns:
        The names of the models that were built.

    Raises:
        ProjectError: A source is stale, SQL does not run, or a test refuses rows; the first failure is named.
    """
    # A test that compares two tables runs only where both are built.
    chosen = ["--select", *select, "--indirect-selection", "cautious"] if select else []
    engine, folder = target or load_target(), DBT_MANIFEST.parent
    if engine.kind == "spark":
        spark.open_session(engine)
    manifest = manifest or parse(engine)
    # The build writes the manifest again.
    run_dbt(["source", "freshness", *chosen, "--no-write-json"], engine, folder, manifest=manifest)
    done = run_dbt(["build", *chosen], engine, folder, progress=progress, manifest=manifest)
    return {str(result.node.name) for result in done.results if result.node.resource_type == "model"}


def build_apart(project: Path, relation: str) -> Path:
    """Build a relation, and what it is made of, in a copy of the SQL project, without tests.

    Args:
        project: The copy, whose profile points to a warehouse of its own.
        relation: The relation, as schema.table.

    Returns:
        dbt's manifest of the build.

    Raises:
        ProjectError: Some SQL does not run on these rows.
    """
    _, _, table = relation.partition(".")
    command = [
        "build",
        "--select",
        f"+{table}",
        "--exclude-resource-type",
        "test",
        "--exclude-resource-type",
        "unit_test",
    ]
    run_dbt(command, load_local_target(project), project / "target", project)
    return project / "target" / "manifest.json"


@contextmanager
def connect(*, write: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse.

    Args:
        write: Whether tables are written to it, which makes it where there is none.

    Raises:
        ProjectError: It has not been built yet, another process holds it, or a query needs more memory than allowed.
    """
    if not write and not WAREHOUSE.exists():
        raise ProjectError("the warehouse has not been built yet", where=str(WAREHOUSE), fix="run `nox -s data`")
    try:
        connection = duckdb.connect(WAREHOUSE, read_only=not write)
    except duckdb.IOException as error:
        raise ProjectError(
            extract_error_line(str(error)), where=str(WAREHOUSE), fix="close the program that holds it"
        ) from None
    with connection:
        _apply_profile_settings(connection)
        try:
            yield connection
        except duckdb.OutOfMemoryException as error:
            fix = "raise memory_limit, or set fewer threads"
            raise ProjectError(extract_error_line(str(error)), where=str(PROFILES), fix=fix) from None


def _apply_profile_settings(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the settings of dbt's profile: what reads the tables keeps to them as what builds them does."""
    for name, value in load_local_target().settings.get("settings", {}).items():
        connection.execute(f"set {name} = '{value}'")


def read_descriptions(relation: str) -> dict[str, str]:
    """Return what dbt's files say about a relation, under the empty name, and about each of its columns."""
    manifest = json.loads((DBT_MANIFEST).read_text(encoding="utf-8"))
    schema, _, table = relation.partition(".")
    for node in manifest.get("nodes", {}).values():
        if (node["schema"], node["name"], node["resource_type"]) == (schema, table, "model"):
            columns = {name: column["description"] for name, column in node["columns"].items()}
            return {"": node["description"].strip()} | columns
    return {"": ""}


def load_upstream_sources(relation: str, target: Target | None = None) -> list[Source]:
    """Return the declared sources that dbt makes a relation from, as `load_sources` returns them."""
    names = find_upstream_sources(relation)
    return [source for source in load_sources(target) if source.name in names]


def find_upstream_sources(relation: str) -> set[str]:
    """Return the sources, as system.table, that dbt makes a relation from."""
    manifest = json.loads((DBT_MANIFEST).read_text(encoding="utf-8"))
    found = (manifest["sources"][name] for name in _find_upstream(manifest, relation) if name.startswith("source."))
    return {f"{source['source_name']}.{source['name']}" for source in found}


def find_upstream_models(relation: str) -> set[str]:
    """Return the names of the models that dbt makes a relation from, with its own."""
    manifest = json.loads((DBT_MANIFEST).read_text(encoding="utf-8"))
    found = (manifest["nodes"][name] for name in _find_upstream(manifest, relation) if name.startswith("model."))
    return {str(node["name"]) for node in found}


def _find_upstream(manifest: dict[str, Any], relation: str) -> set[str]:
    schema, _, table = relation.partition(".")
    nodes, parents = manifest.get("nodes", {}), manifest.get("parent_map", {})
    waiting = [name for name, node in nodes.items() if (node["schema"], node["name"]) == (schema, table)]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += parents.get(name, [])
    return seen
