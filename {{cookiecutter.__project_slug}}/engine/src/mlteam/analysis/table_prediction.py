"""Predictions for a table of a warehouse: Spark's workers make them, rows of other engines are streamed here."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from mlteam.analysis.prediction import VERSION_COLUMN, append_predictions, list_prediction_columns
from mlteam.data import spark, streams
from mlteam.data.features import Schema
from mlteam.data.file_rows import convert_features
from mlteam.data.targets import Target
from mlteam.modeling.model import Model
from mlteam.modeling.packing import pack_model, unpack_model
from mlteam.registry.versions import RegisteredVersion


@contextmanager
def predict_table(
    version: RegisteredVersion, target: Target, table: str, where: str | None
) -> Iterator[Iterable[pa.Table]]:
    """Predict the rows of a table; no more than a batch of them is in memory.

    Args:
        version: The model.
        target: The engine that has the table.
        table: Its name, as schema.table.
        where: SQL of that engine that chooses among the rows.

    Yields:
        The rows in batches, each row with its prediction and the version that made it.

    Raises:
        ProjectError: There is no such table, a feature has no column or holds what the model cannot take, or the engine
            or one of its workers does not answer.
    """
    schema, _, name = table.partition(".")
    if target.kind == "spark":
        with spark.stream_table(target, schema, name, where or "", _build_change(version, table)) as made:
            yield (pa.Table.from_batches([batch]) for batch in made)
    else:
        with streams.stream_table(target, schema, name, where or "") as reader:
            batches = (convert_features(version.schema, pa.Table.from_batches([batch]), table) for batch in reader)
            yield (append_predictions(version.schema, version.model, version.number, rows) for rows in batches)


def _build_change(version: RegisteredVersion, table: str) -> spark.Change:
    """Return what workers make of the rows of a table."""
    kinds = {feature.name: "double" if feature.kind == "numeric" else "string" for feature in version.schema.features}
    added = dict.fromkeys(list_prediction_columns(version.schema).values(), "float") | {VERSION_COLUMN: "bigint"}
    packed = Packed(version.schema, version.spec.model.factory, pack_model(version.model), version.number)
    project = Path.cwd()

    def predict(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        os.chdir(project)
        for batch in batches:
            rows = convert_features(packed.schema, pa.Table.from_batches([batch]), table)
            yield from append_predictions(packed.schema, packed.model, packed.number, rows).to_batches()

    return spark.Change(predict, kinds, added)


@dataclass(frozen=True)
class Packed:
    """A version as a worker gets it.

    Attributes:
        schema: Its features.
        factory: The reference to the class of its model.
        content: The model, packed.
        number: Its number.
    """

    schema: Schema
    factory: str
    content: bytes
    number: int

    @cached_property
    def model(self) -> Model:
        """The model."""
        return unpack_model(self.content, self.factory)
