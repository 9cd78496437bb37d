"""Immutable, content-addressed data sets: what a model was trained on can be opened again years later.

A snapshot is a folder data/snapshots/PIPELINE/DIGEST/ of three files:

data.parquet    the rows, ordered by time and key
metadata.json   digest, provenance, the sources it came from, a profile of every column, the anonymization check
croissant.json  the same for other people's tools, as MLCommons Croissant
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet

from mlteam.config.spec import Spec
from mlteam.config.team import load_team
from mlteam.core import provenance, sql, store
from mlteam.core.errors import NotCreatedError, ProjectError
from mlteam.core.files import compute_sha256, reserve_temporary_path, write_atomically, write_json
from mlteam.core.paths import DBT_MANIFEST, SNAPSHOTS
from mlteam.core.sql import quote_identifier
from mlteam.data import anonymity, croissant, validation, warehouse
from mlteam.data.digest import TableDigest, shorten_digest
from mlteam.data.sources import Source

BATCH_ROWS = 65_536
METADATA_FILE = "metadata.json"
Check = Callable[[duckdb.DuckDBPyConnection, Spec], None]


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
    def parquet(self) -> Path:
        """The file of rows."""
        return self.folder / "data.parquet"

    @property
    def file_state(self) -> tuple[Path, int, int]:
        """The file of rows with its size in bytes and its time of change: what was read of another state is old."""
        status = self.parquet.stat()
        return self.parquet.absolute(), status.st_size, status.st_mtime_ns


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
        digest = _write_rows(_read_ordered_rows(connection, spec), part / "data.parquet")
        folder = home / shorten_digest(digest)
        # What was known in the past may be all that there is now: the rows stay, and what is said of them is new.
        renewed = folder.exists() and as_of is None and bool(_read_metadata(folder).get("as_of"))
        if renewed or not folder.exists():
            metadata = _collect_metadata(connection, spec, digest, part / "data.parquet")
            metadata |= {"privacy": hidden, "as_of": as_of}
            target = folder if renewed else part
            write_json(target / "croissant.json", croissant.build_croissant(metadata, _collect_dataset_info(spec)))
            write_json(target / METADATA_FILE, metadata)
            if not renewed:
                part.rename(folder)
    store.push_folder(folder, METADATA_FILE, again=renewed)
    return load(spec.name, digest)


@cache
def _hash_rows(parquet: Path, _size: int, _changed_at: int) -> str:
    """Hash the rows once in a process, however many commands open the snapshot; a changed file is hashed again."""
    return compute_sha256(parquet)


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
    if not snapshot.parquet.exists() or _hash_rows(*snapshot.file_state) != metadata["parquet_sha256"]:
        raise ProjectError(
            f"snapshot {shorten_digest(digest)} has changed since it was taken",
            where=str(snapshot.parquet),
            fix="restore the folder from a backup, or delete it and run `nox -s data`",
        )
    return snapshot


def _read_ordered_rows(connection: duckdb.DuckDBPyConnection, spec: Spec) -> pa.RecordBatchReader:
    order = ", ".join(quote_identifier(column) for column in (spec.data.time, spec.data.key) if column)
    query = f"select * from {spec.data.relation} order by {order}"
    return connection.sql(query).to_arrow_reader(BATCH_ROWS)


def _write_rows(batches: pa.RecordBatchReader, target: Path) -> str:
    digest = TableDigest(batches.schema)
    with pa.parquet.ParquetWriter(target, batches.schema, compression="zstd") as writer:
        for batch in batches:
            digest.update(batch)
            writer.write_batch(batch)
    return digest.hexdigest()


def _collect_metadata(connection: duckdb.DuckDBPyConnection, spec: Spec, digest: str, parquet: Path) -> dict[str, Any]:
    profile = list(_profile_columns(connection, parquet))
    used = warehouse.load_upstream_sources(spec.data.relation)
    return {
        "digest": digest,
        "parquet_sha256": compute_sha256(parquet),
        "pipeline": spec.name,
        "rows": pa.parquet.read_metadata(parquet).num_rows,
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


def _profile_columns(connection: duckdb.DuckDBPyConnection, parquet: Path) -> Iterator[dict[str, Any]]:
    result = connection.execute("summarize select * from read_parquet(?)", [str(parquet)])
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
