"""The service under load: against MLflow's server, BentoML and LitServe, and against its own empty route.

    python benchmarks/serving.py [--seconds 10] [--project PATH] [--smoke]

needs the packages of the group `benchmark` and wrk. Uses the project's champion; promotes one if there is none. One
worker each, eight connections, one example a request, on 127.0.0.1, one server after the other; wrk runs on the same
machine. The peers get an environment of their own with the newest versions. `--smoke` leaves the peers out, and uses
threads of Python where wrk is missing.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import projects
import served

PEERS = Path(__file__).with_name("peers")
# With lower bounds: without them, BentoML is resolved to a version that does not build.
PACKAGES = ["bentoml>=1.4.30", "litserve>=0.2.16", "mlflow>=3.17"]
WARM_SECONDS, SMOKE_SECONDS = 3, 1
SERVICE = "the service"
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Server:
    """A server under test.

    Attributes:
        name: What the table calls it.
        command: Starts it; PORT stands for the port.
        ready: Path that answers once it is ready.
        path: Path that predicts.
        around: Makes the content of a request from the features of one example.
        env: Variables that it needs.
        folder: Where it is started.
    """

    name: str
    command: list[str]
    ready: str
    path: str
    around: Callable[[dict[str, Any]], dict[str, Any]]
    env: dict[str, str]
    folder: Path = PEERS


def main(seconds: int, project: Path, *, smoke: bool) -> None:
    """Load one server after the other, print a table and the ratios."""
    bundle = served.champion(project)
    rates, failed = {}, 0
    print(f"{'server':<24}{'answers/s':>10}{'p99 ms':>9}{'MB':>7}  failed")
    with tempfile.TemporaryDirectory() as home:
        for server in [ours(project), *([] if smoke else peers(Path(home), project, bundle))]:
            for name, (result, memory) in measure(server, bundle, seconds, smoke=smoke).items():
                rates[name] = result.rate
                errors = result.refused + result.broken
                failed += errors if server.name == SERVICE else 0
                print(f"{name:<24}{result.rate:>10,.0f}{result.p99:>9.1f}{memory:>7.0f}  {errors}", flush=True)
    for name, rate in rates.items():
        if name != SERVICE:
            print(f"{SERVICE} over {name}: {rates[SERVICE] / rate:.2f}")
    if failed:
        raise SystemExit(f"{failed} requests to {SERVICE} failed")


def ours(project: Path) -> Server:
    """Describe the project's service, as `serve` starts it."""
    command = [projects.locate_tool(project), "serve", "--port", "PORT"]
    return Server(SERVICE, command, "/health/ready", "/predict", dict, {}, project)


def peers(home: Path, project: Path, bundle: Path) -> list[Server]:
    """Install the peers in a new environment, with the project's version of XGBoost."""
    code = "import xgboost; print(xgboost.__version__)"
    shown = subprocess.run([projects.locate_python(project), "-c", code], stdout=subprocess.PIPE, check=True)
    python = home / "peers" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", str(home / "peers")], check=True)
    packages = [*PACKAGES, f"xgboost-cpu=={shown.stdout.decode().strip()}"]
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *packages], check=True)
    env = {
        "BUNDLE": str(bundle),
        "PYTHONPATH": str(PEERS),
        "OMP_NUM_THREADS": "1",
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "BENTOML_DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    save = [str(python), "flow.py", str(home / "model")]
    subprocess.run(save, cwd=PEERS, check=True, env=os.environ | env, stderr=subprocess.DEVNULL)
    serve = [str(python.with_name("mlflow")), "models", "serve", "--env-manager", "local", "--workers", "1"]
    encoded = encoder(bundle)
    return [
        Server(
            "mlflow models serve",
            [*serve, "--model-uri", str(bundle / "model"), "--port", "PORT"],
            "/health",
            "/invocations",
            lambda row: {"dataframe_records": [encoded(row)]},
            env,
        ),
        Server(
            "mlflow, tuned",
            [*serve, "--model-uri", str(home / "model"), "--port", "PORT"],
            "/health",
            "/invocations",
            lambda row: {"dataframe_records": [row]},
            env,
        ),
        Server(
            "bentoml serve",
            [str(python.with_name("bentoml")), "serve", "bento:Bento", "--host", "127.0.0.1", "--port", "PORT"],
            "/readyz",
            "/predict",
            lambda row: {"features": row},
            env,
        ),
        Server("litserve", [str(python), "lit.py", "PORT"], "/health", "/predict", dict, env),
    ]


def encoder(bundle: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Make a request for the booster alone: MLflow serves it without the names of its categories."""
    features = json.loads((bundle / "model" / "schema.json").read_bytes())["features"]
    places = {
        feature["name"]: {text: place for place, text in enumerate(feature["categories"])} for feature in features
    }
    return lambda row: {name: float(known[row[name]]) if known else row[name] for name, known in places.items()}


def measure(server: Server, bundle: Path, seconds: int, *, smoke: bool) -> dict[str, tuple[served.Load, float]]:
    """Start a server, warm it up and load it, of the service the empty route too; memory is measured afterwards."""
    port = str(served.free())
    url = f"http://127.0.0.1:{port}"
    command = [port if word == "PORT" else word for word in server.command]
    bodies = [json.dumps(server.around(row)) for row in served.examples(bundle)]
    asked = {server.name: (url + server.path, bodies, "POST")}
    if server.name == SERVICE:
        asked["its empty route"] = (f"{url}/health/live", [""], "GET")
    found = {}
    with served.started(command, server.folder, url + server.ready, **server.env) as process:
        predicts(url + server.path, server, bundle)
        for name, (address, given, method) in asked.items():
            served.load(address, given, SMOKE_SECONDS if smoke else WARM_SECONDS, method, smoke=smoke)
            found[name] = served.load(address, given, seconds, method, smoke=smoke), served.memory(process)
    return found


def predicts(url: str, server: Server, bundle: Path) -> None:
    """Exit unless a server predicts the golden examples as the model does."""
    rows = json.loads((bundle / "golden.json").read_bytes())
    for row in (row for row in rows if row["features"] in served.examples(bundle)):
        status, answer = served.ask(url, json.dumps(server.around(row["features"])).encode())
        given = answer.get("prediction", answer.get("predictions")) if isinstance(answer, dict) else answer
        given = given[0] if isinstance(given, list) else given
        if not isinstance(given, float) or abs(given - row["prediction"][0]) > TOLERANCE:
            raise SystemExit(f"{server.name} answers {status}, {answer!r}; the model predicts {row['prediction']}")


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="length of each load")
    given = parser.parse_args()
    with projects.open_project(given.project, smoke=given.smoke) as opened:
        served.ensure_champion(opened)
        main(SMOKE_SECONDS if given.smoke else given.seconds, opened, smoke=given.smoke)
