"""An adapter that makes any scikit-learn classifier or regressor a model.

scikit-learn and skops are imported when a model is trained or loaded: no other command waits for them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mlteam.config.settings import Settings
from mlteam.config.spec import ModelSpec, Task
from mlteam.core.errors import ProjectError
from mlteam.core.references import import_reference
from mlteam.data.features import Examples, Matrix, Schema
from mlteam.modeling.model import Predictions
from mlteam.modeling.sklearn_estimators import (
    LIBRARY,
    SklearnParams,
    build_preprocessing,
    check_task,
    make_estimator,
    raise_parameter_error,
)

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# The type of a column's numbers, which the imputer remembers. skops writes it as an empty array.
DATA_TYPE = "numpy.dtype"
RESTORE_FIX = "restore the file from a backup, or train a new version"


class SklearnModel:
    """A scikit-learn estimator behind preprocessing that fits any features; see `build_preprocessing`.

    To offer one estimator with few parameters of your own, subclass it: set `Params` and override `build_estimator`.
    """

    Params: type[Settings] = SklearnParams
    FILE = "model.skops"

    def __init__(self, pipeline: "Pipeline") -> None:
        self.pipeline = pipeline

    @classmethod
    def build_estimator(cls, settings: ModelSpec, task: Task) -> Any:  # noqa: ARG003 - subclasses may need the task
        """Build the estimator to train.

        Args:
            settings: The parameters and the seed.
            task: What is predicted.

        Returns:
            A classifier or regressor of scikit-learn, not yet trained.

        Raises:
            pydantic.ValidationError: A parameter is unknown or wrong.
        """
        return make_estimator(SklearnParams.model_validate(settings.params), settings.seed)

    @classmethod
    def fit(cls, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:  # noqa: ARG003
        """Train preprocessing and estimator on the training rows; the validation rows are not used.

        Raises:
            pydantic.ValidationError: A parameter is unknown or wrong, or the estimator cannot do the task.
        """
        from sklearn.pipeline import make_pipeline

        estimator = cls.build_estimator(settings, schema.task)
        check_task(estimator, schema.task)
        pipeline = make_pipeline(build_preprocessing(schema), estimator)
        try:
            pipeline.fit(_widen(train.matrix), train.label)
        except (TypeError, ValueError) as error:
            raise_parameter_error("estimator", f"{type(estimator).__name__} cannot be trained: {error}")
        return cls(pipeline)

    def fit_more(self, train: Examples, validation: Examples, schema: Schema, settings: ModelSpec) -> Self:  # noqa: ARG002
        """Refuse to continue training: scikit-learn trains an estimator on all rows at once.

        Raises:
            ProjectError: Always.
        """
        raise ProjectError(
            f"a {type(self).__name__} cannot continue training on other rows",
            fix="train a new version on all rows, or use mlteam.modeling:XGBoost or mlteam.modeling:LightGBM",
        )

    def predict(self, matrix: Matrix) -> Predictions:
        """Probabilities or numbers, as `Model.predict` says."""
        values = _widen(matrix)
        if not hasattr(self.pipeline[-1], "classes_"):
            return np.asarray(self.pipeline.predict(values), dtype=np.float32).reshape(len(matrix))
        predictions: Predictions = np.asarray(self.pipeline.predict_proba(values), dtype=np.float32)
        return predictions if predictions.shape[1] > 2 else predictions[:, 1]  # noqa: PLR2004

    def predict_contributions(self, matrix: Matrix) -> NDArray[np.float32]:
        """Not known for an estimator of any kind; the engine replaces values instead.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError

    def metadata(self) -> dict[str, Any]:
        """Return how many columns the estimator sees."""
        return {"estimator_columns": len(self.pipeline[0].get_feature_names_out())}

    def save(self, folder: Path) -> None:
        """Write preprocessing and estimator in the format of skops, which runs no code when it is read.

        Raises:
            ProjectError: The estimator contains a type that `load` would not trust.
        """
        import skops.io

        folder.mkdir(parents=True)
        skops.io.dump(self.pipeline, folder / self.FILE)
        list_trusted_types(folder / self.FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model after a check of every type in the file.

        Raises:
            ProjectError: The file is damaged, or contains a type that is not a class of scikit-learn; names it.
        """
        import skops.io
        from sklearn.pipeline import Pipeline

        path = folder / cls.FILE
        trusted = list_trusted_types(path)
        try:
            pipeline = skops.io.load(path, trusted=trusted)
        except Exception as error:
            raise _make_file_error(path, f"cannot be read: {error}") from None
        if not isinstance(pipeline, Pipeline):
            raise _make_file_error(path, f"contains a {type(pipeline).__name__}, not a Pipeline")
        return cls(pipeline)


def _widen(matrix: Matrix) -> NDArray[np.float64]:
    """Return the values with 64 bits: with 32, a linear model predicts one row and many with a difference of 1e-7."""
    return matrix.astype(np.float64)


def list_trusted_types(path: Path) -> list[str]:
    """List the types in a skops file that are classes of scikit-learn, beside those that skops itself trusts.

    Raises:
        ProjectError: The file is damaged, or contains another type; names it.
    """
    import skops.io

    try:
        types: list[str] = skops.io.get_untrusted_types(file=path)
    except Exception as error:
        raise _make_file_error(path, f"cannot be read: {error}") from None
    for name in types:
        if name != DATA_TYPE and not _is_library_class(name):
            raise _make_file_error(path, f"contains the type {name}, which is not a class of scikit-learn")
    return types


def _is_library_class(name: str) -> bool:
    """Return whether scikit-learn defines a class of this name, and does not merely import it."""
    module, _, attribute = name.rpartition(".")
    if not module.startswith(f"{LIBRARY}."):
        return False
    try:
        named = import_reference(f"{module}:{attribute}", "")
    except ProjectError:
        return False
    return isinstance(named, type) and named.__module__.startswith(f"{LIBRARY}.")


def _make_file_error(path: Path, what: str) -> ProjectError:
    return ProjectError(" ".join(what.split()), where=str(path), fix=RESTORE_FIX)
