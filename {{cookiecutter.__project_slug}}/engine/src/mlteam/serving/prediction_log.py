"""Predictions on disk for monitoring: written beside the answers, never in their way, within a bound."""

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic_core import to_json

MAX_WAITING = 20_000
MAX_FILES = 16
PAUSE_SECONDS = 0.25
logger = logging.getLogger(__name__)


def format_log_line(
    at: float,
    request: str,
    key: str | None,
    version: int,
    snapshot: str,
    role: str,
    prediction: list[float],
    features: dict[str, Any],
) -> bytes:
    """One answered row as a line of JSON.

    Args:
        at: Seconds since 1970.
        request: Id of the request.
        key: What names the row, if the request said it.
        version: Who predicted it.
        snapshot: First digits of the snapshot of its training.
        role: champion, canary or shadow.
        prediction: The number, or one for each class.
        features: As they were sent.
    """
    record = {
        "at": datetime.fromtimestamp(at, UTC).isoformat(),
        "request": request,
        "id": key,
        "version": version,
        "snapshot": snapshot,
        "role": role,
        "prediction": prediction,
        "features": features,
    }
    return to_json(record) + b"\n"


class PredictionLog:
    """Writes lines in a thread of its own, many at once: each switch between threads would hold up answers.

    Args:
        folder: The folder of the files.
        megabytes: Most that all of them take; the oldest are deleted first.
        dropped: Called for each answer that was not written.
    """

    def __init__(self, folder: Path, megabytes: int, dropped: Callable[[], None]) -> None:
        # Absolute: its thread writes later, wherever the process works by then.
        self._folder, self._bytes, self._dropped = folder.absolute(), megabytes * 1_000_000, dropped
        self._waiting: deque[bytes | Callable[[], bytes]] = deque()
        self._closing = False
        self._file: IO[bytes] | None = None
        self._written = 0
        self._files = 0
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def enqueue(self, lines: bytes | Callable[[], bytes]) -> None:
        """Have lines written, or made and written, later; dropped where too many wait already."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(lines)
        else:
            self._dropped()

    def close(self) -> None:
        """Write what waits, and end."""
        self._closing = True
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._closing:
            time.sleep(PAUSE_SECONDS)
            self._drain()
        self._drain()
        self._close_file()

    def _drain(self) -> None:
        while self._waiting:
            parts, size = [], 0
            while self._waiting and size < self._bytes / MAX_FILES:
                lines = self._waiting.popleft()
                parts.append(lines if isinstance(lines, bytes) else lines())
                size += len(parts[-1])
            self._write(b"".join(parts), len(parts))

    def _write(self, text: bytes, answers: int) -> None:
        try:
            if self._file is None or self._written + len(text) > self._bytes / MAX_FILES:
                self._start_next_file(len(text))
            if self._file is not None:
                self._file.write(text)
                self._file.flush()
            self._written += len(text)
        except OSError as error:
            logger.warning("%d answers were not logged: %s", answers, error.strerror)
            for _ in range(answers):
                self._dropped()
            self._close_file()

    def _start_next_file(self, size: int) -> None:
        """Begin a new file, and make room for as much as will be written into it."""
        self._close_file()
        self._folder.mkdir(parents=True, exist_ok=True)
        files = sorted(self._folder.glob("*.jsonl"))
        sizes = {path: path.stat().st_size for path in files}
        while files and sum(sizes.values()) + max(size, self._bytes / MAX_FILES) > self._bytes:
            oldest = files.pop(0)
            oldest.unlink(missing_ok=True)
            del sizes[oldest]
        self._files += 1
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{self._files:06}.jsonl"
        self._file, self._written = (self._folder / name).open("ab"), 0

    def _close_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
