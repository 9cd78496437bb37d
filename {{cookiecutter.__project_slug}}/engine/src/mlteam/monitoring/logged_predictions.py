"""What was answered lately, as the service logged it."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlteam.core.paths import PREDICTIONS
from mlteam.data.features import Floats, Matrix
from mlteam.serving.bundle import Bundle
from mlteam.serving.request import RequestReader

MAX_ROWS = 200_000
ANSWERED = ("champion", "canary")


@dataclass(frozen=True)
class LoggedRow:
    """One row of the log.

    Attributes:
        at: When it was predicted.
        version: Who predicted it.
        role: champion, canary or shadow.
        key: What names the row, if the request said it.
        features: As they were sent.
        prediction: The number, or one for each class.
    """

    at: dt.datetime
    version: int
    role: str
    key: str | None
    features: dict[str, Any]
    prediction: list[float]


@dataclass(frozen=True)
class LoggedPredictions:
    """Rows that one version predicted, the newest first.

    Attributes:
        ids: What names each row, or None.
        times: When each was predicted.
        matrix: Their features, shape (rows, features).
        predictions: Shape (rows,) or (rows, classes).
    """

    ids: list[str | None]
    times: list[dt.datetime]
    matrix: Matrix
    predictions: Floats


@dataclass(frozen=True)
class PredictionHistory:
    """Rows of the log within a stretch of time.

    Attributes:
        rows: The newest first, 200,000 at most.
        last: When the newest row was answered, or None.
        unreadable: Lines that are no record, as the last one of a killed service.
    """

    rows: tuple[LoggedRow, ...]
    last: dt.datetime | None
    unreadable: int

    def select(self, opened: Bundle, since: dt.datetime) -> LoggedPredictions:
        """Return what the version of a bundle answered since then, as a canary before it became champion too."""
        version = opened.manifest.version
        return self._encode(opened, [r for r in self.rows if r.version == version and r.role in ANSWERED], since)

    def select_role(self, opened: Bundle, role: str, since: dt.datetime) -> LoggedPredictions:
        """Return what the newest version with a role predicted; `opened` is a bundle of the same classes."""
        newest = self.list_versions(role)[:1]
        return self._encode(opened, [r for r in self.rows if r.version in newest and r.role == role], since)

    def _encode(self, opened: Bundle, rows: list[LoggedRow], since: dt.datetime) -> LoggedPredictions:
        names = set(opened.schema.names)
        rows = [row for row in rows if row.at >= since and names <= row.features.keys()]
        matrix, _ = RequestReader(opened.request_schema, opened.schema).encode([row.features for row in rows])
        predictions = np.asarray([row.prediction for row in rows], dtype=np.float64)
        if not opened.schema.classes or len(opened.schema.classes) == 2:  # noqa: PLR2004
            predictions = predictions.reshape(len(rows))
        return LoggedPredictions([row.key for row in rows], [row.at for row in rows], matrix, predictions)

    def list_versions(self, role: str | None = None) -> list[int]:
        """Return the versions that answered, or those with a role, the one of the newest row first."""
        return list(dict.fromkeys(r.version for r in self.rows if r.role == role or (not role and r.role in ANSWERED)))


def read_predictions(pipeline: str, since: dt.datetime, until: dt.datetime) -> PredictionHistory:
    """Return what was predicted within a stretch of time.

    Args:
        pipeline: Its name.
        since: Begin of the stretch.
        until: End of it.
    """
    kept: list[LoggedRow] = []
    last: dt.datetime | None = None
    unreadable = 0
    for line in _read_lines_newest_first(pipeline):
        row = _parse_line(line)
        if row is None:
            unreadable += 1
        elif since <= row.at <= until:
            if row.role in ANSWERED:
                last = max(last or row.at, row.at)
            if len(kept) < MAX_ROWS:
                kept.append(row)
    return PredictionHistory(tuple(kept), last, unreadable)


def _parse_line(line: str) -> LoggedRow | None:
    try:
        found = json.loads(line)
        row = LoggedRow(
            at=dt.datetime.fromisoformat(found["at"]),
            version=found["version"],
            role=found["role"],
            key=found.get("id"),
            features=found["features"],
            prediction=found["prediction"],
        )
        return row if row.features.keys() and row.prediction[:1] else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_lines_newest_first(pipeline: str) -> Iterator[str]:
    """Lines of the newest file first; a file that the service deletes meanwhile is left out."""
    for path in sorted((PREDICTIONS / pipeline).glob("*.jsonl"), reverse=True):
        try:
            yield from reversed(path.read_text(encoding="utf-8", errors="replace").splitlines())
        except FileNotFoundError:
            continue
