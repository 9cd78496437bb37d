"""Models: one class per kind of model, named by `factory` in a pipeline file; engine/README.md has the contract.

Any estimator of scikit-learn works without code of your own: `factory = "mlteam.modeling:SklearnModel"`. Write a class
to choose the estimator by task, to offer fewer parameters under names of your own, or to use another library.
"""

from typing import Any

from mlteam.config.settings import Settings
from mlteam.config.spec import ModelSpec, Task
from mlteam.modeling.sklearn_model import SklearnModel
from pydantic import Field


class LinearParams(Settings):
    """The parameters of `[model.params]`: the penalty on large weights, and whether rare classes count as much."""

    penalty: float = Field(default=1, gt=0)
    balanced: bool = False


class LinearModel(SklearnModel):
    """A linear model: the simple challenger that a more complex champion has to beat.

    Logistic regression predicts classes, ridge regression numbers. The adapter preprocesses, predicts, saves and loads.
    Balanced classes can raise recall of a rare class, but the probabilities are then no longer calibrated.
    """

    Params = LinearParams

    @classmethod
    def build_estimator(cls, settings: ModelSpec, task: Task) -> Any:
        """Build the estimator for the task from the parameters of the pipeline file."""
        from sklearn.linear_model import LogisticRegression, Ridge

        params = LinearParams.model_validate(settings.params)
        if task == "regression":
            return Ridge(alpha=params.penalty)
        weights = "balanced" if params.balanced else None
        return LogisticRegression(C=1 / params.penalty, class_weight=weights, max_iter=1_000)
