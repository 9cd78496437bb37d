"""The team's store: one folder or bucket that every clone of the repository reads and writes.

It holds what data/ holds, by the same paths: snapshots, bundles, the pointers to them, tables that were brought. What
is named by its content is written once, its last file last. Without a store each clone works alone.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath

from mlteam.core.errors import ProjectError
from mlteam.core.files import remove, reserve_temporary_path, write_atomically
from mlteam.core.paths import DATA, PYPROJECT, STORE_VARIABLE
from mlteam.core.project_settings import read_project_setting

WHERE = f"store under [tool.mlteam] in {PYPROJECT}, or {STORE_VARIABLE}"
# What a store says that will say the same again: wrong keys, no permission, no such bucket.
DENIED = re.compile(
    r"denied|access.?key|signature|token|bucket does not exist|no.?such.?bucket|HTTP status 40[134]|read-only",
    re.IGNORECASE,
)
# Buckets tell time in whole seconds.
CLOCK_SECONDS = 2


class Store:
    """A folder, or a bucket, with the files of data/.

    Args:
        address: An absolute path, or an address such as s3://bucket/folder.
    """

    def __init__(self, address: str) -> None:
        from pyarrow import fs  # takes a while, and most teams and commands need none of it

        self.address = address
        with self._explain_errors():
            self._files, root = (
                fs.FileSystem.from_uri(address) if "://" in address else (fs.LocalFileSystem(), str(Path(address)))
            )
        self._root = PurePosixPath(Path(root).as_posix())
        if self.folder and not self.folder.is_absolute():
            raise ProjectError(f"{address!r} is neither an absolute path nor an address", where=WHERE, fix=_FIX)

    @property
    def folder(self) -> Path | None:
        """Its folder, where it is one of this machine."""
        return Path(self._root) if self._files.type_name == "local" else None

    def push_file(self, path: Path) -> None:
        """Copy a file of data/ to the store, whole or not at all."""
        with self._explain_errors():
            self._check_there()
            self._upload(path)

    def push_folder(self, folder: Path, last: str, *, again: bool = False) -> None:
        """Copy a folder of data/ to the store, unless it is there.

        Args:
            folder: Named by its content.
            last: The file that is written last: a folder without it does not count.
            again: Copy it in any case.
        """
        with self._explain_errors():
            self._check_there()
            if self._exists(folder / last) and not again:
                return
            files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / last)
            for path in (*files, folder / last):
                self._upload(path)

    def pull_file(self, path: Path) -> bool:
        """Copy a file from the store to data/; return whether the store has it."""
        with self._explain_errors():
            self._check_there()
            if not self._exists(path):
                return False
            with write_atomically(path) as part:
                self._download(self._locate(path), part)
        return True

    def sync_file(self, path: Path) -> str:
        """Copy a file of data/ to the store or from it, whichever is newer.

        Returns:
            `pushed`, `pulled`, or nothing where both are alike or neither is there.
        """
        with self._explain_errors():
            self._check_there()
            theirs = self._files.get_file_info(self._locate(path)).mtime_ns / 1e9 if self._exists(path) else 0.0
            ours = path.stat().st_mtime if path.is_file() else 0.0
            if abs(ours - theirs) <= CLOCK_SECONDS:
                return ""
            pushed = ours > theirs
            if pushed:
                self._upload(path)
                theirs = self._files.get_file_info(self._locate(path)).mtime_ns / 1e9
            else:
                with write_atomically(path) as part:
                    self._download(self._locate(path), part)
            os.utime(path, (theirs, theirs))
        return "pushed" if pushed else "pulled"

    def pull_folder(self, folder: Path, last: str) -> bool:
        """Copy a folder from the store to data/; return whether the store has it, with its last file."""
        from pyarrow.fs import FileSelector

        with self._explain_errors():
            self._check_there()
            if not self._exists(folder / last):
                return False
            remove(folder)
            root = PurePosixPath(self._locate(folder))
            with reserve_temporary_path(folder) as part:
                for found in self._files.get_file_info(FileSelector(str(root), recursive=True)):
                    if found.is_file:
                        inside = PurePosixPath(found.path).relative_to(root)
                        if ".." in inside.parts:  # a bucket takes any name
                            raise ValueError(f"{found.path} would leave the folder")
                        target = part / inside
                        target.parent.mkdir(parents=True, exist_ok=True)
                        self._download(found.path, target)
                part.rename(folder)
        return True

    def _locate(self, path: Path) -> str:
        return str(self._root / path.relative_to(DATA).as_posix())

    def _exists(self, path: Path) -> bool:
        return bool(self._files.get_file_info(self._locate(path)).is_file)

    def _check_there(self) -> None:
        """Refuse a folder that is not there: it would be made on this machine's own disk."""
        if self.folder and not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder {self.folder}")

    def _upload(self, path: Path) -> None:
        from pyarrow import fs

        target = self._locate(path)
        if self.folder:
            with write_atomically(Path(target)) as part:
                fs.copy_files(str(path.absolute()), str(part), self._files, self._files)
        else:
            fs.copy_files(str(path.absolute()), target, fs.LocalFileSystem(), self._files)

    def _download(self, source: str, target: Path) -> None:
        from pyarrow import fs

        fs.copy_files(source, str(target.absolute()), self._files, fs.LocalFileSystem())

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        """Say in two lines what the store could not do."""
        try:
            yield
        except (OSError, ValueError) as error:
            message = " ".join(str(error).split())[:200]
            said = "denies access" if DENIED.search(message) else "does not answer"
            raise ProjectError(f"the store {self.address} {said}: {message}", where=WHERE, fix=_FIX) from None


_FIX = f"check address and permissions, or set {STORE_VARIABLE}= to work without it"
_open = cache(Store)


def open_store() -> Store | None:
    """Open the store that MLTEAM_STORE or pyproject.toml names; None where each clone works alone.

    Raises:
        ProjectError: The address is none.
    """
    address = os.environ.get(STORE_VARIABLE)
    if address is None:
        address = read_project_setting("store")
    return _open(address) if address else None


def push_folder(folder: Path, last: str, *, again: bool = False) -> None:
    """Copy a folder of data/ to the store, if the team has one."""
    if store := open_store():
        store.push_folder(folder, last, again=again)


def pull_folder(folder: Path, last: str) -> None:
    """Copy a folder from the store to data/, if the team has one and it is not here."""
    if not (folder / last).exists() and (store := open_store()):
        store.pull_folder(folder, last)


def sync_file(path: Path) -> str:
    """Copy a file of data/ to the store or from it, whichever is newer, if the team has one; return what was done."""
    store = open_store()
    return store.sync_file(path) if store else ""
