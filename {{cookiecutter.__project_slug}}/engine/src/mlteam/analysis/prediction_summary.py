"""What is said of predictions, gathered batch by batch."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlteam.data.features import Schema


@dataclass
class PredictionSummary:
    """Predictions, and categories that training did not see.

    Attributes:
        schema: The model's features.
        named: What predictions are called, and the column that holds each.
        rows: Number of rows.
        columns: Their columns.
        parts: The predictions of each batch by what they say, of shape (rows,): four bytes a row.
        unseen: By feature, how many rows have a value that training did not see.
        examples: One of these values.
    """

    schema: Schema
    named: dict[str, str]
    rows: int = 0
    columns: list[str] = field(default_factory=list)
    parts: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)
    unseen: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, batch: pa.Table) -> None:
        """Add a batch of rows with their predictions."""
        self.rows += batch.num_rows
        self.columns = batch.column_names
        for name, column in self.named.items():
            self.parts.setdefault(name, []).append(batch[column].to_numpy())
        for feature in self.schema.features:
            if feature.kind == "categorical":
                column = pc.drop_null(pc.cast(batch[feature.name], pa.string()))
                known = pa.array(feature.categories, pa.string())
                strange = column.filter(pc.invert(pc.is_in(column, value_set=known)))
                if len(strange):
                    self.unseen[feature.name] += len(strange)
                    self.examples.setdefault(feature.name, strange[0].as_py())

    @property
    def predictions(self) -> dict[str, NDArray[np.float32]]:
        """The predictions of all rows by what they say."""
        return {name: np.concatenate(parts) for name, parts in self.parts.items()}

    def describe_unseen_categories(self) -> list[str]:
        """Return a line for each feature with categories that training did not see, which count as missing."""
        return [
            f"training did not see values of {name} such as {self.examples[name]!r}, which count as missing "
            f"({count:,} of {self.rows:,} rows)"
            for name, count in self.unseen.items()
        ]
