"""MLflow with the predictor that is fastest: `python flow.py FOLDER` writes a model for `mlflow models serve`."""

import sys

import mlflow.models
import mlflow.pyfunc
from booster import Served


class Flow(mlflow.pyfunc.PythonModel):
    """Predicts each row of a data frame."""

    def load_context(self, context):  # noqa: ARG002
        """Read the booster once."""
        self.served = Served()

    # MLflow would read types as a schema to check.
    def predict(self, context, model_input):  # noqa: ARG002
        """The probability of each row."""
        return [self.served.predict(row) for row in model_input.to_dict("records")]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=__file__, pip_requirements=[])
else:
    mlflow.models.set_model(Flow())
