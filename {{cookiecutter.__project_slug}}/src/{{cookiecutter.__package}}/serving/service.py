"""What answers at this moment: the champion's bundle, beside it perhaps a shadow; followed as the pointer changes."""

import gc
import logging
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import bundle
from ..bundle import Bundle, Live
from ..errors import ProjectError
from ..model import Predictions
from ..request import Asked, Reader
from . import numbers
from .log import PREDICTIONS, Log, line

TOLERANCE = 1e-5
FAILURES = 3
SLOW_SHARE = 0.05
FEWEST = 100
HASHES = 2**32
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A bundle that is ready to answer."""

    bundle: Bundle
    reader: Reader

    @property
    def version(self) -> int:
        """Its version."""
        return self.bundle.about.version

    @property
    def snapshot(self) -> str:
        """First digits of the snapshot that it was trained on."""
        return self.bundle.about.snapshot[:12]


class Canary:
    """Counts how a canary does, and stops it.

    The rule: three rows that it could not predict, or, from 100 answers on, 5 % that took longer than the latency gate.
    """

    def __init__(self, allowed_seconds: float) -> None:
        self._allowed, self._failures, self._answers, self._slow = allowed_seconds, 0, 0, 0

    @property
    def stopped(self) -> bool:
        """Whether it must not answer any more."""
        slow = self._answers >= FEWEST and self._slow > SLOW_SHARE * self._answers
        return self._failures >= FAILURES or slow

    def failed(self) -> None:
        """Count a row that it could not predict."""
        self._failures += 1

    def answered(self, seconds: float) -> None:
        """Count an answer."""
        self._answers += 1
        self._slow += seconds > self._allowed


@dataclass(frozen=True)
class Now:
    """What answers; a request keeps the one it began with, so that versions never mix in an answer."""

    live: Live
    champion: Loaded
    shadow: Loaded | None
    canary: Canary

    def chosen(self, body: bytes) -> Loaded:
        """Who answers a request: the same one for the same bytes."""
        share = self.live.canary_share
        if self.shadow and share and not self.canary.stopped and zlib.crc32(body) < share * HASHES:
            return self.shadow
        return self.champion


class Service:
    """Follows a pipeline's pointer; what cannot be opened leaves in place what answered before.

    Args:
        pipeline: Its name.
    """

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        self.now: Now | None = None
        self.log: Log | None = None
        self._seen: bytes = b""
        numbers.READY.labels(pipeline).set(0)
        for counter in (numbers.DROPPED, numbers.RELOAD_FAILURES, numbers.SHADOW_FAILURES):
            counter.labels(pipeline)  # from the start at 0: an alert on its increase must see the first one

    def follow(self) -> None:
        """Load what the pointer names, if it names something new; never raises."""
        pointer = bundle.home(self.pipeline) / bundle.LIVE
        try:
            said = pointer.read_bytes()
        except OSError:
            said = b""
        if said == self._seen and self.now is not None:
            return
        try:
            self._load(bundle.live(self.pipeline))
        except Exception as error:  # whatever is wrong with a new model, the old one goes on answering
            if said != self._seen:
                logger.error("the bundle is not taken: %s", error if isinstance(error, ProjectError) else repr(error))
                numbers.RELOAD_FAILURES.labels(self.pipeline).inc()
        self._seen = said

    def _load(self, live: Live) -> None:
        known = {loaded.bundle.folder.name: loaded for loaded in self._loaded()}
        champion = known.get(live.champion) or self._open(live.champion)
        shadow = (known.get(live.shadow) or self._open(live.shadow)) if live.shadow else None
        form = champion.reader.form
        if self.log is None:
            dropped = numbers.DROPPED.labels(self.pipeline).inc
            self.log = Log(PREDICTIONS / self.pipeline, form.log_megabytes, dropped)
        if self.now:
            self._info(self.now.champion, 0)
        self._info(champion, 1)
        numbers.CANARY_STOPPED.labels(self.pipeline).set(0)
        numbers.READY.labels(self.pipeline).set(1)
        self.now = Now(live, champion, shadow, Canary(form.latency_ms / 1000))
        # What is loaded stays: walking all of it for garbage would hold up the slowest answers by 50 ms.
        gc.collect()
        gc.freeze()
        logger.info("version %d answers", champion.version)

    def _loaded(self) -> list[Loaded]:
        return [loaded for loaded in (self.now.champion, self.now.shadow) if loaded] if self.now else []

    def _info(self, loaded: Loaded, value: int) -> None:
        numbers.INFO.labels(self.pipeline, str(loaded.version), loaded.snapshot).set(value)

    def _open(self, name: str) -> Loaded:
        """Open a bundle and have it predict its golden examples.

        Raises:
            ProjectError: They are not what they were when the bundle was made.
        """
        opened = bundle.load(Path(bundle.home(self.pipeline)) / name)
        loaded = Loaded(opened, Reader(opened.form, opened.schema))
        rows = [dict(example.features) for example in opened.golden]
        predicted = opened.model.predict(loaded.reader.encode(rows)[0]).reshape(len(rows), -1)
        if not np.allclose(predicted, [example.prediction for example in opened.golden], atol=TOLERANCE):
            raise ProjectError("predicts its golden examples otherwise than when it was made", where=name)
        return loaded

    def failed(self, now: Now) -> None:
        """Count a row that the shadow could not predict; a canary may be stopped by it."""
        numbers.SHADOW_FAILURES.labels(self.pipeline).inc()
        now.canary.failed()
        self.stop_canary(now)

    def stop_canary(self, now: Now) -> None:
        """Say so where the canary's rule has stopped it."""
        if now.canary.stopped and now.live.canary_share:
            numbers.CANARY_STOPPED.labels(self.pipeline).set(1)

    def answered(self, now: Now, by: Loaded, request: str, at: float, asked: Asked, predicted: Predictions) -> None:
        """Log an answer, and have the shadow predict the same rows, both later and elsewhere."""
        role = "champion" if by is now.champion else "canary"
        numbers.child(numbers.PREDICTIONS, self.pipeline, str(by.version), role).inc(len(asked.rows))
        for names in asked.unseen:
            for name in names:
                numbers.UNSEEN.labels(self.pipeline, name).inc()

        if self.log is None:
            return
        self.log.put(_lines(by, role, request, at, asked, predicted))
        if now.shadow and by is now.champion:
            shadow = now.shadow
            self.log.put(lambda: self._shadowed(now, shadow, request, at, asked))

    def _shadowed(self, now: Now, shadow: Loaded, request: str, at: float, asked: Asked) -> bytes:
        try:
            matrix, _ = shadow.reader.encode(asked.rows)
            predicted = shadow.bundle.model.predict(matrix)
            if not np.isfinite(predicted).all():
                raise ValueError("not finite")
        except Exception:  # a shadow may fail in any way; nobody waits for it
            self.failed(now)
            return b""
        numbers.PREDICTIONS.labels(self.pipeline, str(shadow.version), "shadow").inc(len(asked.rows))
        return _lines(shadow, "shadow", request, at, asked, predicted)


def _lines(by: Loaded, role: str, request: str, at: float, asked: Asked, predicted: Predictions) -> bytes:
    given = predicted.reshape(len(asked.rows), -1).tolist()
    return b"".join(
        line(at, request, key, by.version, by.snapshot, role, prediction, features)
        for key, prediction, features in zip(asked.keys, given, asked.rows, strict=True)
    )
