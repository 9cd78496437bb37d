"""Follows the pointer of a pipeline, and records what its versions answer."""

import gc
import logging
import time

import numpy as np

from mlteam.core.errors import ProjectError
from mlteam.core.paths import PREDICTIONS
from mlteam.modeling.model import Predictions
from mlteam.serving import bundle, telemetry, transport
from mlteam.serving.active_models import ActiveModels, Canary, LoadedBundle, open_bundle
from mlteam.serving.bundle import LivePointer
from mlteam.serving.prediction_log import PredictionLog, format_log_line
from mlteam.serving.request import ParsedRequest

RETRY_SECONDS = 5
logger = logging.getLogger(__name__)


class Service:
    """Follows a pipeline's pointer; what cannot be opened leaves in place what answered before.

    Args:
        pipeline: Its name.
    """

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        self.active: ActiveModels | None = None
        self.log: PredictionLog | None = None
        self._loaded: bytes | None = None
        self._failed: bytes | None = None
        self._retry_at = 0.0
        self._reported = ""
        telemetry.READY.labels(pipeline).set(0)
        telemetry.STALE.labels(pipeline).set(0)
        for counter in (telemetry.DROPPED_PREDICTIONS, telemetry.RELOAD_FAILURES, telemetry.SHADOW_FAILURES):
            counter.labels(pipeline)  # from the start at 0: an alert on its increase must see the first one

    def pull_launches(self) -> None:
        """Take over what was launched elsewhere, if the team has a store. Never raises: what answers goes on."""
        try:
            bundle.pull_live_pointer(self.pipeline)
        except ProjectError as error:
            self._report_failure("the store is not read", error)

    def reload_if_changed(self) -> None:
        """Load what the pointer names unless it is loaded; what fails is tried again later. Never raises."""
        pointer = bundle.get_bundles_folder(self.pipeline) / bundle.LIVE_FILE
        try:
            content = pointer.read_bytes()
        except FileNotFoundError:
            content = b""
        except OSError as error:
            self._report_failure("the pointer cannot be read", error)
            return
        nothing_launched = not content and self.active is None
        if nothing_launched or content == self._loaded:
            return
        if content == self._failed and time.monotonic() < self._retry_at:
            return
        try:
            complete = self._load(bundle.read_live_pointer(self.pipeline))
        except Exception as error:  # whatever is wrong with a new model, the old one goes on answering
            self._report_failure("the bundle is not taken", error)
            complete = False
        telemetry.STALE.labels(self.pipeline).set(not complete)
        if complete:
            self._loaded, self._reported = content, ""
        else:
            self._failed, self._retry_at = content, time.monotonic() + RETRY_SECONDS

    def _load(self, live: LivePointer) -> bool:
        """Have answer what the pointer names; return whether all of it could be opened."""
        known = self._list_loaded()
        champion = known.get(live.champion) or open_bundle(self.pipeline, live.champion)
        shadow = known.get(live.shadow) or self._open_shadow(live.shadow) if live.shadow else None
        now = self.active
        if now is None or (now.live, now.champion, now.shadow) != (live, champion, shadow):
            self._activate(live, champion, shadow)
        return shadow is not None or live.shadow is None

    def _open_shadow(self, name: str) -> LoadedBundle | None:
        """Open the shadow's bundle; return None where it cannot be opened: the champion answers without it."""
        try:
            return open_bundle(self.pipeline, name)
        except Exception as error:
            self._report_failure("the shadow is not taken", error)
            return None

    def _activate(self, live: LivePointer, champion: LoadedBundle, shadow: LoadedBundle | None) -> None:
        form = champion.reader.request_schema
        if self.log is None:
            dropped = telemetry.DROPPED_PREDICTIONS.labels(self.pipeline).inc
            self.log = PredictionLog(PREDICTIONS / self.pipeline, form.log_megabytes, dropped)
        if self.active:
            self._set_info_gauge(self.active.champion, 0)
        self._set_info_gauge(champion, 1)
        telemetry.CANARY_STOPPED.labels(self.pipeline).set(0)
        telemetry.READY.labels(self.pipeline).set(1)
        self.active = ActiveModels(live, champion, shadow, Canary(form.latency_ms / 1000))
        # What is loaded stays: walking all of it for garbage would hold up the slowest answers by 50 ms. What was
        # loaded before is thawed first, or its circles would never be collected.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        logger.info("version %d answers", champion.version)

    def _report_failure(self, what: str, error: Exception) -> None:
        """Log and count a failure; one that repeats is said once, since it is tried again every few seconds."""
        message = f"{what}: {error if isinstance(error, ProjectError) else repr(error)}"
        if message != self._reported:
            logger.error(message)
            telemetry.RELOAD_FAILURES.labels(self.pipeline).inc()
        self._reported = message

    def _list_loaded(self) -> dict[str, LoadedBundle]:
        loaded = [self.active.champion, self.active.shadow] if self.active else []
        return {one.bundle.folder.name: one for one in loaded if one}

    def _set_info_gauge(self, loaded: LoadedBundle, value: int) -> None:
        telemetry.INFO.labels(self.pipeline, str(loaded.version), loaded.snapshot).set(value)

    def count_shadow_failure(self, now: ActiveModels) -> None:
        """Count a row that the shadow could not predict; a canary may be stopped by it."""
        telemetry.SHADOW_FAILURES.labels(self.pipeline).inc()
        now.canary.count_failure()
        self.report_stopped_canary(now)

    def report_stopped_canary(self, now: ActiveModels) -> None:
        """Say so where the canary's rule has stopped it."""
        if now.canary.stopped and now.live.canary_share:
            telemetry.CANARY_STOPPED.labels(self.pipeline).set(1)

    def record_predictions(
        self, now: ActiveModels, by: LoadedBundle, request: str, at: float, asked: ParsedRequest, predicted: Predictions
    ) -> None:
        """Log an answer, and have the shadow predict the same rows, both later and elsewhere."""
        role = "champion" if by is now.champion else "canary"
        telemetry.bind_labels(telemetry.PREDICTIONS, self.pipeline, str(by.version), role).inc(len(asked.rows))
        for names in asked.unseen:
            for name in names:
                telemetry.UNSEEN_CATEGORIES.labels(self.pipeline, name).inc()

        if self.log is None or transport.is_verification(request):
            return
        self.log.enqueue(_format_log_lines(by, role, request, at, asked, predicted))
        if now.shadow and by is now.champion:
            shadow = now.shadow
            self.log.enqueue(lambda: self._predict_with_shadow(now, shadow, request, at, asked))

    def _predict_with_shadow(
        self, now: ActiveModels, shadow: LoadedBundle, request: str, at: float, asked: ParsedRequest
    ) -> bytes:
        try:
            matrix, _ = shadow.reader.encode(asked.rows)
            predicted = shadow.bundle.model.predict(matrix)
            if not np.isfinite(predicted).all():
                raise ValueError("not finite")
        except Exception:  # a shadow may fail in any way; nobody waits for it
            self.count_shadow_failure(now)
            return b""
        telemetry.PREDICTIONS.labels(self.pipeline, str(shadow.version), "shadow").inc(len(asked.rows))
        return _format_log_lines(shadow, "shadow", request, at, asked, predicted)


def _format_log_lines(
    by: LoadedBundle, role: str, request: str, at: float, asked: ParsedRequest, predicted: Predictions
) -> bytes:
    given = predicted.reshape(len(asked.rows), -1).tolist()
    return b"".join(
        format_log_line(at, request, key, by.version, by.snapshot, role, prediction, features)
        for key, prediction, features in zip(asked.keys, given, asked.rows, strict=True)
    )
