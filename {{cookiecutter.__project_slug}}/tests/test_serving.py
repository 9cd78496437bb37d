import asyncio
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from launched import GOOD, launched, put

from {{ cookiecutter.__package }} import bundle
from {{ cookiecutter.__package }}.errors import ProjectError
from {{ cookiecutter.__package }}.serving.app import create
from {{ cookiecutter.__package }}.serving.run import serve
from {{ cookiecutter.__package }}.serving.service import Canary, Loaded, Service
from {{ cookiecutter.__package }}.spec import Spec
from {{ cookiecutter.__package }}.verify import verify

GUARD = "a-secret-of-the-team"
SERVE = """
import sys
from {{ cookiecutter.__package }}.serving.run import serve

serve("flights", "127.0.0.1", int(sys.argv[1]), int(sys.argv[2]))
"""
LOADED = """
import sys
from {{ cookiecutter.__package }}.serving import app

print([name for name in ("mlflow", "dbt") if name in sys.modules])
"""


@contextmanager
def served(workers: int = 1, **variables: str) -> Iterator[httpx.Client]:
    """A server of its own process, and a client of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = Path("server.log").open("w")  # noqa: SIM115
    command = [sys.executable, "-c", SERVE, str(port), str(workers)]
    process = subprocess.Popen(command, env=os.environ | variables, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            until(lambda: client.get("/health/live").status_code == 200)
            client.headers["x-pid"] = str(process.pid)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        log.close()


def until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come true in time: " + Path("server.log").read_text())


def predict(client: httpx.Client, content: Any) -> httpx.Response:
    return client.post("/predict", json=content)


@pytest.fixture
def client(spec: Spec) -> Iterator[httpx.Client]:
    put(spec)
    with served() as client:
        yield client


def test_the_same_number_comes_from_batch_and_from_the_service(spec: Spec, client: httpx.Client) -> None:
    opened = bundle.load(bundle.home("flights") / bundle.live("flights").champion)
    one = [predict(client, golden.features).json() for golden in opened.golden]
    many = predict(client, [golden.features for golden in opened.golden]).json()
    assert [row["prediction"] for row in one] == [row["prediction"] for row in many["predictions"]]
    assert np.allclose([row["prediction"] for row in one], [g.prediction[0] for g in opened.golden], atol=1e-7)
    assert {row["version"] for row in (*one, many)} == {1}
    assert {row["snapshot"] for row in (*one, many)} == {opened.about.snapshot[:12]}


def test_every_route_says_what_it_should(client: httpx.Client) -> None:
    answered = client.post("/predict", json=GOOD, headers={"x-request-id": "abc-1"})
    assert answered.headers["x-request-id"] == "abc-1"
    assert answered.headers["x-model-version"] == "1"
    explained = client.post("/explain", json=GOOD).json()
    assert set(explained["contributions"]) == set(GOOD)
    assert explained["prediction"] == answered.json()["prediction"]
    said = client.get("/version").json()
    assert (said["version"], said["by"], said["shadow"]) == (1, "ada", None)
    assert client.get("/health/ready").status_code == 200
    example = client.get("/openapi.json").json()["components"]["schemas"]["Example"]
    assert set(example["properties"]) == {*GOOD, "id"}
    assert example["properties"]["hour"]["maximum"] == 23
    metrics = client.get("/metrics").text
    assert 'model_requests_total{pipeline="flights",route="predict",status="200"} 1.0' in metrics
    assert 'model_ready{pipeline="flights"} 1.0' in metrics
    assert client.get("/docs").status_code == 200


BAD = {
    "missing": ({"carrier": "XX", "hour": 1}, 422, "wind"),
    "unknown": ({**GOOD, "carier": "XX"}, 422, "did you mean 'carrier'"),
    "category": ({**GOOD, "carrier": "ZZ"}, 422, "one of XX, YY"),
    "case": ({**GOOD, "carrier": "xx"}, 422, "one of XX, YY"),
    "null category": ({**GOOD, "carrier": None}, 422, "carrier"),
    "range": ({**GOOD, "hour": 24}, 422, "from 0 to 23"),
    "negative": ({**GOOD, "hour": -1}, 422, "from 0 to 23"),
    "text": ({**GOOD, "hour": "12"}, 422, "hour"),
    "boolean": ({**GOOD, "hour": True}, 422, "hour"),
    "list": ({**GOOD, "hour": [1]}, 422, "hour"),
    "key": ({**GOOD, "id": 5}, 422, "id"),
    "long key": ({**GOOD, "id": "x" * 201}, 422, "id"),
    "empty list": ([], 422, "empty"),
    "number": (5, 422, "object"),
    "list of numbers": ([5], 422, "object"),
    "too many": ([GOOD] * 1001, 413, "1,000 rows"),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One server for all bad requests, which it must outlive."""
    with launched(tmp_path_factory.mktemp("served")), served() as client:
        yield client


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_answered_is_refused_by_the_name_of_its_field(running: httpx.Client, name: str) -> None:
    content, status, said = BAD[name]
    answered = predict(running, content)
    assert answered.status_code == status
    assert said in answered.text
    assert len(answered.content) < 500
    assert "ZZ" not in answered.text


