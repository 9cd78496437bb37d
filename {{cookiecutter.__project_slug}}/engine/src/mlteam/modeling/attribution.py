"""Which features a prediction comes from: as the model itself takes it apart, or by what other values would change."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlteam.data.features import Matrix
from mlteam.modeling.model import Model

REPEATS = 5
COPIES = 40
BACKGROUND_ROWS = 500
REPLACEMENT_NOTE = (
    "the model does not take its predictions apart: what a feature adds is the prediction less the mean prediction "
    "with values of other rows in the feature's place"
)
Contributions = NDArray[np.float32]


def get_contributions(model: Model, matrix: Matrix) -> Contributions | None:
    """Return what each feature adds, as the model itself says; None where it cannot say."""
    try:
        moved = model.predict_contributions(matrix)
    except NotImplementedError:
        return None
    return moved if moved.any() else None


def estimate_contributions(model: Model, matrix: Matrix, background: Matrix) -> Contributions:
    """Return how much a prediction changes when a feature takes the values of other rows, for a model of any kind.

    Args:
        model: The model.
        matrix: The rows to explain, shape (rows, features).
        background: Rows to take values from.

    Returns:
        Prediction less the mean prediction with the feature replaced: shape (rows, features), for many classes
        (rows, classes, features).
    """
    random, predicted = np.random.default_rng(0), model.predict(matrix)
    moved = np.zeros((*predicted.shape, matrix.shape[1]), dtype=np.float32)
    for column in range(matrix.shape[1]):
        for _ in range(REPEATS):
            changed = replace_column(matrix, column, random.choice(background[:, column], size=len(matrix)))
            moved[..., column] += (predicted - model.predict(changed)) / REPEATS
    return moved


def attribute_predictions(model: Model, matrix: Matrix, background: Callable[[], Matrix]) -> tuple[Contributions, bool]:
    """Return what each feature added to the prediction of each row, of many classes to the predicted one.

    Args:
        model: The model.
        matrix: A few rows, shape (rows, features).
        background: Gives rows to take values from, where the model itself does not say.

    Returns:
        Shape (rows, features), and whether the model itself said so.
    """
    moved = get_contributions(model, matrix)
    exact = moved is not None
    if moved is None:
        # A single row meets only a few other values; copies of it meet more.
        many = estimate_contributions(model, np.repeat(matrix, COPIES, axis=0), sample_rows(background()))
        moved = many.reshape(len(matrix), COPIES, *many.shape[1:]).mean(axis=1)
    if moved.ndim == 2:  # noqa: PLR2004
        return moved, exact
    best = model.predict(matrix).argmax(axis=1)
    return moved[np.arange(len(matrix)), best], exact


def sample_rows(matrix: Matrix) -> Matrix:
    """At most 500 of the rows, drawn at random."""
    drawn = np.random.default_rng(0).choice(len(matrix), size=min(BACKGROUND_ROWS, len(matrix)), replace=False)
    return matrix[drawn]


def replace_column(matrix: Matrix, column: int, values: NDArray[np.float32]) -> Matrix:
    """Return the rows with other values in one column."""
    changed = matrix.copy()
    changed[:, column] = values
    return changed
