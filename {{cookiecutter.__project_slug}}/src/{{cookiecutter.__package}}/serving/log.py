"""Predictions on disk for monitoring: written beside the answers, never in their way, within a bound."""

import contextlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ..paths import DATA

PREDICTIONS = DATA / "predictions"
WAITING = 20_000
PARTS = 16
SECOND = 1.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One answered row.

    Attributes:
        at: Seconds since 1970.
        request: Id of the request.
        key: What names the row, if the request said it.
        version: Who predicted it.
        snapshot: First digits of the snapshot of its training.
        role: champion, canary or shadow.
        prediction: The number, or one for each class.
        features: As they were sent.
    """

    at: float
    request: str
    key: str | None
    version: int
    snapshot: str
    role: str
    prediction: list[float]
    features: dict[str, Any]

    def line(self) -> str:
        """The entry as one line of JSON."""
        said = {
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "request": self.request,
            "id": self.key,
            "version": self.version,
            "snapshot": self.snapshot,
            "role": self.role,
            "prediction": self.prediction,
            "features": self.features,
        }
        return json.dumps(said) + "\n"


class Log:
    """Writes entries in a thread of its own.

    Args:
        folder: Where the files stand.
        megabytes: Most that all of them take; the oldest are deleted first.
        dropped: Called for each entry that was not written.
    """

    def __init__(self, folder: Path, megabytes: int, dropped: Callable[[], None]) -> None:
        self._folder, self._bytes, self._dropped = folder, megabytes * 1_000_000, dropped
        self._waiting: queue.Queue[Callable[[], list[Entry]] | None] = queue.Queue(WAITING)
        self._file: IO[str] | None = None
        self._written = 0
        self._files = 0
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def put(self, entries: Callable[[], list[Entry]]) -> None:
        """Have entries computed and written later; dropped where too many wait already."""
        try:
            self._waiting.put_nowait(entries)
        except queue.Full:
            self._dropped()

    def close(self) -> None:
        """Write what waits, and end."""
        self._waiting.put(None)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        last = time.monotonic()
        while True:
            try:
                waiting = self._waiting.get(timeout=SECOND)
            except queue.Empty:
                self._flush()
                continue
            if waiting is None:
                break
            self._write(waiting)
            if time.monotonic() - last > SECOND:
                self._flush()
                last = time.monotonic()
        self._end()

    def _write(self, waiting: Callable[[], list[Entry]]) -> None:
        try:
            text = "".join(entry.line() for entry in waiting())
            if self._file is None or self._written > self._bytes / PARTS:
                self._next()
            if self._file is not None:
                self._file.write(text)
            self._written += len(text)
        except Exception as error:  # a full disk or a bad shadow must not end the thread
            self._dropped()
            logger.warning("a prediction was not logged: %s", type(error).__name__)
            self._end()

    def _next(self) -> None:
        """Begin a new file, and make room for it."""
        self._end()
        self._folder.mkdir(parents=True, exist_ok=True)
        files = sorted(self._folder.glob("*.jsonl"))
        sizes = {path: path.stat().st_size for path in files}
        while files and sum(sizes.values()) > self._bytes * (PARTS - 1) / PARTS:
            oldest = files.pop(0)
            oldest.unlink(missing_ok=True)
            del sizes[oldest]
        self._files += 1
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{self._files:06}.jsonl"
        self._file, self._written = (self._folder / name).open("a", encoding="utf-8"), 0

    def _flush(self) -> None:
        if self._file is not None:
            try:
                self._file.flush()
            except OSError:
                self._end()

    def _end(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
