"""BentoML: `bentoml serve bento:Bento`. The handler is asynchronous, which is its faster way."""

from typing import Any

import bentoml
from booster import Served


@bentoml.service(name="bento", workers=1, logging={"access": {"enabled": False}})
class Bento:
    """Answers `/predict`."""

    def __init__(self) -> None:
        self.served = Served()

    @bentoml.api
    async def predict(self, features: dict[str, Any]) -> float:
        """The probability for one example."""
        return self.served.predict(features)
