import asyncio
import dataclasses
import zlib
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from launched import GOOD, predict, put, served

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.serving import active_models, bundle
from mlteam.serving.active_models import ActiveModels, Canary, LoadedBundle
from mlteam.serving.app import create_app
from mlteam.serving.bundle import GoldenExample, LivePointer
from mlteam.serving.service import Service


def test_a_canary_answers_its_share(spec: Spec) -> None:
    put(spec)
    put(spec, rounds=3, kind="shadow", share=0.5)
    with served() as client:
        asked = [{**GOOD, "wind": place / 10} for place in range(10, 210)]
        versions = [predict(client, row).json()["version"] for row in asked]
        assert 60 < versions.count(2) < 140
        assert versions == [predict(client, row).json()["version"] for row in asked]


CHAMPION: Any = SimpleNamespace(version=1)
SHADOW: Any = SimpleNamespace(version=2)


def activate(share: float, shadow: Any = SHADOW) -> ActiveModels:
    live = LivePointer(champion="1-aaaaaaaaaaaa", shadow=None, canary_share=share, launched_at="", by="ada")
    return ActiveModels(live, CHAMPION, shadow, Canary(0.05))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_requests_are_shared_by_their_bytes(share: float) -> None:
    bodies = [b'{"row": %d}' % row for row in range(5_000)]
    active = activate(share)
    chosen = [body for body in bodies if active.route_request(body).version == 2]
    assert abs(len(chosen) / len(bodies) - share) < 0.02
    assert chosen == [body for body in bodies if zlib.crc32(body) / 2**32 < share]


def test_the_champion_answers_where_there_is_no_canary_or_a_stopped_one() -> None:
    bodies = [b"%d" % row for row in range(500)]
    stopped = activate(0.5)
    for _ in range(3):
        assert any(stopped.route_request(body) is SHADOW for body in bodies)
        stopped.canary.count_failure()
    for active in (stopped, activate(0.5, None), activate(0)):
        assert all(active.route_request(body) is CHAMPION for body in bodies)


def count(answers: int, slow: int, failures: int = 0) -> Canary:
    canary = Canary(0.05)
    for place in range(answers):
        # What takes exactly as long as the gate allows is not slow.
        canary.count_answer(0.06 if place < slow else 0.05 if place % 2 else 0.01)
    for _ in range(failures):
        canary.count_failure()
    return canary


@pytest.mark.parametrize(
    ("answers", "slow", "failures", "stopped"),
    [
        (1_000, 0, 2, False),
        (0, 0, 3, True),
        (0, 0, 4, True),
        (99, 99, 0, False),
        (100, 5, 0, False),
        (100, 6, 0, True),
        (200, 10, 0, False),
        (200, 11, 0, True),
    ],
)
def test_a_canary_is_stopped_by_its_rule(answers: int, slow: int, failures: int, stopped: bool) -> None:
    assert count(answers, slow, failures).stopped == stopped


def open_golden(predicted: Any, monkeypatch: pytest.MonkeyPatch) -> LoadedBundle:
    """Open a bundle whose golden examples say [0.2, 0.3, 0.5] and [0.1, 0.1, 0.8]."""
    examples = [GoldenExample(features={}, prediction=said) for said in ([0.2, 0.3, 0.5], [0.1, 0.1, 0.8])]
    model = SimpleNamespace(predict=lambda _: np.array(predicted))
    opened = SimpleNamespace(golden_examples=examples, model=model, request_schema=None, schema=None)
    monkeypatch.setattr(bundle, "load", lambda _: opened)
    reader = SimpleNamespace(encode=lambda rows: (rows, None))
    monkeypatch.setattr(active_models, "RequestReader", lambda *_: reader)
    return active_models.open_bundle("flights", "1-aaaaaaaaaaaa")


def test_a_bundle_has_to_predict_its_golden_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_golden([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], monkeypatch)
    assert open_golden([[0.2, 0.300005, 0.5], [0.1, 0.1, 0.8]], monkeypatch)
    with pytest.raises(ProjectError, match="no longer reproduces its golden predictions"):
        open_golden([[0.2, 0.30002, 0.5], [0.1, 0.1, 0.8]], monkeypatch)


class Failing:
    """A model that fails on what it is asked, as a broken canary does."""

    def predict(self, _: Any) -> Any:
        raise RuntimeError


def test_a_canary_that_fails_is_answered_for_by_the_champion(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    put(spec)
    put(spec, rounds=3, kind="shadow", share=0.5)
    service = Service("flights")
    service.reload_if_changed()
    assert service.active is not None
    assert service.active.shadow is not None
    broken = dataclasses.replace(service.active.shadow.bundle, model=Failing())  # type: ignore[arg-type]
    service.active = dataclasses.replace(service.active, shadow=LoadedBundle(broken, service.active.shadow.reader))
    monkeypatch.setattr("mlteam.serving.app.Service", lambda _: service)
    monkeypatch.setenv("MODEL_PIPELINE", "flights")
    said = asyncio.run(_ask("/predict", [{**GOOD, "wind": 1 + place / 10} for place in range(40)]))
    assert {content["version"] for content in said} == {1}
    assert service.active.canary.stopped


def test_a_proxy_may_put_something_before_the_path(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    put(spec)
    service = Service("flights")
    service.reload_if_changed()
    monkeypatch.setattr("mlteam.serving.app.Service", lambda _: service)
    monkeypatch.setenv("MODEL_PIPELINE", "flights")
    said = [asyncio.run(_ask(path, [GOOD], "/models")) for path in ("/predict", "/models/predict")]
    assert said[0] == said[1]
    assert said[0][0]["version"] == 1


async def _ask(path: str, rows: list[Any], root: str = "") -> list[dict[str, Any]]:
    transport = httpx.ASGITransport(app=create_app(), root_path=root)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return [(await client.post(path, json=row)).json() for row in rows]