DEEP = b"[" * 100_000 + b"]" * 100_000
BYTES = {
    "empty": (b"", 400),
    "nan": (b'{"carrier": "XX", "hour": NaN, "wind": 1}', 400),
    "infinity": (b'{"carrier": "XX", "hour": -Infinity, "wind": 1}', 400),
    "1e400": (b'{"carrier": "XX", "hour": 1e400, "wind": 1}', 422),
    "5,000 digits": (b'{"carrier": "XX", "hour": ' + b"9" * 5000 + b', "wind": 1}', 400),
    "twice": (b'{"carrier": "XX", "carrier": "YY", "hour": 1, "wind": 1}', 400),
    "deep": (DEEP, 400),
    "utf-16": (json.dumps(GOOD).encode("utf-16"), 400),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), 400),
    "half a pair": (b'{"carrier": "\\ud800", "hour": 1, "wind": 1}', 422),
    "half a pair in the key": (b'{"carrier": "XX", "hour": 1, "wind": 1, "id": "\\ud800"}', 422),
    "half a pair as a field": (b'{"carrier": "XX", "hour": 1, "wind": 1, "\\ud800": 1}', 422),
    "null": (b"null", 422),
    "not JSON": (b"carrier=XX", 400),
    "2 MB": (b" " * 2_000_000, 413),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_request_are_refused(running: httpx.Client, name: str) -> None:
    content, status = BYTES[name]
    answered = running.post("/predict", content=content, headers={"content-type": "application/json"})
    assert answered.status_code == status, answered.text
    assert len(answered.content) < 500


def test_the_edges_of_http(running: httpx.Client) -> None:
    body = json.dumps(GOOD).encode()
    kind = {"content-type": "application/json"}
    chunks = (b" " * 100_000 for _ in range(30))
    assert running.post("/predict", content=chunks, headers=kind).status_code == 413
    assert running.post("/predict", content=iter([body[:9], body[9:]]), headers=kind).status_code == 200
    assert running.post("/predict", content=body).status_code == 415
    assert running.post("/predict", content=body, headers={**kind, "content-encoding": "gzip"}).status_code == 415
    assert running.get("/predict").status_code == 405
    assert running.get("/nothing").status_code == 404
    odd = running.post("/predict", json=GOOD, headers={"x-request-id": "a b;c"})
    assert " " not in odd.headers["x-request-id"]
    assert "carrier" not in running.get("/metrics").text


def test_no_field_of_a_request_reaches_the_servers_own_log(running: httpx.Client) -> None:
    predict(running, {**GOOD, "carrier": "line\nbreak\x1b[31m"})
    assert "break" not in Path("server.log").read_text()


def test_verify_finds_the_champion_and_its_numbers(spec: Spec, client: httpx.Client) -> None:
    verify(spec, str(client.base_url))


def test_verify_notices_what_is_not_the_champion(spec: Spec, client: httpx.Client) -> None:
    second = put(spec, rounds=3).folder.name
    answering = bundle.live("flights").model_copy(update={"champion": next(bundle.home("flights").glob("1-*")).name})
    bundle.point("flights", answering)
    until(lambda: client.get("/version").json()["version"] == 1)
    assert second.startswith("2-")
    with pytest.raises(ProjectError, match="champion, golden examples"):
        verify(spec, str(client.base_url))


def test_verify_says_when_nothing_answers(spec: Spec) -> None:
    put(spec)
    with pytest.raises(ProjectError, match="gives no answer"):
        verify(spec, "http://127.0.0.1:9")
    with pytest.raises(ProjectError, match="is no URL"):
        verify(spec, "file:///etc/passwd")


def test_the_service_starts_without_registry_and_warehouse() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_without_a_champion_it_lives_and_is_not_ready(spec: Spec) -> None:
    with served() as client:
        assert client.get("/health/ready").status_code == 503
        assert predict(client, GOOD).status_code == 503
        assert client.get("/version").status_code == 503
        put(spec)
        until(lambda: client.get("/health/ready").status_code == 200)
        assert predict(client, GOOD).json()["version"] == 1


def test_a_launch_under_load_loses_no_request_and_mixes_no_versions(spec: Spec, client: httpx.Client) -> None:
    answers = asyncio.run(_load(spec, client))
    assert {status for status, _ in answers} == {200}
    by_version = {version: {p for _, (v, p) in answers if v == version} for version in (1, 2)}
    assert all(len(predictions) == 1 for predictions in by_version.values())
    assert by_version[1] != by_version[2]


async def _load(spec: Spec, client: httpx.Client) -> list[tuple[int, tuple[int, float]]]:
    answers: list[tuple[int, tuple[int, float]]] = []
    done = asyncio.Event()

    async def ask(asking: httpx.AsyncClient) -> None:
        while not done.is_set():
            said = await asking.post("/predict", json=GOOD)
            content = said.json()
            answers.append((said.status_code, (content["version"], content["prediction"])))

    async with httpx.AsyncClient(base_url=client.base_url, timeout=20) as asking:
        asked = [asyncio.create_task(ask(asking)) for _ in range(20)]
        await asyncio.to_thread(put, spec, rounds=2)
        await asyncio.to_thread(until, lambda: client.get("/version").json()["version"] == 2)
        await asyncio.sleep(0.2)
        done.set()
        await asyncio.gather(*asked)
    return answers


