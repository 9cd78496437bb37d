"""The routes. `create` makes the application for the pipeline that MODEL_PIPELINE names."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from . import numbers
from .answers import NOT_READY, Answers
from .document import REFUSALS, Answer, Explanation, Failure, Health, Version, describe
from .http import answer
from .run import PIPELINE, TOKEN
from .service import Service

POLL_SECONDS = 1


class Application(FastAPI):
    """Answers what is asked most before the layers that FastAPI puts around each route, which would cost a tenth of it.

    The route of the same path describes it, and answers where a proxy puts something before the path.
    """

    def __init__(self, answers: Answers, **options: Any) -> None:
        """Take what answers, and FastAPI's own options."""
        super().__init__(**options)
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == "/predict" and scope["method"] == "POST":
            response = await self._answers.predict(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create() -> FastAPI:
    """The application."""
    service = Service(os.environ[PIPELINE])
    answers = Answers(service, os.environ.get(TOKEN))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.follow)
        following = asyncio.create_task(_follow(service))
        yield
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        if service.log:
            await asyncio.to_thread(service.log.close)

    app = Application(answers, title=service.pipeline, lifespan=lifespan)

    @app.post("/predict", responses={200: {"model": Answer}, **REFUSALS})
    async def predict(request: Request) -> Response:
        """Predict one example, or each of a list."""
        return await answers.predict(request)

    @app.post("/explain", responses={200: {"model": Explanation}, **REFUSALS})
    async def explain(request: Request) -> Response:
        """Say what each feature added to the prediction of one example."""
        return await answers.explain(request)

    @app.get("/version", responses={200: {"model": Version}, 503: {"model": Failure}})
    async def version() -> Response:
        """Which version answers, and what it was made from."""
        return answers.version()

    @app.get("/health/live", responses={200: {"model": Health}})
    async def live() -> Response:
        """The process runs."""
        return answer({"status": "live"})

    @app.get("/health/ready", responses={200: {"model": Health}, 503: {"model": Failure}})
    async def ready() -> Response:
        """A model answers."""
        return answer({"status": "ready"}) if service.now else answer({"detail": NOT_READY}, 503)

    @app.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """The metrics of all workers, for Prometheus."""
        return Response(await asyncio.to_thread(numbers.exposition), media_type="text/plain; version=0.0.4")

    def openapi() -> dict[str, Any]:
        routes = get_openapi(title=service.pipeline, version="1", routes=app.routes)
        return describe(routes, service.now)

    app.openapi = openapi  # type: ignore[method-assign]
    return app


async def _follow(service: Service) -> None:
    while True:
        await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(service.follow)
