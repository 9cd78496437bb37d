"""Categories so many that trees cannot sort them: in place of each the mean label of its rows.

A split of categories into two sets is found by sorting them by their gradients, of which thousands with a few rows each
are mostly noise. The mean is drawn towards that of all rows (Micci-Barreca 2001, A preprocessing scheme for
high-cardinality categorical attributes), and that of a training row comes from rows of other folds: a model that saw
its own label in it would trust it too much.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mlteam.data.features import Examples, Matrix, Schema

# From the places of rows to their matrix.
EncodeRows = Callable[[slice | NDArray[np.intp]], Matrix]
MANY_CATEGORIES = 255
# A category of ten rows counts as much as the mean of all.
PRIOR_ROWS = 10
FOLDS = 5


@dataclass(frozen=True)
class CategoryMeans:
    """The mean labels of the categories of some features.

    Attributes:
        values: Shape (categories,) for each feature, by its place in the matrix.
    """

    values: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def fit(cls, train: Examples, schema: Schema) -> Self:
        """Learn the means of the features that have many categories; none for a task of several classes."""
        if schema.task == "multiclass":
            return cls()
        many = [p for p, f in enumerate(schema.features) if len(f.categories) > MANY_CATEGORIES]
        every = np.ones(len(train.label), dtype=bool)
        return cls({p: _compute_means(train, p, len(schema.features[p].categories), every) for p in many})

    def encode(self, matrix: Matrix) -> Matrix:
        """Return the matrix, shape (rows, features), with means in the place of categories; missing ones stay NaN."""
        if not self.values:
            return matrix
        encoded = matrix.copy()
        for place, means in self.values.items():
            encoded[:, place] = _look_up(matrix[:, place], means)
        return encoded

    def prepare_training(self, train: Examples, seed: int) -> EncodeRows:
        """Return what encodes chosen rows of the training, with the means of each from the rows of other folds."""
        if not self.values:
            return lambda rows: train.matrix[rows]
        fold = np.random.default_rng(seed).integers(0, FOLDS, len(train.label))
        others = {
            place: [_compute_means(train, place, len(means), fold != number) for number in range(FOLDS)]
            for place, means in self.values.items()
        }

        def encode(rows: slice | NDArray[np.intp]) -> Matrix:
            encoded = np.array(train.matrix[rows])
            for place, means in others.items():
                for number, learned in enumerate(means):
                    own = fold[rows] == number
                    encoded[own, place] = _look_up(encoded[own, place], learned)
            return encoded

        return encode

    def dump(self) -> str:
        """Return the means as JSON; nothing where there are none."""
        return json.dumps({place: means.tolist() for place, means in self.values.items()}) if self.values else ""

    @classmethod
    def load(cls, text: str | None) -> Self:
        """Read what `dump` wrote."""
        return cls({int(place): np.array(means, np.float32) for place, means in json.loads(text or "{}").items()})


def _compute_means(train: Examples, place: int, categories: int, rows: NDArray[np.bool_]) -> NDArray[np.float32]:
    column, label = train.matrix[rows, place], train.label[rows]
    known = ~np.isnan(column)
    codes = column[known].astype(np.int64)
    total, count = _sum_over_workers(np.array([label.sum(), len(label)], dtype=np.float64))
    sums = _sum_over_workers(
        np.bincount(codes, label[known], categories).astype(np.float64)
    ) + PRIOR_ROWS * total / max(count, 1)
    counts = _sum_over_workers(np.bincount(codes, minlength=categories).astype(np.float64))
    return np.asarray(sums / (counts + PRIOR_ROWS), dtype=np.float32)


def _sum_over_workers(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of what each worker has; the part itself where one process trains alone."""
    from mlteam.core.lean_xgboost import xgboost

    whole: NDArray[np.float64] = xgboost.collective.allreduce(part, xgboost.collective.Op.SUM)
    return whole


def _look_up(codes: NDArray[np.float32], means: NDArray[np.float32]) -> NDArray[np.float32]:
    known = ~np.isnan(codes)
    found = np.full(len(codes), np.nan, np.float32)
    found[known] = means[codes[known].astype(np.int64)]
    return found
