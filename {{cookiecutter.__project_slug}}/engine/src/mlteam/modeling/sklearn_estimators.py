"""Estimators of scikit-learn by reference, with parameters that are validated before training.

scikit-learn is imported when an estimator is made: no other command waits for it.
"""

import re
from typing import Any, NoReturn, Self

import numpy as np
import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError

from mlteam.config.settings import Settings
from mlteam.config.spec import Task
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.references import import_reference
from mlteam.data.features import Schema

LIBRARY = "sklearn"
EXAMPLE = "sklearn.linear_model:LogisticRegression"


class SklearnParams(Settings):
    """The parameters of `[model.params]`: an estimator, as `sklearn.module:Class`, and its own parameters."""

    model_config = pydantic.ConfigDict(frozen=True, extra="allow")

    estimator: str

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Validate the reference, then the parameters as the estimator itself declares them.

        Raises:
            pydantic.ValidationError: The estimator is unknown, or one of its parameters is unknown or wrong.
        """
        params = super().model_validate(obj, **options)
        make_estimator(params, seed=0)
        return params


def make_estimator(params: SklearnParams, seed: int) -> Any:
    """Make an estimator of scikit-learn; one that is random gets the seed, unless the parameters set `random_state`.

    Raises:
        pydantic.ValidationError: There is no such estimator, or a parameter is unknown or wrong.
    """
    estimator_class, own = _import_estimator_class(params.estimator), params.model_extra or {}
    known = list(estimator_class._get_param_names())
    for name in own:
        if name not in known:
            raise_parameter_error(name, f"{estimator_class.__name__} has no such parameter; {suggest(name, known)}")
    try:
        estimator = estimator_class(**own)
        estimator._validate_params()
    except (TypeError, ValueError) as error:
        named = re.match(r"The '(\w+)' parameter", str(error))
        raise_parameter_error(named[1] if named else "estimator", str(error))
    if "random_state" in known and "random_state" not in own:
        estimator.set_params(random_state=seed)
    return estimator


def _import_estimator_class(reference: str) -> type[Any]:
    from sklearn.base import ClassifierMixin, RegressorMixin

    if not reference.startswith(f"{LIBRARY}."):
        raise_parameter_error("estimator", f"{reference} is not in scikit-learn; name one as {EXAMPLE}")
    try:
        estimator_class = import_reference(reference, "")
    except ProjectError as error:
        raise_parameter_error("estimator", f"{error.what}; {error.fix}")
    if not isinstance(estimator_class, type) or not issubclass(estimator_class, ClassifierMixin | RegressorMixin):
        raise_parameter_error("estimator", f"{reference} is not a classifier or regressor; name one as {EXAMPLE}")
    return estimator_class


def check_task(estimator: Any, task: Task) -> None:
    """Check that an estimator can do a task.

    Raises:
        pydantic.ValidationError: It predicts classes instead of numbers or the reverse, or gives no probabilities.
    """
    from sklearn.base import is_classifier, is_regressor

    name = type(estimator).__name__
    if task == "regression":
        if not is_regressor(estimator):
            raise_parameter_error("estimator", f"{name} is not a regressor, and the task is a regression")
    elif not is_classifier(estimator):
        raise_parameter_error("estimator", f"{name} is not a classifier, and the task is {task}")
    elif not hasattr(estimator, "predict_proba"):
        raise_parameter_error("estimator", f"{name} gives no probabilities: no predict_proba; name one as {EXAMPLE}")


def build_preprocessing(schema: Schema) -> Any:
    """Build the step before the estimator, which turns a matrix of shape (rows, features) into columns without NaN.

    Categorical features are one-hot encoded; a missing or unknown category is all zeros. Numeric features are imputed
    with the median, marked where they were missing, and scaled.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    kinds = [feature.kind for feature in schema.features]
    coded = [column for column, kind in enumerate(kinds) if kind == "categorical"]
    numeric = [column for column, kind in enumerate(kinds) if kind == "numeric"]
    codes = [np.arange(len(schema.features[column].categories), dtype=np.float64) for column in coded]
    encode = OneHotEncoder(categories=codes, handle_unknown="ignore", sparse_output=False)
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    scale = make_pipeline(impute, StandardScaler())
    return ColumnTransformer([("categorical", encode, coded), ("numeric", scale, numeric)])


def raise_parameter_error(name: str, message: str) -> NoReturn:
    """Raise the error of one parameter; the caller that knows the pipeline file adds its line.

    Raises:
        pydantic.ValidationError: Always.
    """
    escaped = " ".join(message.split()).replace("{", "{{").replace("}", "}}")
    details = InitErrorDetails(type=PydanticCustomError("value_error", escaped), loc=(name,), input=None)
    raise pydantic.ValidationError.from_exception_data(SklearnParams.__name__, [details])
