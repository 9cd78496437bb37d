"""`remove_pipeline`: take a pipeline out of the repository; git and data/ keep what there was."""

import re
from collections.abc import Iterator
from pathlib import Path

from mlteam.commands.pages import refresh_pages
from mlteam.config import pipelines
from mlteam.core import console, git
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.paths import PIPELINES, PYPROJECT, SQL
from mlteam.data.sources import SOURCES_FILE, load_sources
from mlteam.onboarding import writer
from mlteam.repository.dbt_files import remove_source


def remove_pipeline(name: str) -> list[Path]:
    """Delete the files of a pipeline, as far as nothing else reads them, and its source.

    Args:
        name: The pipeline.

    Returns:
        What was deleted or changed.

    Raises:
        ProjectError: There is no such pipeline, or git does not hold its files as they are.
    """
    known = pipelines.list_pipelines()
    if name not in known:
        raise ProjectError(f"there is no pipeline {name!r}", where=f"{PIPELINES}/", fix=suggest(name, known))
    relation = pipelines.load_spec(name).data.relation
    sql = [path for path in writer.list_new_files(name) if path.is_relative_to(SQL) and path.exists()]
    reader = next(_list_readers(name, relation, set(sql)), None)
    files = [path for path in writer.list_new_files(name) if path.exists() and (not reader or path not in sql)]
    has_source = bool(sql) and not reader and name in {source.system for source in load_sources()}
    git.reject_uncommitted([*files, *([SOURCES_FILE] if has_source else [])])
    for path in files:
        path.unlink()
    if has_source:
        files.append(SOURCES_FILE)
        remove_source(SOURCES_FILE, name)
    if pipelines.forget_default(name):
        files.append(PYPROJECT)
    for path in files:
        console.print_line(f"removed from the repository: {path}" if not path.exists() else f"changed {path}")
    if reader:
        console.print_line(f"its SQL stays: {reader} reads it")
    console.print_line("data/ keeps its snapshots, versions and bundles; `git restore .` brings the files back")
    refresh_pages()
    return files


def _list_readers(name: str, relation: str, own: set[Path]) -> Iterator[str]:
    """Yield what else reads the tables of a pipeline."""
    for other in pipelines.list_pipelines():
        if other != name and pipelines.load_spec(other).data.relation == relation:
            yield f"{PIPELINES}/{other}.toml"
    reads = re.compile(rf"""ref\(\s*['"](stg_{name}(?:__\w+)?|{name}_features)['"]|source\(\s*['"]{name}['"]""")
    for path in sorted(SQL.rglob("*.sql")):
        if path not in own and reads.search(path.read_text(encoding="utf-8")):
            yield path.as_posix()
