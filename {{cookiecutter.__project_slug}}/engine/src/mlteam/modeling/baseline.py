"""What the team would do without a model: look up how often it happened before."""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlteam.config.settings import Settings
from mlteam.config.spec import ModelSpec
from mlteam.core.errors import ProjectError, suggest
from mlteam.data.features import Examples, Matrix, Schema


class GroupMeanParams(Settings):
    """Features to group `by`, numbers cut into `bins` of equal counts; `prior_rows` of the mean join each group."""

    by: tuple[str, ...] = ()
    bins: int = Field(default=8, ge=2)
    prior_rows: float = Field(default=50, gt=0)


class GroupMean:
    """The mean label of training rows of the same group, pulled toward the mean of all where rows are few.

    The mean of a class is the share of rows that have it. Without features to group by, all rows are one group.
    """

    Params = GroupMeanParams
    FILE = "baseline.json"

    def __init__(
        self, columns: list[int], edges: list[list[float]], means: dict[str, list[float]], overall: list[float]
    ) -> None:
        self.columns, self.edges, self.means, self.overall = columns, edges, means, overall

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:  # noqa: ARG003
        """Count; the validation rows are not needed."""
        params = cls.Params.model_validate(settings.params)
        columns = [_find_feature_index(name, schema) for name in params.by]
        edges = [_compute_edges(train.matrix[:, column], schema, column, params.bins) for column in columns]
        keys, group = _assign_groups(train.matrix, columns, edges)
        targets = _build_targets(train, schema)
        overall = targets.mean(axis=0)
        sums = np.stack([np.bincount(group, weights=target) for target in targets.T], axis=1)
        means = (sums + params.prior_rows * overall) / (np.bincount(group)[:, None] + params.prior_rows)
        return cls(columns, edges, dict(zip(keys, means.tolist(), strict=True)), overall.tolist())

    def fit_more(self, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Count the other rows alone: means of both would need the rows that were counted before."""
        return self.fit(train, validation, schema, settings)

    def predict(self, matrix: Matrix) -> NDArray[np.float32]:
        """Return the group's mean, (rows,) or (rows, classes); the overall mean for a group not seen in training."""
        keys, group = _assign_groups(matrix, self.columns, self.edges)
        means = np.array([self.means.get(key, self.overall) for key in keys], dtype=np.float32)[group]
        return means if means.shape[1] > 1 else means[:, 0]

    def predict_contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """Not to be had from a table of means: zeros, shape (rows, features)."""
        return np.zeros_like(matrix)

    def metadata(self) -> dict[str, Any]:
        """Return how many groups there are."""
        return {"groups": len(self.means)}

    def save(self, folder: Path) -> None:
        """Write the means as JSON."""
        folder.mkdir(parents=True)
        (folder / self.FILE).write_text(json.dumps(vars(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the means."""
        return cls(**json.loads((folder / cls.FILE).read_text(encoding="utf-8")))


def _build_targets(train: Examples, schema: Schema) -> NDArray[np.float64]:
    """Return what is averaged: one column for a number or a positive class, or one for each of many classes."""
    if schema.task == "multiclass":
        return np.eye(len(schema.classes))[train.label.astype(np.int64)]
    return train.label.astype(np.float64)[:, None]


def _find_feature_index(name: str, schema: Schema) -> int:
    if name not in schema.names:
        raise ProjectError(f"the baseline groups by {name}, which is not a feature", fix=suggest(name, schema.names))
    return schema.names.index(name)


def _compute_edges(values: Matrix, schema: Schema, column: int, bins: int) -> list[float]:
    if schema.features[column].kind == "categorical":
        return []
    return [float(edge) for edge in np.unique(np.nanquantile(values, np.linspace(0, 1, bins + 1)[1:-1]))]


def _assign_groups(matrix: Matrix, columns: list[int], edges: list[list[float]]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the groups, such as "all|2|11|-1", and for each row which of them it belongs to."""
    parts = []
    # Rows are told apart by numbers: a text for each of millions of them would take gigabytes.
    group = np.zeros(len(matrix), dtype=np.int64)
    for column, cuts in zip(columns, edges, strict=True):
        values = matrix[:, column]
        codes = np.where(np.isnan(values), -1, np.searchsorted(cuts, values) if cuts else values).astype(np.int64)
        parts.append(codes)
        _, group = np.unique(group * (codes.max(initial=0) + 2) + codes + 1, return_inverse=True)
    _, rows = np.unique(group, return_index=True)
    return ["|".join(["all", *(str(part[row]) for part in parts)]) for row in rows], group
