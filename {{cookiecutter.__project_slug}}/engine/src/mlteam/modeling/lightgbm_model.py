"""Gradient-boosted trees: LightGBM with native categories, in its own text format.

LightGBM is an optional extra: `uv add lightgbm`.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlteam.config.settings import Settings
from mlteam.config.spec import ModelSpec, Task
from mlteam.data.features import Examples, Matrix, Schema
from mlteam.modeling.model import Predictions


class LightGBMParams(Settings):
    """The parameters of `[model.params]`; their meaning is LightGBM's, `max_depth = -1` means no limit."""

    num_leaves: int = Field(default=31, ge=2, le=131072)
    max_depth: int = Field(default=-1, ge=-1)
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    min_data_in_leaf: int = Field(default=20, ge=1)
    bagging_fraction: float = Field(default=1, gt=0, le=1)
    feature_fraction: float = Field(default=1, gt=0, le=1)
    min_gain_to_split: float = Field(default=0, ge=0)
    lambda_l1: float = Field(default=0, ge=0)
    lambda_l2: float = Field(default=0, ge=0)
    rounds: int = Field(default=400, ge=1)
    early_stopping_rounds: int = Field(default=20, ge=1)


class LightGBM:
    """Gradient-boosted trees with native categories, stopped early on the validation rows."""

    Params = LightGBMParams
    FILE = "model.txt"
    OBJECTIVES: ClassVar[dict[Task, dict[str, Any]]] = {
        "binary": {"objective": "binary", "metric": "binary_logloss"},
        "multiclass": {"objective": "multiclass", "metric": "multi_logloss"},
        "regression": {"objective": "regression", "metric": "rmse"},
    }
    # The same rows and seed give the same trees, on any number of threads.
    REPEATABLE: ClassVar[dict[str, Any]] = {
        "deterministic": True,
        "force_row_wise": True,
        "bagging_freq": 1,
        "verbosity": -1,
    }

    def __init__(self, booster: lightgbm.Booster) -> None:
        self.booster = booster

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Train, and keep the trees up to the round that did best on the validation rows."""
        return cls(cls._train(train, validation, schema, settings, None))

    def fit_more(self, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Add trees that are trained on other rows; the categories stay those of the first training."""
        return type(self)(self._train(train, validation, schema, settings, self.booster))

    @classmethod
    def _train(
        cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec, begun: lightgbm.Booster | None
    ) -> lightgbm.Booster:
        params = cls.Params.model_validate(settings.params).model_dump()
        rounds, patience = params.pop("rounds"), params.pop("early_stopping_rounds")
        params |= cls.OBJECTIVES[schema.task] | cls.REPEATABLE | {"seed": settings.seed}
        if schema.task == "multiclass":
            params["num_class"] = len(schema.classes)
        coded = [column for column, feature in enumerate(schema.features) if feature.kind == "categorical"]
        # A feature may have any name, and LightGBM refuses some: it sees positions only.
        learn = lightgbm.Dataset(train.matrix, train.label, categorical_feature=coded, params={"verbosity": -1})
        watch = lightgbm.Dataset(validation.matrix, validation.label, reference=learn)
        stop = lightgbm.early_stopping(patience, verbose=False)
        # The booster that comes back has the trees up to the best round, and no others.
        return lightgbm.train(params, learn, rounds, valid_sets=[watch], init_model=begun, callbacks=[stop])

    def predict(self, matrix: Matrix) -> Predictions:
        """Probabilities or numbers, as `Model.predict` says."""
        predictions: Predictions = np.asarray(self.booster.predict(matrix), dtype=np.float32)
        return predictions

    def predict_contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """Exact TreeSHAP values, in log-odds or the unit of the label; shapes as in `Model.predict_contributions`."""
        values = np.asarray(self.booster.predict(matrix, pred_contrib=True), dtype=np.float32)
        rows, features = matrix.shape
        # LightGBM puts the classes side by side, each with its constant as the last column.
        by_class = values.reshape(rows, -1, features + 1)[..., :-1]
        return by_class if by_class.shape[1] > 1 else by_class[:, 0]

    def metadata(self) -> dict[str, Any]:
        """Return how many rounds were kept."""
        return {"trees": self.booster.current_iteration()}

    def save(self, folder: Path) -> None:
        """Write LightGBM's own text format."""
        folder.mkdir(parents=True)
        self.booster.save_model(folder / self.FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the booster."""
        return cls(lightgbm.Booster(model_file=folder / cls.FILE))
