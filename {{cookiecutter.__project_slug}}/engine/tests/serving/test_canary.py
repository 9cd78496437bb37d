import asyncio
import dataclasses
from typing import Any

import httpx
import pytest
from launched import GOOD, predict, put, served

from mlteam.config.spec import Spec
from mlteam.serving.active_models import Canary, LoadedBundle
from mlteam.serving.app import create_app
from mlteam.serving.service import Service


def test_a_canary_answers_its_share(spec: Spec) -> None:
    put(spec)
    put(spec, rounds=3, kind="shadow", share=0.5)
    with served() as client:
        asked = [{**GOOD, "wind": place / 10} for place in range(10, 210)]
        versions = [predict(client, row).json()["version"] for row in asked]
        assert 60 < versions.count(2) < 140
        assert versions == [predict(client, row).json()["version"] for row in asked]


def test_a_canary_is_stopped_by_its_rule() -> None:
    failing, slow, good = Canary(0.05), Canary(0.05), Canary(0.05)
    for _ in range(3):
        failing.count_failure()
    for place in range(200):
        slow.count_answer(0.06 if place % 10 == 0 else 0.01)
        good.count_answer(0.06 if place % 50 == 0 else 0.01)
    assert (failing.stopped, slow.stopped, good.stopped) == (True, True, False)


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
