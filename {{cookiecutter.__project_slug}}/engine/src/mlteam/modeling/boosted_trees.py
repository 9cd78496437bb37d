"""Gradient-boosted trees: XGBoost with native categories."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlteam.config.settings import Settings
from mlteam.config.spec import ModelSpec, Task
from mlteam.core.lean_xgboost import xgboost
from mlteam.data.features import Examples, Matrix, Schema
from mlteam.modeling.blocks import build_training_matrix
from mlteam.modeling.category_means import CategoryMeans
from mlteam.modeling.model import Predictions


class XGBoostParams(Settings):
    """The parameters of `[model.params]`; their meaning is XGBoost's."""

    max_depth: int = Field(default=6, ge=1, le=30)
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    min_child_weight: float = Field(default=1, ge=0)
    subsample: float = Field(default=1, gt=0, le=1)
    colsample_bytree: float = Field(default=1, gt=0, le=1)
    gamma: float = Field(default=0, ge=0)
    reg_alpha: float = Field(default=0, ge=0)
    reg_lambda: float = Field(default=1, ge=0)
    rounds: int = Field(default=400, ge=1)
    early_stopping_rounds: int = Field(default=20, ge=1)


class XGBoost:
    """Gradient-boosted trees with native categories, stopped early on the validation rows.

    A feature of very many categories is read as the mean label of each, which the booster's file holds as well.
    """

    Params = XGBoostParams
    SHARED = True
    FILE = "model.ubj"
    MEANS = "category_means"
    OBJECTIVES: ClassVar[dict[Task, dict[str, Any]]] = {
        "binary": {"objective": "binary:logistic", "eval_metric": "logloss"},
        "multiclass": {"objective": "multi:softprob", "eval_metric": "mlogloss"},
        "regression": {"objective": "reg:squarederror", "eval_metric": "rmse"},
    }

    def __init__(self, booster: xgboost.Booster) -> None:
        self.booster = booster
        self.means = CategoryMeans.load(booster.attr(self.MEANS))

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Learn, and keep the trees up to the round that did best on the validation rows."""
        return cls(cls._train(train, validation, schema, settings, None))

    def fit_more(self, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Add trees that are learned on other rows; the categories stay those of the first training."""
        return type(self)(self._train(train, validation, schema, settings, self.booster))

    @classmethod
    def _train(
        cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec, begun: xgboost.Booster | None
    ) -> xgboost.Booster:
        params = cls.Params.model_validate(settings.params).model_dump()
        rounds, patience = params.pop("rounds"), params.pop("early_stopping_rounds")
        params |= cls.OBJECTIVES[schema.task] | {"seed": settings.seed}
        if schema.task == "multiclass":
            params["num_class"] = len(schema.classes)
        means = CategoryMeans.load(begun.attr(cls.MEANS)) if begun else CategoryMeans.fit(train, schema)
        kinds = [
            "c" if feature.kind == "categorical" and place not in means.values else "q"
            for place, feature in enumerate(schema.features)
        ]
        named = {"feature_names": schema.names, "feature_types": kinds}
        learn = build_training_matrix(train, means.prepare_training(train, settings.seed), named)
        watch = build_training_matrix(validation, lambda rows: means.encode(validation.matrix[rows]), named, learn)
        booster = xgboost.train(
            params,
            learn,
            rounds,
            evals=[(watch, "validation")],
            early_stopping_rounds=patience,
            verbose_eval=False,
            xgb_model=begun,
        )
        # Cut at once: a booster that is continued would go on predicting with the round that was best before.
        kept = booster[: booster.best_iteration + 1]
        if means.values:
            kept.set_attr(**{cls.MEANS: means.dump()})
        return kept

    def predict(self, matrix: Matrix) -> Predictions:
        """Probabilities or numbers, as `Model.predict` says."""
        predictions: Predictions = self.booster.inplace_predict(self.means.encode(matrix))
        return predictions

    def predict_contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """Exact TreeSHAP values, in log-odds or the unit of the label; shapes as in `Model.predict_contributions`."""
        names, kinds = self.booster.feature_names, self.booster.feature_types
        rows = xgboost.DMatrix(
            self.means.encode(matrix), feature_names=names, feature_types=kinds, enable_categorical=True
        )
        values: NDArray[np.float32] = self.booster.predict(rows, pred_contribs=True)
        return values[..., :-1]

    def metadata(self) -> dict[str, Any]:
        """Return how many trees were kept."""
        return {"trees": self.booster.num_boosted_rounds()}

    def save(self, folder: Path) -> None:
        """Write an MLflow model folder around XGBoost's own binary JSON."""
        import mlflow.xgboost

        needs = [f"xgboost=={xgboost.__version__}"]
        mlflow.xgboost.save_model(self.booster, str(folder), model_format="ubj", pip_requirements=needs)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the booster; nothing else in the folder is read."""
        return cls(xgboost.Booster(model_file=folder / cls.FILE))
