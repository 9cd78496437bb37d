"""dbt in this process, through the interface that it offers to programs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import yaml

from mlteam.core.errors import ProjectError
from mlteam.core.files import write_atomically
from mlteam.core.paths import DATA, DBT, SQL, WAREHOUSE
from mlteam.data.targets import LOCAL, Target


def run_dbt(
    command: list[str],
    target: Target,
    folder: Path,
    project: Path = SQL,
    progress: Callable[[str], None] = lambda _: None,
    manifest: Any = None,
) -> Any:
    """Run a command of dbt.

    Args:
        command: Its words without folders and target.
        target: The engine.
        folder: Where dbt writes what it has done.
        project: The SQL project.
        progress: Is told how far dbt has come, such as "37/142".
        manifest: What an earlier `parse` returned, if nothing in the project has changed since.

    Returns:
        What dbt's interface returns for this command.

    Raises:
        ProjectError: It failed; the first failure is named.
    """
    # Imported here because it takes two seconds, which other commands should not cost.
    from dbt.cli.main import dbtRunner

    def listen(event: Any) -> None:
        if event.info.name == "LogStartLine":
            progress(f"{event.data.index}/{event.data.total}")

    folders = {"--project-dir": project, "--profiles-dir": _write_profile(project, folder)}
    options = folders | {"--target-path": folder.absolute(), "--log-path": DBT / "logs", "--target": target.name}
    given = [str(part) for option in options.items() for part in option]
    DATA.mkdir(exist_ok=True)
    with _keep_open(target, command):
        result = dbtRunner(manifest=manifest, callbacks=[listen]).invoke(
            [*command, *given, "--quiet", "--log-level", "none"]
        )
    failed = [r for r in getattr(result.result, "results", []) if r.status in ("error", "fail", "runtime error")]
    if failed:
        raise _explain_failure(failed)
    if not result.success:
        raise ProjectError(
            extract_error_line(str(result.exception)), where=f"{SQL}/", fix=f"details: {DBT / 'logs' / 'dbt.log'}"
        )
    return result.result


def _write_profile(project: Path, folder: Path) -> Path:
    """Write the profile of a project with the one setting that this process needs; return the folder.

    dbt keeps DuckDB's file open for writing until the process ends, which shuts out every reader.
    """
    profiles = yaml.safe_load((project / "profiles.yml").read_text(encoding="utf-8"))
    for output in profiles["warehouse"]["outputs"].values():
        if output.get("type") == LOCAL:
            output["keep_open"] = False
    with write_atomically(folder / "profiles.yml") as part:
        part.write_text(yaml.safe_dump(profiles), encoding="utf-8")
    return folder


@contextmanager
def _keep_open(target: Target, command: list[str]) -> Iterator[None]:
    """Keep the file of the warehouse open while dbt works: opening it for each model and test takes a second in all."""
    if not target.is_local or command[0] == "parse":
        yield
        return
    try:
        connection = duckdb.connect(target.settings["path"], config=dict(target.settings.get("config_options", {})))
    except duckdb.IOException as error:
        what = extract_error_line(str(error))
        raise ProjectError(what, where=str(WAREHOUSE), fix="close the program that holds it") from None
    with connection:
        yield


def _explain_failure(failed: list[Any]) -> ProjectError:
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
            f"test {first.node.name} failed: {extract_error_line(seen)}{more}",
            where=where,
            fix=f"see the rows: {shown}",
        )
    return ProjectError(
        f"{first.node.name}: {extract_error_line(first.message or '')}{more}",
        where=where,
        fix="fix the SQL or the source data",
    )


def extract_error_line(message: str) -> str:
    """Return the line of an error of dbt or DuckDB that says what is wrong."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    named = (line for line in lines if "Error:" in line and not line.endswith("Error:"))
    # A file that is not YAML comes as a heading, the file and the line.
    return next(named, " ".join(lines[1:3]) or "".join(lines) or "no message")
