"""The champion's booster, which the other servers answer with.

They do what the service has to do for an answer: names and texts become the matrix that the booster predicts in place.
They check nothing, log nothing, and name no version.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xgboost


class Served:
    """The booster of the bundle in the folder BUNDLE, with the features and categories that it was trained with."""

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
        return float(self.booster.inplace_predict(np.array([numbers], dtype=np.float32))[0])
