"""Rows that arrive close to each other are predicted by one call, which costs hardly more than one row."""

import asyncio

import numpy as np

from mlteam.data.features import Matrix
from mlteam.modeling.model import Model, Predictions

PendingPrediction = tuple[Matrix, "asyncio.Future[Predictions]"]
MAX_BATCH_ROWS = 64


class MicroBatcher:
    """Collects rows for each model; nobody waits for more than what is there already."""

    def __init__(self) -> None:
        self._waiting: dict[Model, list[PendingPrediction]] = {}

    async def predict(self, model: Model, matrix: Matrix) -> Predictions:
        """Return the predictions for a matrix, the same whatever was predicted beside it."""
        if len(matrix) > MAX_BATCH_ROWS:
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
        if before < now < MAX_BATCH_ROWS:
            asyncio.get_running_loop().call_soon(self._gather, now)
        else:
            self._predict_waiting()

    def _predict_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for model, asked in waiting.items():
            if len(asked) == 1 or not self._predict_batch(model, asked):
                for one in asked:
                    _predict_single(model, one)

    def _predict_batch(self, model: Model, asked: list[PendingPrediction]) -> bool:
        try:
            predicted = model.predict(np.concatenate([matrix for matrix, _ in asked]))
        except Exception:
            return False  # whose rows they were shows when each is predicted alone
        begin = 0
        for matrix, future in asked:
            _set_result(future, predicted[begin : begin + len(matrix)])
            begin += len(matrix)
        return True


def _predict_single(model: Model, asked: PendingPrediction) -> None:
    matrix, future = asked
    try:
        _set_result(future, model.predict(matrix))
    except Exception as error:
        if not future.done():
            future.set_exception(error)


def _set_result(future: "asyncio.Future[Predictions]", predicted: Predictions) -> None:
    """Answer, unless the client has gone."""
    if not future.done():
        future.set_result(predicted)
