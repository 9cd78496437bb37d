import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from launched import GOOD, launched, predict, served
from starlette.requests import Request

from mlteam.serving import transport
from mlteam.serving.request import RequestRejectedError

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


def test_a_body_that_does_not_arrive_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BODY_TIMEOUT_SECONDS", 0.05)
    parts = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> dict[str, Any]:
        return parts.pop() if parts else await asyncio.sleep(30, {})

    request = Request({"type": "http", "headers": []}, receive)
    headers = {b"content-type": b"application/json"}
    with pytest.raises(RequestRejectedError, match="did not arrive within") as refused:
        asyncio.run(transport.read_body(request, headers, 100))
    assert refused.value.status == 408
