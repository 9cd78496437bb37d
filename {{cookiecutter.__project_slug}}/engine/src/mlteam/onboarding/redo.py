"""A table that is brought again: what has changed in it, and the files of before until the new ones are whole."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from mlteam.core import git
from mlteam.core.files import remove
from mlteam.core.paths import DATA, RAW, TABLES
from mlteam.data.sources import SOURCES_FILE, load_sources
from mlteam.onboarding import writer
from mlteam.repository.dbt_files import remove_source


def list_copies(name: str) -> list[Path]:
    """Return the copies of a pipeline's tables in data/tables/."""
    return [*TABLES.glob(f"{name}.*"), *TABLES.glob(f"{name}__*")]


def read_columns(name: str) -> list[str]:
    """Return the columns of a pipeline's staging model, or none where it has no such file."""
    path = writer.STAGING / f"stg_{name}.yml"
    if not path.is_file():
        return []
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [column["name"] for model in described["models"] for column in model.get("columns", [])]


def describe_changes(before: Iterable[str], now: Iterable[str]) -> str:
    """Return which columns have come and which have gone."""
    before, now = list(before), list(now)
    came, gone = [c for c in now if c not in before], [c for c in before if c not in now]
    parts = [f"new: {', '.join(came)}"] if came else []
    parts += [f"gone: {', '.join(gone)}"] if gone else []
    return f"columns {'; '.join(parts)}" if parts else "the columns are those of before"


@contextmanager
def set_aside(name: str) -> Iterator[None]:
    """Take the files, the source and the rows of a pipeline away, and bring them back if the block fails.

    Snapshots, versions and launches stay: the pipeline keeps its history.

    Raises:
        ProjectError: Git does not hold the files as they are.
    """
    files = [path for path in writer.list_new_files(name) if path.exists()]
    if not files:
        yield
        return
    git.reject_uncommitted([*files, SOURCES_FILE])
    sources, copies = SOURCES_FILE.read_bytes(), list_copies(name)
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA, prefix=".redo-") as folder:
        moved = {path: Path(folder) / str(place) for place, path in enumerate([*files, RAW / name]) if path.exists()}
        copied = {path: Path(folder) / path.name for path in copies}
        for path, target in copied.items():
            # The table that is brought may be this very file.
            shutil.copyfile(path, target)
        for path, target in moved.items():
            path.rename(target)
        if name in {source.system for source in load_sources()}:
            remove_source(SOURCES_FILE, name)
        try:
            yield
        except BaseException:
            for path, target in {**moved, **copied}.items():
                remove(path)
                target.replace(path)
            SOURCES_FILE.write_bytes(sources)
            raise
