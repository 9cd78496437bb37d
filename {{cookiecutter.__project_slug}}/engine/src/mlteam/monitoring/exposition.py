"""The findings as Prometheus metrics, which the service shows at `/metrics`; each number is finite."""

import datetime as dt
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from mlteam.core.files import write_atomically
from mlteam.core.paths import MONITORING
from mlteam.monitoring.findings import Finding

LABEL_NAMES = ["pipeline", "check", "subject"]


def write_metrics(pipeline: str, findings: Sequence[Finding], now: dt.datetime) -> None:
    """Write data/monitoring/PIPELINE.prom, whole or not at all."""
    registry = CollectorRegistry()
    wrong = Gauge("monitoring_wrong", "1 where a number is beyond its limit.", LABEL_NAMES, registry=registry)
    blind = Gauge("monitoring_unknown", "1 where there is too little to say.", LABEL_NAMES, registry=registry)
    value = Gauge("monitoring_value", "What was found.", LABEL_NAMES, registry=registry)
    last = Gauge("monitoring_last_run_timestamp_seconds", "When monitoring ran.", ["pipeline"], registry=registry)
    last.labels(pipeline).set(now.timestamp())
    for found in findings:
        labels = (pipeline, found.check, found.subject)
        wrong.labels(*labels).set(found.state == "wrong")
        blind.labels(*labels).set(found.state == "unknown")
        if found.value is not None:
            value.labels(*labels).set(found.value)
    with write_atomically(MONITORING / f"{pipeline}.prom") as part:
        part.write_bytes(generate_latest(registry))
