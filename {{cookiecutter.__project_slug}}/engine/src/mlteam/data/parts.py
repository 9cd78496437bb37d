"""Rows as Parquet files in parts, written from a stream."""

from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from mlteam.data.digest import TableDigest
from mlteam.data.table_files import BATCH_ROWS

PARTS = "rows"
PART_ROWS = 16 * BATCH_ROWS


def write_parts(batches: pa.RecordBatchReader, folder: Path) -> str:
    """Write rows to rows/part-00000.parquet and so on below a folder, of which only a batch is in memory.

    Args:
        batches: The rows in their order, at least one; each batch has at most `BATCH_ROWS`.
        folder: Where the folder of the parts is made; a part has at most `PART_ROWS` rows.

    Returns:
        The digest of the rows, which does not depend on the parts.
    """
    digest = TableDigest(batches.schema)
    (folder / PARTS).mkdir()
    with ExitStack() as stack:
        writer, number, rows = None, 0, 0
        for batch in batches:
            digest.update(batch)
            if writer is None or rows + batch.num_rows > PART_ROWS:
                stack.close()
                path = folder / PARTS / f"part-{number:05}.parquet"
                writer = stack.enter_context(pa.parquet.ParquetWriter(path, batches.schema, compression="zstd"))
                number, rows = number + 1, 0
            writer.write_batch(batch)
            rows += batch.num_rows
    return digest.hexdigest()


def list_parts(folder: Path) -> list[Path]:
    """Return the parts below a folder in the order of their rows."""
    return sorted((folder / PARTS).glob("part-*.parquet"))
