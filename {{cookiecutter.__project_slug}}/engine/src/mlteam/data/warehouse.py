"""The SQL side: dbt builds and tests what is made of the upstream sources."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import yaml

from mlteam.core.errors import ProjectError
from mlteam.core.paths import DATA, DBT, DBT_MANIFEST, SQL, WAREHOUSE
from mlteam.data import spark
from mlteam.data.sources import Source, load_sources
from mlteam.data.targets import LOCAL, PROFILES, Target, load_target


def parse(target: Target | None = None) -> Any:
    """Read the SQL project; what other functions read from dbt's manifest is then up to date.

    Args:
        target: For which engine; that of `load_target` where nothing is said.

    Returns:
        dbt's manifest, which `build` does not have to read again.

    Raises:
        ProjectError: The project cannot be read.
    """
    return _run_dbt(["parse", "--target", (target or load_target()).name], lambda _: None)


def build(
    progress: Callable[[str], None],
    select: Sequence[str] = (),
    target: Target | None = None,
    manifest: Any = None,
) -> None:
    """Check that sources are fresh, then build and test models.

    Args:
        progress: Is told how far dbt has come, such as "37/142".
        select: Which models, in dbt's own words; all of them where nothing is said.
        target: On which engine; that of `load_target` where nothing is said.
        manifest: What `parse` returned for this target, if nothing in sql/ has changed since.

    Raises:
        ProjectError: A source is stale, SQL does not run, or a test refuses rows; the first failure is named.
    """
    # A test that compares two tables runs only where both are built.
    chosen = ["--select", *select, "--indirect-selection", "cautious"] if select else []
    engine = target or load_target()
    chosen += ["--target", engine.name]
    if engine.kind == "spark":
        spark.open_session(engine)
    manifest = manifest or parse(engine)
    # The build writes the manifest again.
    _run_dbt(["source", "freshness", *chosen, "--no-write-json"], lambda _: None, manifest=manifest)
    _run_dbt(["build", *chosen], progress, manifest=manifest)


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
    _run_dbt(command, lambda _: None, project=project, target=project / "target")
    return project / "target" / "manifest.json"


def _run_dbt(
    command: list[str],
    progress: Callable[[str], None],
    project: Path = SQL,
    target: Path = DBT_MANIFEST.parent,
    manifest: Any = None,
) -> Any:
    # Imported here because it takes two seconds, which other commands should not cost.
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    def listen(event: Any) -> None:
        if event.info.name == "LogStartLine":
            progress(f"{event.data.index}/{event.data.total}")

    folders = [
        "--project-dir",
        str(project),
        "--profiles-dir",
        str(project),
        "--target-path",
        str(target.absolute()),
    ]
    silent = ["--quiet", "--log-level", "none", "--log-path", str(DBT / "logs")]
    DATA.mkdir(exist_ok=True)
    result = dbtRunner(manifest=manifest, callbacks=[listen]).invoke([*command, *folders, *silent])
    # dbt keeps the file open for writing, which shuts out every reader, also in this process.
    DuckDBConnectionManager.close_all_connections()
    failed = [r for r in getattr(result.result, "results", []) if r.status in ("error", "fail", "runtime error")]
    if failed:
        raise _explain_dbt_failure(failed)
    if not result.success:
        raise ProjectError(
            _extract_error_line(str(result.exception)), where=f"{SQL}/", fix=f"details: {DBT / 'logs' / 'dbt.log'}"
        )
    return result.result


def _explain_dbt_failure(failed: list[Any]) -> ProjectError:
    first = failed[0]
    where = f"{SQL}/{first.node.original_file_path}"
    more = f"; {len(failed) - 1} more like it" if len(failed) > 1 else ""
    if first.node.resource_type == "source":
        what = f"source {first.node.source_name}.{first.node.name} is stale or cannot be read{more}"
        return ProjectError(what, where=where, fix=f"ask its owner ({first.node.config.meta.get('owner')})")
    if first.status == "fail":
        seen = first.message or ""
        compiled = Path(first.node.compiled_path or "")
        shown = compiled.relative_to(Path.cwd()) if compiled.is_absolute() else compiled
        return ProjectError(
            f"test {first.node.name} failed: {_extract_error_line(seen)}{more}",
            where=where,
            fix=f"see the rows: {shown}",
        )
    return ProjectError(
        f"{first.node.name}: {_extract_error_line(first.message or '')}{more}",
        where=where,
        fix="fix the SQL or the source data",
    )


def _extract_error_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    named = (line for line in lines if "Error:" in line and not line.endswith("Error:"))
    # A file that is not YAML comes as a heading, the file and the line.
    return next(named, " ".join(lines[1:3]) or "".join(lines) or "no message")


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
            _extract_error_line(str(error)), where=str(WAREHOUSE), fix="close the program that holds it"
        ) from None
    with connection:
        _apply_profile_settings(connection)
        try:
            yield connection
        except duckdb.OutOfMemoryException as error:
            fix = "raise memory_limit, or set fewer threads"
            raise ProjectError(_extract_error_line(str(error)), where=str(PROFILES), fix=fix) from None


def _apply_profile_settings(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the settings of dbt's profile: what reads the tables keeps to them as what builds them does."""
    profile = yaml.safe_load(PROFILES.read_text(encoding="utf-8"))["warehouse"]
    local = next(output for output in profile["outputs"].values() if output["type"] == LOCAL)
    for name, value in local.get("settings", {}).items():
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
    schema, _, table = relation.partition(".")
    nodes, parents = manifest.get("nodes", {}), manifest.get("parent_map", {})
    waiting = [name for name, node in nodes.items() if (node["schema"], node["name"]) == (schema, table)]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += parents.get(name, [])
    found = (manifest["sources"][name] for name in seen if name.startswith("source."))
    return {f"{source['source_name']}.{source['name']}" for source in found}
