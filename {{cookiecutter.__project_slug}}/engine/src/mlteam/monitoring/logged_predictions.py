"""The rows that were served lately, as the service logged them."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlteam.core.paths import PREDICTIONS
from mlteam.data.features import Matrix
from mlteam.evaluation.metrics import Floats
from mlteam.serving.bundle import Bundle
from mlteam.serving.request import RequestReader

MAX_ROWS = 200_000


@dataclass(frozen=True)
class LoggedPredictions:
    """Rows that one version predicted, the newest first.

    Attributes:
        ids: What names each row, or None.
        matrix: Their features, shape (rows, features).
        predictions: Shape (rows,) or (rows, classes).
        last: When the newest row of any version was served, or None.
        unreadable: Lines that are no record, as the last one of a killed service.
    """

    ids: list[str | None]
    matrix: Matrix
    predictions: Floats
    last: dt.datetime | None
    unreadable: int


def read_predictions(pipeline: str, opened: Bundle, since: dt.datetime, until: dt.datetime) -> LoggedPredictions:
    """Return what the champion, or the canary that became it, answered within a stretch of time; 200,000 rows at most.

    Args:
        pipeline: Its name.
        opened: The champion's bundle.
        since: Begin of the stretch.
        until: End of it.
    """
    kept: list[dict[str, Any]] = []
    last: dt.datetime | None = None
    unreadable = 0
    names = set(opened.schema.names)
    for line in _read_lines_newest_first(pipeline):
        try:
            row = json.loads(line)
            at = dt.datetime.fromisoformat(row["at"])
            mine = row["role"] != "shadow" and row["version"] == opened.manifest.version
            whole = names <= row["features"].keys() and len(row["prediction"]) > 0
        except (ValueError, KeyError, TypeError, AttributeError):
            unreadable += 1
            continue
        if not since <= at <= until:
            continue
        if row["role"] != "shadow":
            last = max(last or at, at)
        if mine and whole and len(kept) < MAX_ROWS:
            kept.append(row)
    matrix, _ = RequestReader(opened.request_schema, opened.schema).encode([row["features"] for row in kept])
    predictions = np.asarray([row["prediction"] for row in kept], dtype=np.float64)
    if not opened.schema.classes or len(opened.schema.classes) == 2:  # noqa: PLR2004
        predictions = predictions.reshape(len(kept))
    return LoggedPredictions([row.get("id") for row in kept], matrix, predictions, last, unreadable)


def _read_lines_newest_first(pipeline: str) -> Iterator[str]:
    """Lines of the newest file first; a file that the service deletes meanwhile is left out."""
    for path in sorted((PREDICTIONS / pipeline).glob("*.jsonl"), reverse=True):
        try:
            yield from reversed(path.read_text(encoding="utf-8", errors="replace").splitlines())
        except FileNotFoundError:
            continue
