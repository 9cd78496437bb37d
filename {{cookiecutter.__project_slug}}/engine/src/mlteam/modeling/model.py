"""The Model protocol, and how a pipeline file's reference becomes a model."""

from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from mlteam.config.settings import explain_validation_error, find_line
from mlteam.config.spec import ModelSpec, Spec
from mlteam.core.errors import ProjectError
from mlteam.core.references import import_reference
from mlteam.data.features import Examples, Matrix, Schema

Predictions = NDArray[np.float32]


class Model(Protocol):
    """What the engine asks of a model.

    A matrix has one row for each example and one column for each feature, in the order of `schema.features`. A
    category is the position of its text in `Feature.categories`; a missing or unknown value is NaN.

    A class may also have an attribute `Params`: a subclass of `mlteam.config.settings.Settings` with the parameters of
    `[model.params]`. `tune` validates its search space with it.

    A class with `SHARED = True` can be trained by several workers: each calls `fit` with its share of the rows, inside
    XGBoost's communicator, and all must end with the same model.
    """

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Train a model; the same arguments give the same model.

        Args:
            train: The training rows.
            validation: Rows that may decide when to stop, and nothing else.
            schema: The task, its classes and the features.
            settings: The parameters (`params`) and the `seed`.

        Raises:
            pydantic.ValidationError: A parameter is unknown or has a wrong value. The engine adds the line.
            ProjectError: The model does not support the task.
        """

    def fit_more(self, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:
        """Continue training on other rows and return a new model; this one stays as it is.

        Raises:
            ProjectError: A model of this kind cannot continue.
        """

    def predict(self, matrix: Matrix) -> Predictions:
        """Predict rows.

        Returns:
            Binary task: the probability of the last class, shape (rows,). Multiclass: the probability of each class,
            shape (rows, classes). Regression: the number, shape (rows,).
        """

    def predict_contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """Compute what each feature adds to each prediction.

        Returns:
            Shape (rows, features), for a multiclass task (rows, classes, features); log-odds of a class, or the unit
            of the label in a regression. All zeros have the same effect as NotImplementedError.

        Raises:
            NotImplementedError: The model cannot tell. The engine then replaces values by those of other rows.
        """

    def metadata(self) -> dict[str, Any]:
        """Return a few numbers about what was learned, such as the number of trees, for the registry."""

    def save(self, folder: Path) -> None:
        """Write the model into a new folder, in a format that runs no code when it is read (no pickle)."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; the loaded model makes the same predictions.

        Raises:
            ProjectError: The files hold something that is not trusted.
        """


REQUIRED_METHODS = tuple(name for name in vars(Model) if not name.startswith("_"))


def load_model_class(reference: str, where: str) -> type[Model]:
    """Import the class of a model.

    Args:
        reference: `package.module:Class`.
        where: The file that contains the reference, as `file:line` where the line is known.

    Raises:
        ProjectError: The reference cannot be imported, or what it names is not a model.
    """
    model_class: type[Model] = import_reference(reference, where)
    missing = [name for name in REQUIRED_METHODS if not callable(getattr(model_class, name, None))]
    if not isinstance(model_class, type) or missing:
        what = f"{reference} is not a model: no {', '.join(missing)}" if missing else f"{reference} is not a class"
        raise ProjectError(what, where=where, fix="add the methods of mlteam.modeling.model.Model")
    return model_class


def locate_factory(spec: Spec, part: str) -> str:
    """Return where the pipeline file names the model or baseline, as `file:line`."""
    if not spec.path.is_file():
        return str(spec.path)
    return f"{spec.path}:{find_line(spec.path.read_text(encoding='utf-8'), [part, 'factory'])}"


def validate_parameters(spec: Spec, table: str, params: dict[str, Any]) -> None:
    """Ask the model's own settings, where it has them.

    Args:
        spec: Names the model.
        table: The table of the pipeline file that the parameters are from: "model" or "tune".
        params: The parameters.

    Raises:
        ProjectError: One is unknown or has a wrong value; names the line in the pipeline file.
    """
    known = getattr(load_model_class(spec.model.factory, locate_factory(spec, "model")), "Params", None)
    try:
        if known is not None:
            known.model_validate(params)
    except pydantic.ValidationError as error:
        raise explain_validation_error(error, spec.path, (table, "params")) from None


def fit_model(spec: Spec, part: str, train: Examples, validation: Examples, schema: Schema) -> Model:
    """Train the model that the spec describes under `part`, which is "model" or "baseline".

    Raises:
        ProjectError: The model cannot be imported, or a parameter is wrong; names the line in the pipeline file.
    """
    settings: ModelSpec = getattr(spec, part)
    try:
        model_class = load_model_class(settings.factory, locate_factory(spec, part))
        return model_class.fit(train, validation, schema, settings)
    except pydantic.ValidationError as error:
        raise explain_validation_error(error, spec.path, (part, "params")) from None
