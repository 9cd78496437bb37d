"""Rows that arrive close to each other are predicted by one call, which costs hardly more than one row."""

import asyncio

import numpy as np

from ..features import Matrix
from ..model import Model, Predictions

Waiting = tuple[Matrix, "asyncio.Future[Predictions]"]
LARGE = 64


class Together:
    """Collects rows for each model; nobody waits for more than what is there already."""

    def __init__(self) -> None:
        self._waiting: dict[Model, list[Waiting]] = {}

    async def predict(self, model: Model, matrix: Matrix) -> Predictions:
        """The predictions for a matrix, the same whatever was predicted beside it."""
        if len(matrix) > LARGE:
            return await asyncio.to_thread(model.predict, matrix)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Predictions] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._gather, 0)
        self._waiting.setdefault(model, []).append((matrix, future))
        return await future

    def _gather(self, before: int) -> None:
        """Predict once a turn of the loop brought no more, or there are enough."""
        now = sum(map(len, self._waiting.values()))
        if before < now < LARGE:
            asyncio.get_running_loop().call_soon(self._gather, now)
        else:
            self._run()

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for model, asked in waiting.items():
            if len(asked) == 1 or not self._at_once(model, asked):
                for one in asked:
                    _alone(model, one)

    def _at_once(self, model: Model, asked: list[Waiting]) -> bool:
        try:
            predicted = model.predict(np.concatenate([matrix for matrix, _ in asked]))
        except Exception:
            return False  # whose rows they were shows when each is predicted alone
        begin = 0
        for matrix, future in asked:
            _give(future, predicted[begin : begin + len(matrix)])
            begin += len(matrix)
        return True


def _alone(model: Model, asked: Waiting) -> None:
    matrix, future = asked
    try:
        _give(future, model.predict(matrix))
    except Exception as error:
        if not future.done():
            future.set_exception(error)


def _give(future: "asyncio.Future[Predictions]", predicted: Predictions) -> None:
    """Answer, unless the client has gone."""
    if not future.done():
        future.set_result(predicted)
