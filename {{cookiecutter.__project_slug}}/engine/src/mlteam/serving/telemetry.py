"""What the service counts, by Prometheus' conventions; several workers are added up at `/metrics`."""

import os
from functools import cache
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from mlteam.core.paths import MONITORING

MetricType = TypeVar("MetricType", Counter, Histogram)
LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


disable_created_metrics()  # type: ignore[no-untyped-call]


REQUESTS = Counter("model_requests", "Requests by route and status.", ["pipeline", "route", "status"])
LATENCY = Histogram(
    "model_request_seconds", "Time to answer a request.", ["pipeline", "route"], buckets=LATENCY_BUCKETS
)
PREDICTIONS = Counter("model_predictions", "Predicted rows by version and role.", ["pipeline", "version", "role"])
UNSEEN_CATEGORIES = Counter(
    "model_unseen", "Categories that training did not see, by feature.", ["pipeline", "feature"]
)
DROPPED_PREDICTIONS = Counter("model_log_dropped", "Predictions that were answered but not logged.", ["pipeline"])
RELOAD_FAILURES = Counter("model_reload_failures", "Bundles that could not be opened.", ["pipeline"])
SHADOW_FAILURES = Counter("model_shadow_failures", "Rows that the shadow could not predict.", ["pipeline"])
# Of workers that live: a worker that was killed says nothing any more.
INFO = Gauge("model_info", "1 for the champion.", ["pipeline", "version", "snapshot"], multiprocess_mode="livemax")
READY = Gauge("model_ready", "Whether a champion answers.", ["pipeline"], multiprocess_mode="livemin")
STALE = Gauge(
    "model_stale", "Whether something else answers than was launched.", ["pipeline"], multiprocess_mode="livemax"
)
CANARY_STOPPED = Gauge(
    "model_canary_stopped", "Whether a canary was stopped by its rule.", ["pipeline"], multiprocess_mode="livemax"
)


@cache
def bind_labels(metric: MetricType, *labels: str) -> MetricType:
    """Return a metric with its labels, looked up once."""
    return metric.labels(*labels)


def render_metrics() -> bytes:
    """Return all metrics as text, with what the last run of monitoring wrote."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        _forget_dead_workers(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = generate_latest(registry)
    else:
        text = generate_latest()
    return text + b"".join(_read_if_exists(path) for path in sorted(MONITORING.glob("*.prom")))


def _forget_dead_workers(folder: Path) -> None:
    """Delete the gauges of processes that are gone; their counters are still part of the sums."""
    for file in folder.glob("gauge_live*_*.db"):
        process = file.stem.rpartition("_")[2]
        if process.isdigit() and not _is_alive(int(process)):
            file.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read_if_exists(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
