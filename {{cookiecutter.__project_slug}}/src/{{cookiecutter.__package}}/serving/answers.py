"""From a request to its answer: who may ask, which version answers, and what is counted and logged."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from ..model import Predictions
from ..reasons import contributions
from ..request import Asked, RefusedError
from . import http, numbers
from .http import Headers, answer, refusal
from .service import Loaded, Now, Service
from .together import Together

NOT_READY = "no model answers yet"
UNEXPLAINED = "this model does not say what moved a prediction; `predict --example FILE --explain` tries other values"
Handler = Callable[[Request, Headers, Now, str], Awaitable[Response]]
logger = logging.getLogger(__name__)


class ModelError(Exception):
    """The model gave no finite number."""


class Answers:
    """Answers requests with what the service has loaded.

    Args:
        service: Knows what answers.
        token: What a client must know, if anything.
    """

    def __init__(self, service: Service, token: str | None) -> None:
        self._service, self._token, self._together = service, token, Together()

    async def predict(self, request: Request) -> Response:
        """Predict one example, or each of a list."""
        return await self._handle(request, "predict", self._predict)

    async def explain(self, request: Request) -> Response:
        """Say what each feature added to the prediction of one example."""
        return await self._handle(request, "explain", self._explain)

    def version(self) -> Response:
        """Say which version answers."""
        now = self._service.now
        return answer(_version(self._service.pipeline, now)) if now else answer({"detail": NOT_READY}, 503)

    async def _handle(self, request: Request, route: str, handler: Handler) -> Response:
        """Answer, count, and turn whatever goes wrong into a small answer."""
        begun, now = time.perf_counter(), self._service.now
        headers = dict(request.scope["headers"])
        name = http.id_of(headers)
        try:
            http.admit(headers, self._token)
            if now is None:
                done = answer({"detail": NOT_READY}, 503, x_request_id=name)
            else:
                done = await handler(request, headers, now, name)
        except RefusedError as error:
            done = refusal(error, x_request_id=name)
        except Exception:
            logger.exception("request %s failed", name)
            done = answer({"detail": "the model failed"}, 500, x_request_id=name)
        numbers.child(numbers.REQUESTS, self._service.pipeline, route, str(done.status_code)).inc()
        numbers.child(numbers.LATENCY, self._service.pipeline, route).observe(time.perf_counter() - begun)
        return done

    async def _predict(self, request: Request, headers: Headers, now: Now, name: str) -> Response:
        body = await http.body_of(request, headers, now.champion.reader.form.body_bytes)
        by = now.chosen(body)
        tried = None if by is now.champion else await self._try_canary(by, now, body)
        if tried is None:
            by = now.champion
        asked, found = tried or await self._ask(by, body)
        self._service.answered(now, by, name, time.time(), asked, found)
        return answer(_predictions(by, asked, found), x_request_id=name, x_model_version=str(by.version))

    async def _explain(self, request: Request, headers: Headers, now: Now, name: str) -> Response:
        by = now.champion
        asked, found = await self._ask(by, await http.body_of(request, headers, by.reader.form.body_bytes))
        if asked.many:
            raise RefusedError(422, (["body"], "one example at a time"))
        added = await asyncio.to_thread(contributions, by.bundle.model, asked.matrix)
        if added is None:
            raise RefusedError(422, (["path"], UNEXPLAINED))
        moved = added[0]
        _finite(moved)
        if moved.ndim > 1:
            moved = moved[int(found[0].argmax())]
        pairs = zip(by.bundle.schema.names, moved.tolist(), strict=True)
        content = _predictions(by, asked, found)
        content["contributions"] = dict(sorted(pairs, key=lambda pair: -abs(pair[1])))
        return answer(content, x_request_id=name, x_model_version=str(by.version))

    async def _ask(self, loaded: Loaded, body: bytes) -> tuple[Asked, Predictions]:
        asked = loaded.reader.read(body)
        predicted = await self._together.predict(loaded.bundle.model, asked.matrix)
        _finite(predicted)
        return asked, predicted

    async def _try_canary(self, canary: Loaded, now: Now, body: bytes) -> tuple[Asked, Predictions] | None:
        """The canary's answer, or nothing if it has none: whatever it does wrong, the champion answers."""
        begun = time.perf_counter()
        try:
            found = await self._ask(canary, body)
        except Exception as error:
            if not isinstance(error, RefusedError):
                self._service.failed(now)
            return None
        now.canary.answered(time.perf_counter() - begun)
        self._service.stop_canary(now)
        return found


def _finite(numbers: NDArray[np.float32]) -> None:
    if not all(map(math.isfinite, numbers.ravel().tolist())):
        raise ModelError


def _predictions(by: Loaded, asked: Asked, found: Predictions) -> dict[str, Any]:
    """One answer, or one for each row, with who gave it."""
    said = {"version": by.version, "snapshot": by.snapshot}
    classes = by.bundle.schema.classes
    rows = [
        {
            "prediction": dict(zip(classes, value, strict=True)) if isinstance(value, list) else value,
            "warnings": [f"training did not see this {name}, it counts as missing" for name in unseen],
        }
        for value, unseen in zip(found.tolist(), asked.unseen, strict=True)
    ]
    return {**said, "predictions": rows} if asked.many else {**said, **rows[0]}


def _version(pipeline: str, now: Now) -> dict[str, Any]:
    about = now.champion.bundle.about
    return {
        "pipeline": pipeline,
        "version": about.version,
        "snapshot": now.champion.snapshot,
        "bundle": now.champion.bundle.folder.name,
        "trained_at": about.trained_at,
        "commit": about.commit,
        "launched_at": now.live.launched_at,
        "by": now.live.by,
        "shadow": now.shadow.version if now.shadow else None,
        "canary_share": now.live.canary_share,
        "canary_stopped": now.canary.stopped,
    }
