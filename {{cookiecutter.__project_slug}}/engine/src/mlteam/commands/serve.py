"""`serve`: start the HTTP service."""

import ipaddress
import os
import tempfile

from mlteam.config.pipelines import PIPELINE_VARIABLE
from mlteam.core.errors import ProjectError
from mlteam.serving.environment import TOKEN_VARIABLE

MIN_TOKEN_LENGTH = 16
GRACE_SECONDS = 10


def serve_pipeline(pipeline: str, host: str, port: int, workers: int) -> None:
    """Answer until the process is told to stop; requests under way are answered first.

    Args:
        pipeline: Its name.
        host: Address to listen on.
        port: Port to listen on.
        workers: Processes that share it.

    Raises:
        ProjectError: Other machines could ask without a token.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not _is_local(host) and len(token) < MIN_TOKEN_LENGTH:
        what = f"{host} is reachable from other machines, and {TOKEN_VARIABLE} is not set"
        raise ProjectError(
            what, fix=f"set {TOKEN_VARIABLE} to a secret of {MIN_TOKEN_LENGTH} characters or more, or leave --host out"
        )
    os.environ[PIPELINE_VARIABLE] = pipeline
    # Rows come one by one: threads would cost more than they bring. OpenMP reads this when it is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="metrics-") as shared:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
        import uvicorn

        uvicorn.run(
            "mlteam.serving.app:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
