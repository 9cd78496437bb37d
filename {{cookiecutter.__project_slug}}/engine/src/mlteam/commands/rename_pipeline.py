"""`rename_pipeline`: give a pipeline, its SQL and what refers to them another name."""

import re
from pathlib import Path

from mlteam.commands.pages import refresh_pages
from mlteam.config import pipelines
from mlteam.core import console, git
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.paths import PIPELINES
from mlteam.data.sources import SOURCES_FILE
from mlteam.onboarding import writer
from mlteam.onboarding.names import reject_pipeline_name

TEXTS = {".sql", ".yml", ".yaml", ".toml", ".md", ".py", ".json", ""}


def rename_pipeline(old: str, new: str) -> list[Path]:
    """Move the files of a pipeline, and change the words that name them in every text that git lists.

    The name of the source stays: it is upstream's.

    Args:
        old: The pipeline.
        new: Its new name.

    Returns:
        What was moved or changed.

    Raises:
        ProjectError: There is no such pipeline, the new name is taken or not valid, or a file is not committed.
    """
    known = pipelines.list_pipelines()
    if old not in known:
        raise ProjectError(f"there is no pipeline {old!r}", where=f"{PIPELINES}/", fix=suggest(old, known))
    reject_pipeline_name(new)
    moved = {path: _rename_file(path, old, new) for path in writer.list_new_files(old) if path.exists()}
    if there := next((target for target in moved.values() if target.exists()), None):
        raise ProjectError(f"the name {new!r} is taken", where=there.as_posix(), fix="choose another name")
    changed = _replace_name(old, new)
    git.reject_uncommitted([*moved, *changed])
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    for path, target in moved.items():
        path.rename(target)
        console.print_line(f"moved {path} to {target}")
    rest = sorted(changed.keys() - moved.keys())
    for path in rest:
        console.print_line(f"changed {path}")
    console.print_line(f"data/ and the registry keep what was made as {old}: snapshots, versions, launches")
    console.print_line(f"next: nox -s pipeline -- --pipeline {new}")
    refresh_pages()
    return [*moved.values(), *rest]


def _rename_file(path: Path, old: str, new: str) -> Path:
    """Return what a file of the pipeline is called under the new name."""
    stem = re.sub(rf"^(stg_)?{old}(?=__|_features$|$)", rf"\g<1>{new}", path.stem)
    return path.with_name(f"{stem}{path.suffix}")


def _replace_name(old: str, new: str) -> dict[Path, str]:
    """Return the texts that name a pipeline or its tables, with the new name in its place."""
    places = r"stg_|features\.|pipelines/|examples/|--pipeline[ =]|MODEL_PIPELINE[:=] ?|pipeline = \""
    pattern = re.compile(rf"(?<!\w)({places}|){old}(?=(_features|__\w+)?\b)")

    def replace(match: re.Match[str]) -> str:
        return f"{match[1]}{new}" if match[1] or match[2] else match[0]

    changed = {}
    for path in git.list_files():
        if path.suffix in TEXTS and path != SOURCES_FILE:
            before = path.read_text(encoding="utf-8", errors="surrogateescape")
            if (text := pattern.sub(replace, before)) != before:
                changed[path] = text
    return changed
