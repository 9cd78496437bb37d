"""The versions that answer at this moment: the champion, and beside it perhaps a shadow or a canary."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlteam.core.errors import ProjectError
from mlteam.data.digest import shorten_digest
from mlteam.serving import bundle
from mlteam.serving.bundle import Bundle, LivePointer
from mlteam.serving.request import RequestReader

TOLERANCE = 1e-5
MAX_FAILURES = 3
MAX_SLOW_SHARE = 0.05
MIN_ANSWERS = 100
HASH_RANGE = 2**32


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


def open_bundle(pipeline: str, name: str) -> LoadedBundle:
    """Open a bundle and have it predict its golden examples.

    Args:
        pipeline: Its pipeline.
        name: Its folder, among those of the pipeline.

    Raises:
        ProjectError: A file is not what it was, or the predictions are not.
    """
    opened = bundle.load(Path(bundle.get_bundles_folder(pipeline)) / name)
    loaded = LoadedBundle(opened, RequestReader(opened.request_schema, opened.schema))
    rows = [dict(example.features) for example in opened.golden_examples]
    predicted = opened.model.predict(loaded.reader.encode(rows)[0]).reshape(len(rows), -1)
    if not np.allclose(predicted, [example.prediction for example in opened.golden_examples], atol=TOLERANCE):
        raise ProjectError("no longer reproduces its golden predictions", where=name)
    return loaded
