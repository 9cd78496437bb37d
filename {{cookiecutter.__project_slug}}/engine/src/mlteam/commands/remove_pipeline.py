"""`remove_pipeline`: take a pipeline out of the repository; git and data/ keep what there was."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from mlteam.commands.pages import refresh_pages
from mlteam.config import pipelines
from mlteam.core import console
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.files import write_atomically
from mlteam.core.paths import PIPELINES, SQL
from mlteam.data.sources import SOURCES_FILE
from mlteam.onboarding import writer


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
    sources = _remove_source(name) if sql and not reader else None
    _check_committed([*files, *([SOURCES_FILE] if sources is not None else [])])
    for path in files:
        path.unlink()
    if sources is not None:
        files.append(SOURCES_FILE)
        _write_or_remove(SOURCES_FILE, sources)
    if pipelines.forget_default(name):
        files.append(pipelines.PYPROJECT)
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
    reads = re.compile(rf"""ref\(\s*['"](stg_{name}|{name}_features)['"]|source\(\s*['"]{name}['"]""")
    for path in sorted(SQL.rglob("*.sql")):
        if path not in own and reads.search(path.read_text(encoding="utf-8")):
            yield path.as_posix()


def _remove_source(name: str) -> str | None:
    """Return sources.yml without the entry of a source; None where it has none, an empty text where it was the last."""
    text = SOURCES_FILE.read_text(encoding="utf-8") if SOURCES_FILE.exists() else ""
    entries = re.split(r"(?m)^(?=  - name: )", text)
    left = [entry for entry in entries if not re.match(rf"""  - name: ['"]?{re.escape(name)}['"]?\s*$""", entry, re.M)]
    if len(left) == len(entries):
        return None
    return "".join(left).rstrip() + "\n" if len(left) > 1 else ""


def _write_or_remove(path: Path, text: str) -> None:
    if not text:
        path.unlink()
        return
    with write_atomically(path) as part:
        part.write_text(text, encoding="utf-8")


def _check_committed(files: list[Path]) -> None:
    """Refuse to delete what git could not bring back."""
    command = ["git", "status", "--porcelain", "--", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or done.stdout.strip():
        changed = done.stdout.split("\n")[0][3:] or str(files[0])
        raise ProjectError("git does not hold this file as it is", where=changed, fix="commit it first")
