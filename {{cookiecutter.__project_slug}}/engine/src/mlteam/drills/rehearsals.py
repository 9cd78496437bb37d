"""Drills of what answers: a canary that fails, and a version that has to be taken back."""

import asyncio
import dataclasses
import itertools
import json
from collections.abc import Callable
from typing import NoReturn, cast

from starlette.requests import Request
from starlette.responses import Response

from mlteam.config.spec import ModelSpec, Spec
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot
from mlteam.drills import served
from mlteam.launch import publish
from mlteam.modeling.model import Model, fit_model
from mlteam.modeling.training import load_training_examples
from mlteam.registry import launch_log, versions
from mlteam.registry.launch_log import LaunchRecord
from mlteam.registry.versions import RegisteredVersion
from mlteam.serving import bundle
from mlteam.serving.active_models import open_bundle
from mlteam.serving.bundle import LivePointer
from mlteam.serving.handlers import RequestHandlers
from mlteam.serving.service import Service

MAX_REQUESTS = 200
SHARE = 0.5
DRILLER = "drill"


class _Broken:
    """A model that fails on every row, which a bundle's golden examples cannot show beforehand."""

    def predict(self, _: object) -> NoReturn:
        raise RuntimeError("the drill broke it")


def register_mean(spec: Spec) -> RegisteredVersion:
    """Register the mean of all rows as a version, the newest one."""
    opened, taken = versions.open_version(spec), snapshot.load_newest(spec.name)
    plain = spec.model_copy(update={"model": ModelSpec(factory="mlteam.modeling:GroupMean")})
    schema, learn, watch = load_training_examples(plain, taken)
    mean = fit_model(plain, "model", learn, watch, schema)
    return versions.register(plain, taken.digest, schema, mean, opened.baseline, opened.linear)


def fail_canary(spec: Spec) -> str:
    """Let a canary fail on each row; return what was seen if it was stopped and every request had an answer."""
    opened = served.open_newest_as_bundle(spec)
    pointer = LivePointer(
        champion=opened.folder.name, shadow=opened.folder.name, canary_share=SHARE, launched_at="", by=DRILLER
    )
    bundle.write_live_pointer(spec.name, pointer)
    service = Service(spec.name)
    service.reload_if_changed()
    now = service.active
    if now is None or now.shadow is None:
        raise ProjectError("the service takes no canary")
    broken = dataclasses.replace(now.shadow.bundle, model=cast(Model, _Broken()))
    service.active = now = dataclasses.replace(now, shadow=dataclasses.replace(now.shadow, bundle=broken))
    examples = itertools.islice(itertools.cycle(opened.golden_examples), MAX_REQUESTS)
    # Blanks make each request another one, of which the canary gets its share.
    bodies = [json.dumps(one.features).encode() + b" " * number for number, one in enumerate(examples)]
    try:
        answers = asyncio.run(_ask(service, bodies))
    finally:
        if service.log:
            service.log.close()
    if not now.canary.stopped or any(answer.status_code != 200 for answer in answers):  # noqa: PLR2004
        return ""
    return f"the canary was stopped by its failures, and all {len(answers)} requests had an answer of the champion"


async def _ask(service: Service, bodies: list[bytes]) -> list[Response]:
    handlers = RequestHandlers(service, None)
    return [await handlers.predict(_make_request(body)) for body in bodies]


def _make_request(body: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return Request({"type": "http", "method": "POST", "path": "/predict", "headers": headers}, receive)


def take_back(spec: Spec, roll_back: Callable[[Spec], object]) -> str:
    """Launch the candidate and then the mean of all rows, and roll back; return which version answers as it did."""
    good = versions.open_version(spec)
    bad = versions.open_version(spec, str(register_mean(spec).number))
    folders = {}
    for version in (good, bad):
        folders[version.number] = publish.publish_bundle(spec, version).name
        record = LaunchRecord(
            at=launch_log.get_next_timestamp(launch_log.get_launch_state(spec)),
            kind="launch",
            version=version.number,
            folder=folders[version.number],
            by=DRILLER,
            reason="a drill",
        )
        launch_log.append_launch_record(spec, record)
    roll_back(spec)
    # Opening it has it predict its golden examples.
    answering = open_bundle(spec.name, bundle.read_live_pointer(spec.name).champion)
    if answering.bundle.folder.name != folders[good.number]:
        return ""
    return f"version {answering.version} is the champion as before, and predicts its golden examples"
