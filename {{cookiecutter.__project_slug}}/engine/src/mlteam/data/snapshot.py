"""Immutable, content-addressed data sets: what a model was trained on can be opened again years later.

A snapshot is a folder data/snapshots/PIPELINE/DIGEST/:

rows/           the rows as Parquet files in parts, ordered by time and key
metadata.json   digest, provenance, the sources it came from, a profile of every column, the anonymization check
croissant.json  the same for other people's tools, as MLCommons Croissant
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet

from mlteam.config.spec import Spec
from mlteam.config.team import load_team
from mlteam.core import provenance, sql, store
from mlteam.core.errors import NotCreatedError, ProjectError
from mlteam.core.files import compute_sha256, reserve_temporary_path, write_atomically, write_json
from mlteam.core.paths import DBT_MANIFEST, SNAPSHOTS
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.data import anonymity, croissant, validation, warehouse
from mlteam.data.digest import shorten_digest
from mlteam.data.parts import PARTS, list_parts, write_parts
from mlteam.data.sources import Source
from mlteam.data.table_files import BATCH_ROWS

METADATA_FILE = "metadata.json"
Check = Callable[[duckdb.DuckDBPyConnection, Spec], None]


class FileState(NamedTuple):
    """A file, its size in bytes and its time of change in nanoseconds."""

    path: Path
    size: int
    changed_at: int


@dataclass(frozen=True)
class Snapshot:
    """One snapshot on disk; `metadata` is the content of its metadata.json."""

    folder: Path
    metadata: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        return str(self.metadata["digest"])

    @property
    def hashes(self) -> dict[Path, str]:
        """The files of rows in their order, with the SHA-256 of each."""
        return {self.folder / name: sha256 for name, sha256 in _list_files(self.metadata).items()}

    @property
    def source(self) -> str:
        """What SQL selects the rows from, in their order."""
        return f"read_parquet([{', '.join(quote_literal(str(path)) for path in self.hashes)}])"

    @property
    def file_states(self) -> tuple[FileState, ...]:
        """The files of rows as they are now: what was read of another state is old."""
        return tuple(_read_state(path) for path in self.hashes)


def take(spec: Spec, checks: Sequence[Check] = ()) -> Snapshot:
    """Freeze the pipeline's relation as the newest snapshot; the same rows give the one that is already there.

    Args:
        spec: Names the relation, and what its rows must be.
        checks: Further checks of the relation; each raises ProjectError where it finds something.

    Raises:
        ProjectError: The relation misses a column that the spec names, or its rows cannot train a model.
    """
    with warehouse.connect() as connection:
        taken = freeze(connection, spec, checks)
    with write_atomically(SNAPSHOTS / spec.name / "newest") as pointer:
        pointer.write_text(shorten_digest(taken.digest) + "\n", encoding="utf-8")
    return taken


def freeze(
    connection: duckdb.DuckDBPyConnection, spec: Spec, checks: Sequence[Check] = (), as_of: str | None = None
) -> Snapshot:
    """Freeze the pipeline's relation without making it the newest snapshot.

    Args:
        connection: A database with the relation and its sources.
        spec: As for `take`.
        checks: As for `take`.
        as_of: The instant (UTC) whose sources the relation was made from, where these are not the newest.

    Raises:
        ProjectError: As for `take`.
    """
    home = SNAPSHOTS / spec.name
    with reserve_temporary_path(home / "snapshot") as part:
        validation.check_relation(connection, spec)
        for check in checks:
            check(connection, spec)
        hidden = anonymity.check_privacy(connection, spec.data.relation, spec.privacy, str(spec.path))
        part.mkdir()
        digest = write_parts(_read_ordered_rows(connection, spec), part)
        folder = home / shorten_digest(digest)
        # What was known in the past may be all that there is now: the rows stay, and what is said of them is new.
        known = _read_metadata(folder) if folder.exists() else None
        renewed = as_of is None and bool(known and known.get("as_of"))
        if renewed or not known:
            metadata = _collect_metadata(connection, spec, digest, list_parts(part))
            metadata |= {"privacy": hidden, "as_of": as_of} | ({"files": _list_files(known)} if known else {})
            target = folder if renewed else part
            write_json(target / "croissant.json", croissant.build_croissant(metadata, _collect_dataset_info(spec)))
            write_json(target / METADATA_FILE, metadata)
            if not renewed:
                part.rename(folder)
    store.push_folder(folder, METADATA_FILE, again=renewed)
    return load(spec.name, digest)


def _read_state(path: Path) -> FileState:
    status = path.stat()
    return FileState(path.absolute(), status.st_size, status.st_mtime_ns)


@cache
def _hash_rows(state: FileState) -> str:
    """Hash the rows once in a process, however many commands open the snapshot; a changed file is hashed again."""
    return compute_sha256(state.path)


def _list_files(metadata: dict[str, Any]) -> dict[str, str]:
    """Return the names of the files of rows, and the SHA-256 of each; earlier releases wrote one, of another name."""
    files: dict[str, str] = metadata.get("files") or {"data.parquet": metadata["parquet_sha256"]}
    return files


def _read_metadata(folder: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
    return metadata


def load_newest(pipeline: str) -> Snapshot:
    """Return the snapshot taken last."""
    pointer = SNAPSHOTS / pipeline / "newest"
    if not pointer.exists():
        raise NotCreatedError("no snapshot yet", where=str(pointer.parent), fix="run `nox -s data`")
    return load(pipeline, pointer.read_text(encoding="utf-8").strip())


def load_previous(snapshot: Snapshot) -> Snapshot | None:
    """Return the snapshot of the same pipeline that was taken last before this one, if there is any."""
    taken = {}
    for path in snapshot.folder.parent.glob(f"*/{METADATA_FILE}"):
        metadata = _read_metadata(path.parent)
        # One of the past says nothing about what came before.
        if not metadata.get("as_of"):
            # Of two in the same second, the file that was written first.
            taken[metadata["created_at"], path.stat().st_mtime_ns] = metadata["digest"]
    now = snapshot.metadata["created_at"], (snapshot.folder / METADATA_FILE).stat().st_mtime_ns
    before = max((moment for moment in taken if moment < now), default=None)
    return load(str(snapshot.metadata["pipeline"]), taken[before]) if before else None


def load(pipeline: str, digest: str) -> Snapshot:
    """Open a snapshot by its digest, or the first 12 digits of it.

    Raises:
        ProjectError: It is not there, or its rows are not those that were written.
    """
    folder = SNAPSHOTS / pipeline / shorten_digest(digest)
    store.pull_folder(folder, METADATA_FILE)
    if not (folder / METADATA_FILE).exists():
        raise ProjectError(
            f"no such snapshot: {shorten_digest(digest)}",
            where=str(folder),
            fix="restore the folder from a backup",
        )
    metadata = _read_metadata(folder)
    snapshot = Snapshot(folder, metadata)
    for path, sha256 in snapshot.hashes.items():
        if not path.exists() or _hash_rows(_read_state(path)) != sha256:
            raise ProjectError(
                f"snapshot {shorten_digest(digest)} has changed since it was taken",
                where=str(path),
                fix="restore the folder from a backup, or delete it and run `nox -s data`",
            )
    return snapshot


def _read_ordered_rows(connection: duckdb.DuckDBPyConnection, spec: Spec) -> pa.RecordBatchReader:
    order = ", ".join(quote_identifier(column) for column in (spec.data.time, spec.data.key) if column)
    query = f"select * from {spec.data.relation} order by {order}"
    return connection.sql(query).to_arrow_reader(BATCH_ROWS)


def _collect_metadata(
    connection: duckdb.DuckDBPyConnection, spec: Spec, digest: str, parts: Sequence[Path]
) -> dict[str, Any]:
    profile = list(_profile_columns(connection, parts))
    used = warehouse.load_upstream_sources(spec.data.relation)
    return {
        "digest": digest,
        "files": {f"{PARTS}/{part.name}": compute_sha256(part) for part in parts},
        "pipeline": spec.name,
        "rows": sum(pa.parquet.read_metadata(part).num_rows for part in parts),
        **provenance.collect_provenance(),
        "relation": spec.data.relation,
        "dbt_manifest_sha256": compute_sha256(DBT_MANIFEST),
        "sources": [_describe_source(connection, source) for source in used],
        "columns": profile,
    }


def _collect_dataset_info(spec: Spec) -> croissant.DatasetInfo:
    described = warehouse.read_descriptions(spec.data.relation)
    return croissant.DatasetInfo(
        description=described.pop("") or spec.description,
        licence=spec.data.licence,
        url=spec.data.url,
        creator=load_team().get_holder_name("data_engineer") or "the data engineer",
        columns=described,
    )


def _describe_source(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[str, Any]:
    described = connection.execute(f"describe select * from {source.relation}").fetchall()
    loaded = "_loaded_at" if "_loaded_at" in {column[0] for column in described} else "null"
    query = f"select count(*), min({loaded}), max({loaded}) from {source.relation}"
    rows, first, last = sql.fetch_one(connection, query)
    return {
        "name": source.name,
        "rows": rows,
        "loaded_from": first,
        "loaded_until": last,
        "sha256": compute_sha256(source.location) if source.location else None,
    }


def _profile_columns(connection: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> Iterator[dict[str, Any]]:
    result = connection.execute("summarize select * from read_parquet(?)", [list(map(str, parts))])
    names = [column[0] for column in result.description or []]
    for row in result.fetchall():
        column = dict(zip(names, row, strict=True))
        yield {
            "name": column["column_name"],
            "type": column["column_type"],
            "missing_pct": column["null_percentage"],
            "distinct_about": column["approx_unique"],
            **{key: column[key] for key in ("min", "q25", "q50", "q75", "max", "avg", "std")},
        }
