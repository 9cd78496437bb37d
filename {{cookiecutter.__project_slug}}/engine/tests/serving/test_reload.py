"""What the service does with bundles that cannot be opened, with workers that die, and with requests of `verify`."""

import gc
import json
import os
import shutil
import signal
import sys
import weakref
from pathlib import Path
from typing import Any

import httpx
import pytest
from launched import GOOD, predict, put, served, until

from mlteam.commands.verify import verify_service
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.serving import bundle, telemetry
from mlteam.serving.active_models import LoadedBundle
from mlteam.serving.service import Service

GUARD = "a-secret-of-the-team"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlteam.serving.service.RETRY_SECONDS", 0)


def _stale() -> float:
    return float(telemetry.STALE.labels("flights")._value.get())


def _failures() -> float:
    return float(telemetry.RELOAD_FAILURES.labels("flights")._value.get())


def _version(service: Service) -> int:
    assert service.active is not None
    return service.active.champion.version


def test_a_bundle_that_comes_late_is_taken_when_it_is_there(spec: Spec) -> None:
    put(spec)
    service = Service("flights")
    service.reload_if_changed()
    folder = put(spec, rounds=3).folder
    away = folder.rename(folder.with_name("away"))
    before = _failures()
    for _ in range(3):
        service.reload_if_changed()
    assert (_version(service), _stale(), _failures() - before) == (1, 1, 1)
    away.rename(folder)
    service.reload_if_changed()
    assert (_version(service), _stale()) == (2, 0)


def test_a_failure_is_tried_again_only_after_a_while(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlteam.serving.service.RETRY_SECONDS", 60)
    put(spec)
    service = Service("flights")
    service.reload_if_changed()
    folder = put(spec, rounds=3).folder
    away = folder.rename(folder.with_name("away"))
    service.reload_if_changed()
    away.rename(folder)
    service.reload_if_changed()
    assert _version(service) == 1
    live = bundle.read_live_pointer("flights")
    bundle.write_live_pointer("flights", live.model_copy(update={"by": "lin"}))
    service.reload_if_changed()  # another pointer is not kept waiting
    assert _version(service) == 2


def test_a_broken_shadow_does_not_keep_the_champion_from_answering(spec: Spec) -> None:
    put(spec)
    golden = put(spec, rounds=3, kind="shadow").folder / "golden.json"
    content = golden.read_bytes()
    golden.write_bytes(content + b" ")
    service = Service("flights")
    service.reload_if_changed()
    assert service.active is not None
    first = service.active
    assert (first.champion.version, first.shadow, _stale()) == (1, None, 1)
    service.reload_if_changed()
    assert service.active is first  # trying again changes nothing for those who ask
    golden.write_bytes(content)
    service.reload_if_changed()
    assert service.active.shadow is not None
    assert (service.active.champion, _stale()) == (first.champion, 0)


def test_a_former_version_leaves_the_memory(spec: Spec) -> None:
    put(spec)
    service = Service("flights")
    service.reload_if_changed()
    assert service.active is not None
    service.active.champion.__dict__["circle"] = service.active.champion  # as pydantic's classes refer to each other
    former: weakref.ref[LoadedBundle] = weakref.ref(service.active.champion)
    put(spec, rounds=3)
    service.reload_if_changed()
    put(spec, rounds=4)
    service.reload_if_changed()
    gc.collect()
    assert former() is None


@ON_LINUX
def test_the_gauges_of_a_dead_worker_end_with_it(spec: Spec) -> None:
    put(spec)
    with served(workers=2) as client:
        until(lambda: client.get("/health/ready").status_code == 200)
        worker = _list_workers(client.headers["x-pid"])[0]
        until(lambda: 'model_info{pipeline="flights",snapshot=' in client.get("/metrics").text)
        os.kill(worker, signal.SIGKILL)
        put(spec, rounds=3)
        until(lambda: _list_champions(client) == ['version="2"'])


def _list_workers(parent: str) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]


def _list_champions(client: httpx.Client) -> list[str]:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith("model_info{")]
    return [line.split(",")[-1].split("}")[0] for line in lines if line.endswith(" 1.0")]


def test_verify_is_no_traffic(spec: Spec) -> None:
    put(spec)
    with served() as client:
        verify_service(spec, str(client.base_url))
        predict(client, {**GOOD, "id": "last"})
        until(lambda: [line["id"] for line in _read_log()] == ["last"])
        counted = client.get("/metrics").text
        assert 'model_requests_total{pipeline="flights",route="predict",status="200"} 1.0' in counted
        assert 'model_requests_total{pipeline="flights",route="verify",status="422"} 1.0' in counted


def _read_log() -> list[dict[str, Any]]:
    files = sorted(Path("data/predictions/flights").glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_verify_holds_beside_a_canary(spec: Spec) -> None:
    put(spec)
    put(spec, rounds=3, kind="shadow", share=0.5)
    with served() as client:
        verify_service(spec, str(client.base_url))


def test_verify_advises_a_rollback_only_where_it_would_help(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    put(spec)
    with served(MODEL_TOKEN=f"{GUARD}\n") as client:
        monkeypatch.setenv("MODEL_TOKEN", f"another-{GUARD}")
        with pytest.raises(ProjectError, match="refuses the token") as refused:
            verify_service(spec, str(client.base_url))
        assert refused.value.fix is not None
        assert "rollback" not in refused.value.fix
        monkeypatch.setenv("MODEL_TOKEN", GUARD)
        verify_service(spec, str(client.base_url))
        shutil.rmtree(put(spec, rounds=3).folder / "model")
    # Launched is what cannot be opened, so that verify itself says how to fix it.
    with served() as client, pytest.raises(ProjectError, match="is missing"):
        verify_service(spec, str(client.base_url))
