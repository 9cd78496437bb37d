"""The model: what any model can do, and gradient-boosted trees, which most tables are best served by."""

import importlib
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pydantic
from numpy.typing import NDArray
from pydantic import Field

from .boosting import xgboost
from .errors import ProjectError
from .features import Examples, Matrix, Schema
from .settings import Settings, explain
from .spec import Factory, Spec, Task

Predictions = NDArray[np.float32]


class Model(Protocol):
    """What the rest of the project asks of a model."""

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, factory: Factory) -> Self:
        """Learn from the training rows; the validation rows may decide when to stop, and nothing else."""

    def continued(self, train: Examples, validation: Examples, schema: Schema, factory: Factory) -> Self:
        """This model, trained further on other rows."""

    def predict(self, matrix: Matrix) -> Predictions:
        """Probability of the positive class or the number, shape (rows,); of each of many classes, (rows, classes)."""

    def contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """What each feature adds to a prediction: (rows, features), for many classes (rows, classes, features).

        A model that cannot say gives zeros, or raises NotImplementedError: then other values are tried instead.
        """

    def facts(self) -> dict[str, Any]:
        """What was learned, in a few numbers for the record."""

    def save(self, folder: Path) -> None:
        """Write the model into a new folder, in a format that runs no code when it is read."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


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
    """Gradient-boosted trees with native categories, stopped early on the validation rows."""

    Params = XGBoostParams
    FILE = "model.ubj"
    OBJECTIVES: ClassVar[dict[Task, dict[str, Any]]] = {
        "binary": {"objective": "binary:logistic", "eval_metric": "logloss"},
        "multiclass": {"objective": "multi:softprob", "eval_metric": "mlogloss"},
        "regression": {"objective": "reg:squarederror", "eval_metric": "rmse"},
    }

    def __init__(self, booster: xgboost.Booster) -> None:
        self.booster = booster

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, factory: Factory) -> Self:
        """Learn, and keep the trees up to the round that did best on the validation rows."""
        return cls(cls._boosted(train, validation, schema, factory, None))

    def continued(self, train: Examples, validation: Examples, schema: Schema, factory: Factory) -> Self:
        """Add trees that are learned on other rows; the categories stay those of the first training."""
        return type(self)(self._boosted(train, validation, schema, factory, self.booster))

    @classmethod
    def _boosted(
        cls, train: Examples, validation: Examples, schema: Schema, factory: Factory, begun: xgboost.Booster | None
    ) -> xgboost.Booster:
        params = cls.Params.model_validate(factory.params).model_dump()
        rounds, patience = params.pop("rounds"), params.pop("early_stopping_rounds")
        params |= cls.OBJECTIVES[schema.task] | {"seed": factory.seed}
        if schema.task == "multiclass":
            params["num_class"] = len(schema.classes)
        kinds = ["c" if feature.kind == "categorical" else "q" for feature in schema.features]
        shared = {"feature_names": schema.names, "feature_types": kinds, "enable_categorical": True}
        learn = xgboost.QuantileDMatrix(train.matrix, train.label, **shared)
        watch = xgboost.QuantileDMatrix(validation.matrix, validation.label, ref=learn, **shared)
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
        return booster[: booster.best_iteration + 1]

    def predict(self, matrix: Matrix) -> Predictions:
        """Probabilities or numbers, as `Model.predict` says."""
        predictions: Predictions = self.booster.inplace_predict(matrix)
        return predictions

    def contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """Exact TreeSHAP values, in log-odds or in the label's own unit, shaped as `Model.contributions` says."""
        names, kinds = self.booster.feature_names, self.booster.feature_types
        rows = xgboost.DMatrix(matrix, feature_names=names, feature_types=kinds, enable_categorical=True)
        values: NDArray[np.float32] = self.booster.predict(rows, pred_contribs=True)
        return values[..., :-1]

    def facts(self) -> dict[str, Any]:
        """How many trees were kept."""
        return {"trees": self.booster.num_boosted_rounds()}

    def save(self, folder: Path) -> None:
        """Write an MLflow model folder around XGBoost's own binary JSON."""
        import mlflow.xgboost

        needs = [f"xgboost=={xgboost.__version__}"]
        mlflow.xgboost.save_model(self.booster, str(folder), model_format="ubj", pip_requirements=needs)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the booster; nothing else in the folder is looked at."""
        return cls(xgboost.Booster(model_file=folder / cls.FILE))


def resolve(factory: str) -> type[Model]:
    """The class of this package that is named `module:Class`.

    Raises:
        ProjectError: There is none.
    """
    module, name = factory.split(":")
    try:
        found: type[Model] = getattr(importlib.import_module(f".{module}", __package__), name)
    except (ImportError, AttributeError):
        raise ProjectError(f"there is no model {factory}", fix="name it module:Class, as in model:XGBoost") from None
    return found


def fit(spec: Spec, part: str, train: Examples, validation: Examples, schema: Schema) -> Model:
    """Make and train what the spec says under `part`, which is "model" or "baseline".

    Raises:
        ProjectError: The parameters are not those of the model; names the line in the pipeline file.
    """
    factory: Factory = getattr(spec, part)
    try:
        return resolve(factory.factory).fit(train, validation, schema, factory)
    except pydantic.ValidationError as error:
        raise explain(error, spec.path, (part, "params")) from None
