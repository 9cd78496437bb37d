"""A linear model: what a boosted model has to be worth its trouble against.

Categories are one-hot encoded, very many of them as their means; numbers are scaled, filled with their median and
marked where they are missing. It is regularised, and learned from a sample: more rows hardly change so few weights.
"""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlteam.config.settings import Settings
from mlteam.config.spec import ModelSpec
from mlteam.data.features import Examples, Matrix, Schema
from mlteam.modeling.category_means import CategoryMeans

BATCH_ROWS = 65_536
WEAKEST_SPREAD = 1e-6
ABSENT_CLASS = -20.0


class LinearParams(Settings):
    """How strong the L2 penalty is, and how many rows are enough."""

    penalty: float = Field(default=10, gt=0)
    max_rows: int = Field(default=50_000, ge=100)


class Linear:
    """Logistic regression for classes, ridge regression for numbers."""

    Params = LinearParams
    FILE = "linear.json"

    def __init__(
        self,
        categories: list[int],
        center: list[float],
        scale: list[float],
        weights: list[list[float]],
        task: str,
        means: str = "",
    ) -> None:
        """Keep what was learned.

        Args:
            categories: The number of categories of each feature, 0 for a number.
            center: The median of each feature, 0 for categories.
            scale: The standard deviation of each feature, 1 for categories.
            weights: Shape (1 + columns of the design, outputs); the first row is the intercept.
            task: Binary, multiclass or regression.
            means: JSON of the means that stand for the categories of some features, which then count as numbers.
        """
        self.categories, self.center, self.scale, self.weights, self.task = categories, center, scale, weights, task
        self.means = means

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:  # noqa: ARG003
        """Learn from a sample of the training rows; the validation rows are not needed."""
        params = cls.Params.model_validate(settings.params)
        random = np.random.default_rng(settings.seed)
        count = min(params.max_rows, len(train.label))
        rows = np.sort(random.choice(len(train.label), count, replace=False))
        means = CategoryMeans.fit(train, schema)
        matrix, label = means.prepare_training(train, settings.seed)(rows), train.label[rows]
        categories = [0 if p in means.values else len(f.categories) for p, f in enumerate(schema.features)]
        numbers = np.where(np.array(categories) > 0, np.nan, matrix)
        present = ~np.isnan(numbers).all(axis=0)
        center, scale = np.zeros(len(categories)), np.ones(len(categories))
        center[present] = np.nanmedian(numbers[:, present], axis=0)
        scale[present] = np.maximum(np.nanstd(numbers[:, present], axis=0), WEAKEST_SPREAD)
        made = cls(categories, center.tolist(), scale.tolist(), [], schema.task, means.dump())
        design = made._build_design(matrix)
        if schema.task == "regression":
            made.weights = _learn_slopes(design, label, params.penalty).tolist()
        else:
            made.weights = _learn_odds(design, label.astype(np.int64), len(schema.classes), params.penalty).tolist()
        return made

    def fit_more(self, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Learn from the other rows alone."""
        return self.fit(train, validation, schema, settings)

    def predict(self, matrix: Matrix) -> NDArray[np.float32]:
        """Probabilities or numbers, as `Model.predict` says."""
        weights, matrix = np.array(self.weights, dtype=np.float32), CategoryMeans.load(self.means).encode(matrix)
        starts = range(0, max(len(matrix), 1), BATCH_ROWS)
        parts = [self._build_design(matrix[s : s + BATCH_ROWS]) @ weights[1:] + weights[0] for s in starts]
        scores = np.concatenate(parts)
        if self.task == "multiclass":
            raised = np.exp(scores - scores.max(axis=1, keepdims=True))
            return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)
        return np.asarray(1 / (1 + np.exp(-scores[:, 0])) if self.task == "binary" else scores[:, 0], dtype=np.float32)

    def _build_design(self, matrix: Matrix) -> NDArray[np.float32]:
        """Return the columns that the weights are for: shape (rows, categories, or two for each number)."""
        blocks = []
        for column, count in enumerate(self.categories):
            values = matrix[:, column]
            missing = np.isnan(values)
            if count:
                block = np.zeros((len(values), count), dtype=np.float32)
                rows = np.flatnonzero(~missing)
                block[rows, values[rows].astype(np.int64)] = 1
            else:
                scaled = np.where(missing, 0, (values - self.center[column]) / self.scale[column])
                block = np.stack([scaled, missing], axis=1).astype(np.float32)
            blocks.append(block)
        return np.concatenate(blocks, axis=1)

    def predict_contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """Left to the engine, which asks nobody what this model attributes.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError

    def metadata(self) -> dict[str, Any]:
        """Return how many weights there are."""
        return {"weights": sum(map(len, self.weights))}

    def save(self, folder: Path) -> None:
        """Write the weights as JSON."""
        folder.mkdir(parents=True)
        (folder / self.FILE).write_text(json.dumps(vars(self)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the weights."""
        return cls(**json.loads((folder / cls.FILE).read_text(encoding="utf-8")))


def _learn_slopes(design: NDArray[np.float32], label: NDArray[Any], penalty: float) -> NDArray[np.float64]:
    from sklearn.linear_model import Ridge

    found = Ridge(alpha=penalty).fit(design, label)
    return np.append(found.intercept_, found.coef_)[:, None].astype(np.float64)


def _learn_odds(
    design: NDArray[np.float32], label: NDArray[np.int64], classes: int, penalty: float
) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=1 / penalty, solver="newton-cholesky").fit(design, label)
    learned = np.column_stack([found.intercept_, found.coef_]).T.astype(np.float64)
    if classes <= 2 or len(found.classes_) == classes:  # noqa: PLR2004
        return learned
    # A class that is not in the sample has almost no chance, and two that are have one column.
    if learned.shape[1] == 1:
        learned = np.hstack([np.zeros_like(learned), learned])
    weights = np.zeros((len(learned), classes))
    weights[0] = ABSENT_CLASS
    weights[:, found.classes_] = learned
    return weights
