"""Files that are either whole or not there."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from mlteam.core.errors import ProjectError


@contextmanager
def reserve_temporary_path(target: Path) -> Iterator[Path]:
    """Hand out a temporary name beside `target` for a file or folder, and clear away what is left there at the end.

    A killed process leaves its temporary name behind; the next call for the same target removes it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{target.name}.*.part"):
        remove(stale)
    part = target.parent / f".{target.name}.{uuid.uuid4().hex}.part"
    try:
        yield part
    finally:
        remove(part)


@contextmanager
def write_atomically(target: Path) -> Iterator[Path]:
    """Hand out a temporary name and rename it to `target` in one step once the block has succeeded."""
    with reserve_temporary_path(target) as part:
        yield part
        part.replace(target)


@contextmanager
def hold_lock(path: Path, what: str, fix: str, seconds: float = 0) -> Iterator[None]:
    """Let one process at a time do something.

    The operating system releases the lock of a process that ends, however it ends.

    Args:
        path: The file of the lock, which stays.
        what: What is said where another process holds it for longer than `seconds`.
        fix: What to do then.
        seconds: How long to wait.

    Raises:
        ProjectError: Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path, timeout=seconds)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ProjectError(what, where=str(path), fix=fix) from None
    try:
        yield
    finally:
        lock.release()


def remove(path: Path) -> None:
    """Remove a file or a folder; nothing happens where there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(target: Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all."""
    with write_atomically(target) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