def test_a_bad_bundle_keeps_the_old_one_and_is_counted(spec: Spec, client: httpx.Client) -> None:
    folder = put(spec, rounds=3).folder
    until(lambda: client.get("/version").json()["version"] == 2)
    broken = folder.with_name("3-" + folder.name.removeprefix("2-"))
    shutil.copytree(folder, broken)
    model = bytearray((broken / "model" / "model.ubj").read_bytes())
    model[len(model) // 2] ^= 1
    (broken / "model" / "model.ubj").write_bytes(model)
    live = bundle.live("flights")
    bundle.point("flights", live.model_copy(update={"champion": broken.name}))
    until(lambda: 'model_reload_failures_total{pipeline="flights"} 1.0' in client.get("/metrics").text)
    assert predict(client, GOOD).json()["version"] == 2
    (bundle.home("flights") / bundle.LIVE).write_text("{")
    until(lambda: 'model_reload_failures_total{pipeline="flights"} 2.0' in client.get("/metrics").text)
    assert predict(client, GOOD).json()["version"] == 2


def test_predictions_are_logged_with_who_made_them(spec: Spec, client: httpx.Client) -> None:
    put(spec, rounds=3, kind="shadow")
    until(lambda: client.get("/version").json()["shadow"] == 2)
    said = predict(client, {**GOOD, "id": "F1"}).json()
    until(lambda: len(_logged()) == 2)
    by_role = {line["role"]: line for line in _logged()}
    assert by_role["champion"]["prediction"] == [said["prediction"]]
    assert by_role["champion"]["id"] == "F1"
    assert by_role["champion"]["features"] == GOOD
    assert by_role["shadow"]["version"] == 2


def _logged() -> list[dict[str, Any]]:
    files = sorted(Path("data/predictions/flights").glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


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
        failing.failed()
    for place in range(200):
        slow.answered(0.06 if place % 10 == 0 else 0.01)
        good.answered(0.06 if place % 50 == 0 else 0.01)
    assert (failing.stopped, slow.stopped, good.stopped) == (True, True, False)


class Failing:
    """A model that fails on what it is asked, as a broken canary does."""

    def predict(self, _: Any) -> Any:
        raise RuntimeError


def test_a_canary_that_fails_is_answered_for_by_the_champion(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    put(spec)
    put(spec, rounds=3, kind="shadow", share=0.5)
    service = Service("flights")
    service.follow()
    assert service.now is not None
    assert service.now.shadow is not None
    broken = dataclasses.replace(service.now.shadow.bundle, model=Failing())  # type: ignore[arg-type]
    service.now = dataclasses.replace(service.now, shadow=Loaded(broken, service.now.shadow.reader))
    monkeypatch.setattr("{{ cookiecutter.__package }}.serving.app.Service", lambda _: service)
    monkeypatch.setenv("MODEL_PIPELINE", "flights")
    said = asyncio.run(_ask([{**GOOD, "wind": 1 + place / 10} for place in range(40)]))
    assert {content["version"] for content in said} == {1}
    assert service.now.canary.stopped


async def _ask(rows: list[Any]) -> list[dict[str, Any]]:
    transport = httpx.ASGITransport(app=create())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return [(await client.post("/predict", json=row)).json() for row in rows]


def test_workers_count_as_one(spec: Spec) -> None:
    put(spec)
    with served(workers=2) as client:
        until(lambda: client.get("/health/ready").status_code == 200)
        for _ in range(40):
            with httpx.Client(base_url=client.base_url) as fresh:
                assert predict(fresh, GOOD).status_code == 200
        expected = 'model_requests_total{pipeline="flights",route="predict",status="200"} 40.0'
        assert expected in client.get("/metrics").text


def test_a_token_is_demanded_where_there_is_one(spec: Spec) -> None:
    put(spec)
    with served(MODEL_TOKEN=GUARD) as client:
        assert predict(client, GOOD).status_code == 401
        client.headers["authorization"] = f"Bearer {GUARD}"
        assert predict(client, GOOD).status_code == 200


def test_other_machines_need_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_TOKEN", raising=False)
    with pytest.raises(ProjectError, match="MODEL_TOKEN"):
        serve("flights", "0.0.0.0", 8000, 1)  # noqa: S104
    monkeypatch.setenv("MODEL_TOKEN", "short")
    with pytest.raises(ProjectError, match="MODEL_TOKEN"):
        serve("flights", "example.org", 8000, 1)


def test_a_request_under_way_is_answered_when_the_server_is_told_to_stop(client: httpx.Client) -> None:
    body = json.dumps(GOOD).encode()

    def slowly() -> Iterator[bytes]:
        yield body[:5]
        os.kill(int(client.headers["x-pid"]), signal.SIGTERM)
        time.sleep(1)
        yield body[5:]

    kind = {"content-type": "application/json"}
    assert client.post("/predict", content=slowly(), headers=kind).status_code == 200
