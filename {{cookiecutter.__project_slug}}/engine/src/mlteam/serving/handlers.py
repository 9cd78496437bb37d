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

from mlteam.modeling.attribution import get_contributions
from mlteam.modeling.model import Predictions
from mlteam.serving import telemetry, transport
from mlteam.serving.active_models import ActiveModels, LoadedBundle
from mlteam.serving.batching import MicroBatcher
from mlteam.serving.request import ParsedRequest, RequestRejectedError
from mlteam.serving.service import Service
from mlteam.serving.transport import Headers, build_rejection, build_response

NOT_READY = "no model answers yet"
NOT_EXPLAINABLE = (
    "this model does not say what moved a prediction; `predict --example FILE --explain` tries other values"
)
Handler = Callable[[Request, Headers, ActiveModels, str], Awaitable[Response]]
logger = logging.getLogger(__name__)


class ModelError(Exception):
    """The model gave no finite number."""


class RequestHandlers:
    """Answers requests with what the service has loaded.

    Args:
        service: Knows what answers.
        token: What a client must know, if anything.
    """

    def __init__(self, service: Service, token: str | None) -> None:
        self._service, self._token, self._together = service, token, MicroBatcher()

    async def predict(self, request: Request) -> Response:
        """Predict one example, or each of a list."""
        return await self._handle(request, "predict", self._predict)

    async def explain(self, request: Request) -> Response:
        """Say what each feature added to the prediction of one example."""
        return await self._handle(request, "explain", self._explain)

    def describe_version(self) -> Response:
        """Say which version answers."""
        now = self._service.active
        return (
            build_response(_format_version(self._service.pipeline, now))
            if now
            else build_response({"detail": NOT_READY}, 503)
        )

    async def _handle(self, request: Request, route: str, handler: Handler) -> Response:
        """Answer, count, and turn whatever goes wrong into a small answer."""
        begun, now = time.perf_counter(), self._service.active
        headers = dict(request.scope["headers"])
        name = transport.get_request_id(headers)
        try:
            transport.authenticate(headers, self._token)
            if now is None:
                done = build_response({"detail": NOT_READY}, 503, x_request_id=name)
            else:
                done = await handler(request, headers, now, name)
        except RequestRejectedError as error:
            done = build_rejection(error, x_request_id=name)
        except Exception:
            logger.exception("request %s failed", name)
            done = build_response({"detail": "the model failed"}, 500, x_request_id=name)
        route = "verify" if transport.is_verification(name) else route
        telemetry.bind_labels(telemetry.REQUESTS, self._service.pipeline, route, str(done.status_code)).inc()
        telemetry.bind_labels(telemetry.LATENCY, self._service.pipeline, route).observe(time.perf_counter() - begun)
        return done

    async def _predict(self, request: Request, headers: Headers, now: ActiveModels, name: str) -> Response:
        body = await transport.read_body(request, headers, now.champion.reader.request_schema.body_bytes)
        by = now.champion if transport.is_verification(name) else now.route_request(body)
        tried = None if by is now.champion else await self._try_canary(by, now, body)
        if tried:
            asked, found = tried
        else:
            asked, found = await self._parse_and_predict(now.champion, body)
            if by is not now.champion:  # it failed on, or refused, what the champion answers
                self._service.count_shadow_failure(now)
            by = now.champion
        self._service.record_predictions(now, by, name, time.time(), asked, found)
        return build_response(_format_predictions(by, asked, found), x_request_id=name, x_model_version=str(by.version))

    async def _explain(self, request: Request, headers: Headers, now: ActiveModels, name: str) -> Response:
        by = now.champion
        asked, found = await self._parse_and_predict(
            by, await transport.read_body(request, headers, by.reader.request_schema.body_bytes)
        )
        if asked.is_batch:
            raise RequestRejectedError(422, (["body"], "one example at a time"))
        added = await asyncio.to_thread(get_contributions, by.bundle.model, asked.matrix)
        if added is None:
            raise RequestRejectedError(422, (["path"], NOT_EXPLAINABLE))
        moved = added[0]
        _require_finite(moved)
        if moved.ndim > 1:
            moved = moved[int(found[0].argmax())]
        pairs = zip(by.bundle.schema.names, moved.tolist(), strict=True)
        content = _format_predictions(by, asked, found)
        content["contributions"] = dict(sorted(pairs, key=lambda pair: -abs(pair[1])))
        return build_response(content, x_request_id=name, x_model_version=str(by.version))

    async def _parse_and_predict(self, loaded: LoadedBundle, body: bytes) -> tuple[ParsedRequest, Predictions]:
        asked = loaded.reader.read(body)
        predicted = await self._together.predict(loaded.bundle.model, asked.matrix)
        _require_finite(predicted)
        return asked, predicted

    async def _try_canary(
        self, canary: LoadedBundle, now: ActiveModels, body: bytes
    ) -> tuple[ParsedRequest, Predictions] | None:
        """Return the canary's answer, or nothing if it has none: whatever it does wrong, the champion answers."""
        begun = time.perf_counter()
        try:
            found = await self._parse_and_predict(canary, body)
        except Exception:
            return None
        now.canary.count_answer(time.perf_counter() - begun)
        self._service.report_stopped_canary(now)
        return found


def _require_finite(numbers: NDArray[np.float32]) -> None:
    if not all(map(math.isfinite, numbers.ravel().tolist())):
        raise ModelError


def _format_predictions(by: LoadedBundle, asked: ParsedRequest, found: Predictions) -> dict[str, Any]:
    """One answer, or one for each row, with who gave it."""
    head = {"version": by.version, "snapshot": by.snapshot}
    classes = by.bundle.schema.classes
    rows = [
        {
            "prediction": dict(zip(classes, value, strict=True)) if isinstance(value, list) else value,
            "warnings": [f"training did not see this {name}, it counts as missing" for name in unseen],
        }
        for value, unseen in zip(found.tolist(), asked.unseen, strict=True)
    ]
    return {**head, "predictions": rows} if asked.is_batch else {**head, **rows[0]}


def _format_version(pipeline: str, now: ActiveModels) -> dict[str, Any]:
    about = now.champion.bundle.manifest
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
