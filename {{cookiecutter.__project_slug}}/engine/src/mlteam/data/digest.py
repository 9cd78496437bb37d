"""A digest of a table's content that does not depend on how its file was written."""

import hashlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from mlteam.core.errors import ProjectError

SHORT_DIGEST_LENGTH = 12


def shorten_digest(digest: str) -> str:
    """Return the first digits of a SHA-256 in hexadecimal, which name snapshots in folders, tables and messages."""
    return digest[:SHORT_DIGEST_LENGTH]


class TableDigest:
    """SHA-256 over names, types and ordered values; the sizes of the batches and the file format leave no mark."""

    def __init__(self, schema: pa.Schema) -> None:
        # One hash for each part of a column: where values are, how long they are, what they are.
        self._columns = [(field, _select_encoder(field), [hashlib.sha256() for _ in range(3)]) for field in schema]

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in the next rows."""
        for column, (_, plain, hashes) in zip(batch.columns, self._columns, strict=True):
            parts = [np.asarray(column.is_valid()).tobytes(), *plain(column)]
            for part, its_hash in zip(parts, hashes, strict=False):
                its_hash.update(part)

    def hexdigest(self) -> str:
        """Return the digest of all rows taken in so far, in hexadecimal."""
        whole = hashlib.sha256()
        for field, _, hashes in self._columns:
            parts = "\0".join(its_hash.hexdigest() for its_hash in hashes)
            whole.update(f"{field.name}\0{field.type}\0{parts}\0".encode())
        return whole.hexdigest()


def _select_encoder(field: pa.Field) -> Callable[[pa.Array], list[bytes]]:
    """Return how values of a type become bytes, nulls as zeros (their places are hashed separately)."""
    if kinds.is_integer(field.type) or kinds.is_floating(field.type):
        return lambda column: [pc.fill_null(column, 0).to_numpy(zero_copy_only=False).tobytes()]
    if kinds.is_boolean(field.type):
        return lambda column: [pc.fill_null(column, False).cast(pa.uint8()).to_numpy().tobytes()]
    if kinds.is_date32(field.type):
        return lambda column: [pc.fill_null(column.cast(pa.int32()), 0).to_numpy().tobytes()]
    if kinds.is_timestamp(field.type):
        return lambda column: [pc.fill_null(column.cast(pa.int64()), 0).to_numpy().tobytes()]
    if kinds.is_string(field.type) or kinds.is_large_string(field.type) or kinds.is_decimal(field.type):
        return _encode_text
    raise ProjectError(
        f"column {field.name} has type {field.type}, which a snapshot cannot store", fix="cast it in SQL"
    )


def _encode_text(column: pa.Array) -> list[bytes]:
    """Lengths, so that "ab","c" differs from "a","bc", and then the characters."""
    filled = pc.fill_null(column.cast(pa.large_string()), "")
    lengths = pc.binary_length(filled).to_numpy(zero_copy_only=False)
    return [lengths.tobytes(), "".join(filled.to_pylist()).encode()]
