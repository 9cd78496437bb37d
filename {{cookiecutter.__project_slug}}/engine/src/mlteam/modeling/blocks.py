"""Rows as XGBoost trains on them: in memory, or in blocks from files."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlteam.core.lean_xgboost import xgboost
from mlteam.data.features import Examples
from mlteam.modeling.category_means import EncodeRows

BLOCK_ROWS = 2**18


class _Blocks(xgboost.DataIter):  # type: ignore[misc]
    """The rows of a matrix in files, of which one block at a time is in memory."""

    def __init__(self, examples: Examples, encode: EncodeRows, named: dict[str, Any]) -> None:
        super().__init__(cache_prefix=f"{examples.scratch}/{examples.name}")
        self._examples, self._encode, self._named = examples, encode, named
        self._begin = 0

    def next(self, input_data: Callable[..., None]) -> bool:
        """Hand over the next block, if there is one."""
        rows = slice(self._begin, self._begin + BLOCK_ROWS)
        label = self._examples.label[rows]
        if not len(label):
            return False
        self._begin = rows.stop
        input_data(data=np.ascontiguousarray(self._encode(rows)), label=label, **self._named)
        return True

    def reset(self) -> None:
        """Begin again."""
        self._begin = 0


def build_training_matrix(
    examples: Examples,
    encode: EncodeRows,
    named: dict[str, Any],
    learned: xgboost.DMatrix | None = None,
) -> xgboost.DMatrix:
    """Return rows as the histograms that XGBoost trains on; those of files stay there.

    Args:
        examples: The rows.
        encode: Returns the matrix of some of them, shape (rows, features).
        named: The names and types of the features.
        learned: The matrix of the training rows, whose histograms others have as well.
    """
    if examples.scratch is None:
        matrix = encode(slice(None))
        return xgboost.QuantileDMatrix(matrix, examples.label, ref=learned, enable_categorical=True, **named)
    blocks = _Blocks(examples, encode, named)
    return xgboost.ExtMemQuantileDMatrix(blocks, ref=learned, enable_categorical=True)
