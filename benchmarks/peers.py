"""The champion's booster behind other servers, each as its documentation has it and already tuned.

    python peers.py save FOLDER     writes the model for `mlflow models serve`
    mlflow models serve …           loads this file as the model's code
    bentoml serve peers:Bento
    python peers.py litserve PORT

all of them with BUNDLE, the folder of a bundle. They do what the service has to do for an answer: names and texts
become the matrix, the booster predicts it in place. They check nothing, log nothing, and name no version.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xgboost


class Served:
    """The booster, with the features and categories that it was trained with."""

    def __init__(self) -> None:
        folder = Path(os.environ["BUNDLE"], "model")
        self.booster = xgboost.Booster(model_file=folder / "model.ubj")
        features = json.loads((folder / "schema.json").read_bytes())["features"]
        self.columns = [
            (feature["name"], {text: place for place, text in enumerate(feature["categories"])}) for feature in features
        ]

    def predict(self, row: dict[str, Any]) -> float:
        """The probability for one example."""
        numbers = [places.get(row[name], np.nan) if places else row[name] for name, places in self.columns]
        matrix = np.array([numbers], dtype=np.float32)
        return float(self.booster.inplace_predict(matrix)[0])


def bento() -> Any:
    """BentoML's service; its handler is asynchronous, which is its faster way."""
    import bentoml

    @bentoml.service(name="bento", workers=1, logging={"access": {"enabled": False}})
    class Bento:
        """Answers `/predict`."""

        def __init__(self) -> None:
            self.served = Served()

        @bentoml.api
        async def predict(self, features: dict[str, Any]) -> float:
            """The probability for one example."""
            return self.served.predict(features)

    return Bento


def flow() -> Any:
    """MLflow's model, from this code."""
    import mlflow.pyfunc

    class Flow(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        """Predicts each row of a data frame."""

        def load_context(self, _: Any) -> None:
            """Read the booster once."""
            self.served = Served()

        def predict(self, _: Any, model_input: Any) -> list[float]:
            """The probability of each row."""
            return [self.served.predict(row) for row in model_input.to_dict("records")]

    return Flow()


def lit(port: int) -> None:
    """LitServe's server, with its faster queue and no access log."""
    import litserve

    class Lit(litserve.LitAPI):  # type: ignore[misc]
        """Answers `/predict`."""

        def setup(self, _: str) -> None:
            """Read the booster once."""
            self.served = Served()

        def predict(self, row: dict[str, Any]) -> float:
            """The probability for one example."""
            return self.served.predict(row)

    server = litserve.LitServer(Lit(), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(host="127.0.0.1", port=port, log_level="warning", access_log=False, generate_client_file=False)


if __name__ == "__main__":
    if sys.argv[1] == "litserve":
        lit(int(sys.argv[2]))
    else:
        import mlflow.pyfunc

        mlflow.pyfunc.save_model(sys.argv[2], python_model=__file__, pip_requirements=[])
elif os.environ.get("PEER") == "bentoml":
    Bento = bento()
elif os.environ.get("PEER") == "mlflow":
    import mlflow.models

    mlflow.models.set_model(flow())
