"""The routes. `create` makes the application for the pipeline that MODEL_PIPELINE names."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.responses import Response

from mlteam.config.pipelines import PIPELINE_VARIABLE
from mlteam.serving import telemetry
from mlteam.serving.environment import TOKEN_VARIABLE
from mlteam.serving.handlers import NOT_READY, RequestHandlers
from mlteam.serving.openapi import (
    ERROR_RESPONSES,
    ExplanationResponse,
    FailureResponse,
    HealthResponse,
    PredictionResponse,
    VersionResponse,
    extend_openapi,
)
from mlteam.serving.service import Service
from mlteam.serving.transport import build_response

POLL_SECONDS = 1
STORE_POLLS = 30


def create_app() -> FastAPI:
    """Return the application."""
    service = Service(os.environ[PIPELINE_VARIABLE])
    answers = RequestHandlers(service, (os.environ.get(TOKEN_VARIABLE) or "").strip() or None)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.pull_launches)
        await asyncio.to_thread(service.reload_if_changed)
        following = asyncio.create_task(_poll_live_pointer(service))
        yield
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        if service.log:
            await asyncio.to_thread(service.log.close)

    # The page at /docs comes from here, and sends the description to nobody who says whether it is valid.
    app = FastAPIOffline(title=service.pipeline, lifespan=lifespan, swagger_ui_parameters={"validatorUrl": None})

    @app.post("/predict", responses={200: {"model": PredictionResponse}, **ERROR_RESPONSES})
    async def predict(request: Request) -> Response:
        """Predict one example, or each of a list."""
        return await answers.predict(request)

    @app.post("/explain", responses={200: {"model": ExplanationResponse}, **ERROR_RESPONSES})
    async def explain(request: Request) -> Response:
        """Say what each feature added to the prediction of one example."""
        return await answers.explain(request)

    @app.get("/version", responses={200: {"model": VersionResponse}, 503: {"model": FailureResponse}})
    async def version() -> Response:
        """Which version answers, and what it was made from."""
        return answers.describe_version()

    @app.get("/health/live", responses={200: {"model": HealthResponse}})
    async def live() -> Response:
        """The process runs."""
        return build_response({"status": "live"})

    @app.get("/health/ready", responses={200: {"model": HealthResponse}, 503: {"model": FailureResponse}})
    async def ready() -> Response:
        """A model answers."""
        return build_response({"status": "ready"}) if service.active else build_response({"detail": NOT_READY}, 503)

    @app.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """The metrics of all workers, for Prometheus."""
        return Response(await asyncio.to_thread(telemetry.render_metrics), media_type="text/plain; version=0.0.4")

    def openapi() -> dict[str, Any]:
        routes = get_openapi(title=service.pipeline, version="1", routes=app.routes)
        return extend_openapi(routes, service.active)

    app.openapi = openapi  # type: ignore[method-assign]
    return app


async def _poll_live_pointer(service: Service) -> None:
    for poll in itertools.count(1):
        await asyncio.sleep(POLL_SECONDS)
        if poll % STORE_POLLS == 0:
            await asyncio.to_thread(service.pull_launches)
        await asyncio.to_thread(service.reload_if_changed)
