"""The Model protocol, and how a pipeline file's reference becomes a model."""

import importlib
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from mlteam.config.settings import explain_validation_error
from mlteam.config.spec import ModelSpec, Spec
from mlteam.core.errors import ProjectError
from mlteam.data.features import Examples, Matrix, Schema

Predictions = NDArray[np.float32]


class Model(Protocol):
    """What the rest of the project asks of a model."""

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, factory: ModelSpec) -> Self:
        """Learn from the training rows; the validation rows may decide when to stop, and nothing else."""

    def fit_more(self, train: Examples, validation: Examples, schema: Schema, factory: ModelSpec) -> Self:
        """This model, trained further on other rows."""

    def predict(self, matrix: Matrix) -> Predictions:
        """Probability of the positive class or the number, shape (rows,); of each of many classes, (rows, classes)."""

    def predict_contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """What each feature adds to a prediction: (rows, features), for many classes (rows, classes, features).

        A model that cannot say gives zeros, or raises NotImplementedError: then other values are tried instead.
        """

    def metadata(self) -> dict[str, Any]:
        """What was learned, in a few numbers for the record."""

    def save(self, folder: Path) -> None:
        """Write the model into a new folder, in a format that runs no code when it is read."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


def load_model_class(factory: str) -> type[Model]:
    """The class of this package that is named `module:Class`.

    Raises:
        ProjectError: There is none.
    """
    module, name = factory.split(":")
    try:
        found: type[Model] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise ProjectError(f"there is no model {factory}", fix="name it module:Class, as in model:XGBoost") from None
    return found


def fit_model(spec: Spec, part: str, train: Examples, validation: Examples, schema: Schema) -> Model:
    """Make and train what the spec says under `part`, which is "model" or "baseline".

    Raises:
        ProjectError: The parameters are not those of the model; names the line in the pipeline file.
    """
    factory: ModelSpec = getattr(spec, part)
    try:
        return load_model_class(factory.factory).fit(train, validation, schema, factory)
    except pydantic.ValidationError as error:
        raise explain_validation_error(error, spec.path, (part, "params")) from None
