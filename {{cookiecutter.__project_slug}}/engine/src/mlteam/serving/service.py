"""What answers at this moment: the champion's bundle, beside it perhaps a shadow; followed as the pointer changes."""

import gc
import logging
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlteam.core.errors import ProjectError
from mlteam.core.paths import PREDICTIONS
from mlteam.data.digest import shorten_digest
from mlteam.modeling.model import Predictions
from mlteam.serving import bundle, telemetry
from mlteam.serving.bundle import Bundle, LivePointer
from mlteam.serving.prediction_log import PredictionLog, format_log_line
from mlteam.serving.request import ParsedRequest, RequestReader

TOLERANCE = 1e-5
MAX_FAILURES = 3
MAX_SLOW_SHARE = 0.05
MIN_ANSWERS = 100
HASH_RANGE = 2**32
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoadedBundle:
    """A bundle that is ready to answer."""

    bundle: Bundle
    reader: RequestReader

    @property
    def version(self) -> int:
        """Its version."""
        return self.bundle.manifest.version

    @property
    def snapshot(self) -> str:
        """First digits of the snapshot that it was trained on."""
        return shorten_digest(self.bundle.manifest.snapshot)


class Canary:
    """Counts how a canary does, and stops it.

    The rule: three rows that it could not predict, or, from 100 answers on, 5 % that took longer than the latency gate.
    """

    def __init__(self, allowed_seconds: float) -> None:
        self._allowed, self._failures, self._answers, self._slow = allowed_seconds, 0, 0, 0

    @property
    def stopped(self) -> bool:
        """Whether it must not answer any more."""
        slow = self._answers >= MIN_ANSWERS and self._slow > MAX_SLOW_SHARE * self._answers
        return self._failures >= MAX_FAILURES or slow

    def count_failure(self) -> None:
        """Count a row that it could not predict."""
        self._failures += 1

    def count_answer(self, seconds: float) -> None:
        """Count an answer."""
        self._answers += 1
        self._slow += seconds > self._allowed


@dataclass(frozen=True)
class ActiveModels:
    """What answers; a request keeps the one it began with, so that versions never mix in an answer."""

    live: LivePointer
    champion: LoadedBundle
    shadow: LoadedBundle | None
    canary: Canary

    def route_request(self, body: bytes) -> LoadedBundle:
        """Return who answers a request: the same one for the same bytes."""
        share = self.live.canary_share
        if self.shadow and share and not self.canary.stopped and zlib.crc32(body) < share * HASH_RANGE:
            return self.shadow
        return self.champion


class Service:
    """Follows a pipeline's pointer; what cannot be opened leaves in place what answered before.

    Args:
        pipeline: Its name.
    """

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        self.active: ActiveModels | None = None
        self.log: PredictionLog | None = None
        self._seen: bytes = b""
        telemetry.READY.labels(pipeline).set(0)
        for counter in (telemetry.DROPPED_PREDICTIONS, telemetry.RELOAD_FAILURES, telemetry.SHADOW_FAILURES):
            counter.labels(pipeline)  # from the start at 0: an alert on its increase must see the first one

    def reload_if_changed(self) -> None:
        """Load what the pointer names, if it names something new; never raises."""
        pointer = bundle.get_bundles_folder(self.pipeline) / bundle.LIVE_FILE
        try:
            content = pointer.read_bytes()
        except OSError:
            content = b""
        if content == self._seen and self.active is not None:
            return
        try:
            self._load(bundle.read_live_pointer(self.pipeline))
        except Exception as error:  # whatever is wrong with a new model, the old one goes on answering
            if content != self._seen:
                logger.error("the bundle is not taken: %s", error if isinstance(error, ProjectError) else repr(error))
                telemetry.RELOAD_FAILURES.labels(self.pipeline).inc()
        self._seen = content

    def _load(self, live: LivePointer) -> None:
        known = {loaded.bundle.folder.name: loaded for loaded in self._list_loaded()}
        champion = known.get(live.champion) or self._open(live.champion)
        shadow = (known.get(live.shadow) or self._open(live.shadow)) if live.shadow else None
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
        # What is loaded stays: walking all of it for garbage would hold up the slowest answers by 50 ms.
        gc.collect()
        gc.freeze()
        logger.info("version %d answers", champion.version)

    def _list_loaded(self) -> list[LoadedBundle]:
        return [loaded for loaded in (self.active.champion, self.active.shadow) if loaded] if self.active else []

    def _set_info_gauge(self, loaded: LoadedBundle, value: int) -> None:
        telemetry.INFO.labels(self.pipeline, str(loaded.version), loaded.snapshot).set(value)

    def _open(self, name: str) -> LoadedBundle:
        """Open a bundle and have it predict its golden examples.

        Raises:
            ProjectError: They are not what they were when the bundle was made.
        """
        opened = bundle.load(Path(bundle.get_bundles_folder(self.pipeline)) / name)
        loaded = LoadedBundle(opened, RequestReader(opened.request_schema, opened.schema))
        rows = [dict(example.features) for example in opened.golden_examples]
        predicted = opened.model.predict(loaded.reader.encode(rows)[0]).reshape(len(rows), -1)
        if not np.allclose(predicted, [example.prediction for example in opened.golden_examples], atol=TOLERANCE):
            raise ProjectError("no longer reproduces its golden predictions", where=name)
        return loaded

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

        if self.log is None:
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
