import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from launched import GOOD, predict, put, served, until
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from mlteam.commands.serve import serve_pipeline
from mlteam.commands.verify import verify_service
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.serving import bundle
from mlteam.serving.app import create_app

GUARD = "a-secret-of-the-team"


LOADED = """
import sys
from mlteam.serving import app

print([name for name in ("mlflow", "dbt", "sklearn") if name in sys.modules])
"""


@pytest.fixture
def client(spec: Spec) -> Iterator[httpx.Client]:
    put(spec)
    with served() as client:
        yield client


def test_the_same_number_comes_from_batch_and_from_the_service(spec: Spec, client: httpx.Client) -> None:
    opened = bundle.load(bundle.get_bundles_folder("flights") / bundle.read_live_pointer("flights").champion)
    one = [predict(client, golden.features).json() for golden in opened.golden_examples]
    many = predict(client, [golden.features for golden in opened.golden_examples]).json()
    assert [row["prediction"] for row in one] == [row["prediction"] for row in many["predictions"]]
    assert np.allclose([row["prediction"] for row in one], [g.prediction[0] for g in opened.golden_examples], atol=1e-7)
    assert {row["version"] for row in (*one, many)} == {1}
    assert {row["snapshot"] for row in (*one, many)} == {opened.manifest.snapshot[:12]}


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


def test_the_page_of_the_api_needs_no_other_server(client: httpx.Client) -> None:
    page = client.get("/docs").text
    fetched = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(fetched) >= 3
    for url in fetched:
        assert client.get(url).status_code == 200, url
    assert "http" not in re.sub(r"<!--.*?-->", "", page.replace("http-equiv", ""))


def test_verify_finds_the_champion_and_its_numbers(spec: Spec, client: httpx.Client) -> None:
    verify_service(spec, str(client.base_url))


def test_verify_notices_what_is_not_the_champion(spec: Spec, client: httpx.Client) -> None:
    second = put(spec, rounds=3).folder.name
    answering = bundle.read_live_pointer("flights").model_copy(
        update={"champion": next(bundle.get_bundles_folder("flights").glob("1-*")).name}
    )
    bundle.write_live_pointer("flights", answering)
    until(lambda: client.get("/version").json()["version"] == 1)
    assert second.startswith("2-")
    with pytest.raises(ProjectError, match="champion, golden examples"):
        verify_service(spec, str(client.base_url))


def test_verify_says_when_nothing_answers(spec: Spec) -> None:
    put(spec)
    with pytest.raises(ProjectError, match=r"no response: .*refused") as refused:
        verify_service(spec, "http://127.0.0.1:9/below/")
    assert refused.value.where == "http://127.0.0.1:9/below/version"
    for url in ("file:///etc/passwd", "127.0.0.1:8000", "http://", "http://x:y", ""):
        with pytest.raises(ProjectError, match="is not a URL"):
            verify_service(spec, url)


@pytest.mark.parametrize("body", [b"<html>", b"[1]"])
def test_verify_says_when_something_else_answers(spec: Spec, body: bytes) -> None:
    put(spec)

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(ProjectError, match="not a JSON object"):
            verify_service(spec, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


def test_the_service_starts_without_registry_and_warehouse() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_middleware_that_a_team_adds_sees_every_route(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_PIPELINE", "flights")
    app, seen = create_app(), []

    @app.middleware("http")
    async def record(request: Request, call_next: RequestResponseEndpoint) -> Response:
        seen.append(f"{request.method} {request.url.path}")
        return await call_next(request)

    calls = ["POST /predict", "POST /explain", "GET /version", "GET /health/live", "GET /health/ready", "GET /metrics"]

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as asking:
            for method, path in map(str.split, calls):
                await asking.request(method, path, json=GOOD)

    asyncio.run(ask())
    assert seen == calls


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
    live = bundle.read_live_pointer("flights")
    bundle.write_live_pointer("flights", live.model_copy(update={"champion": broken.name}))
    until(lambda: 'model_reload_failures_total{pipeline="flights"} 1.0' in client.get("/metrics").text)
    assert predict(client, GOOD).json()["version"] == 2
    (bundle.get_bundles_folder("flights") / bundle.LIVE_FILE).write_text("{")
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
        serve_pipeline("flights", "0.0.0.0", 8000, 1)  # noqa: S104
    monkeypatch.setenv("MODEL_TOKEN", "short")
    with pytest.raises(ProjectError, match="MODEL_TOKEN"):
        serve_pipeline("flights", "example.org", 8000, 1)


def test_a_request_under_way_is_answered_when_the_server_is_told_to_stop(client: httpx.Client) -> None:
    body = json.dumps(GOOD).encode()

    def slowly() -> Iterator[bytes]:
        yield body[:5]
        os.kill(int(client.headers["x-pid"]), signal.SIGTERM)
        time.sleep(1)
        yield body[5:]

    kind = {"content-type": "application/json"}
    assert client.post("/predict", content=slowly(), headers=kind).status_code == 200
