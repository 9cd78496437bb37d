"""A launched version in MLServer: the folder that `export` writes loads there, and answers as the project does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import baking
import pytest
import yaml
from paging import address, allow_slow_answers, get, wait

pytestmark = [pytest.mark.slow, pytest.mark.long]

UV = (sys.executable, "-m", "uv")
AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


@pytest.fixture(scope="module")
def exported(demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo's project exports of a version that it has launched."""
    project = baking.copy(demonstrated[0], tmp_path_factory.mktemp("exported") / demonstrated[0].name)
    allow_slow_answers(project / "pipelines" / "flight_delays.toml")
    for words in (("add", "--all"), (*AUTHOR, "commit", "--quiet", "--no-verify", "--message", "as it is")):
        subprocess.run(("git", *words), cwd=project, check=True)
    launch = ("launch", "--version", "candidate", "--by", "ada", "--reason", "the first")
    for step in (("train",), launch, ("export", "--uri", "s3://models/flight_delays")):
        done = baking.run(*UV, "run", "--quiet", "mlteam", *step, cwd=project, env=baking.fresh_machine())
        assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (project / "data" / "export").iterdir()
    return folder


def test_mlserver_answers_with_the_golden_predictions(exported: Path, tmp_path: Path) -> None:
    programs = baking.install(tmp_path / "venv", "mlserver>=1.7,<2", "mlserver-xgboost>=1.7,<2")
    http, grpc, metrics = (address() for _ in range(3))
    ports = {name: int(at.rpartition(":")[2]) for name, at in (("http", http), ("grpc", grpc), ("metrics", metrics))}
    settings = {"host": "127.0.0.1", "parallel_workers": 0} | {f"{name}_port": port for name, port in ports.items()}
    models = tmp_path / "models"
    shutil.copytree(exported, models / exported.name)
    (models / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    request = json.loads((exported / "request.json").read_text(encoding="utf-8"))
    expected = json.loads((exported / "predictions.json").read_text(encoding="utf-8"))
    with (tmp_path / "log").open("wb") as log:
        command = (programs / "python", programs / "mlserver", "start", models)
        server = subprocess.Popen([str(part) for part in command], cwd=models, stdout=log, stderr=log)
    try:
        wait("MLServer answers", lambda: server.poll() is None and get(http, "/v2/models/flight_delays/infer", request))
        (answer,) = json.loads(get(http, "/v2/models/flight_delays/infer", request))["outputs"]
        about = json.loads(get(http, "/v2/models/flight_delays"))
    finally:
        server.terminate()
        server.wait(timeout=30)
    assert len(expected) > 1
    assert answer["name"] == "predict"
    assert answer["data"] == pytest.approx([number for row in expected for number in row], abs=1e-6)
    assert about["inputs"][0]["shape"] == [-1, request["inputs"][0]["shape"][1]]


def test_the_manifest_of_kserve_names_the_protocol_and_the_address(exported: Path) -> None:
    manifest = yaml.safe_load((exported / "kserve.yaml").read_text(encoding="utf-8"))
    assert manifest["kind"] == "InferenceService"
    model = manifest["spec"]["predictor"]["model"]
    assert (model["modelFormat"]["name"], model["protocolVersion"]) == ("xgboost", "v2")
    assert model["storageUri"] == "s3://models/flight_delays"
