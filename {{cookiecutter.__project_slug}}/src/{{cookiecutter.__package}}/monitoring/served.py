"""The rows that were served lately, as the service logged them."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle import Bundle
from ..features import Matrix
from ..metrics import Floats
from ..paths import DATA
from ..request import Reader

PREDICTIONS = DATA / "predictions"
MOST_ROWS = 200_000


@dataclass(frozen=True)
class Served:
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


def read(pipeline: str, opened: Bundle, since: dt.datetime, until: dt.datetime) -> Served:
    """What the champion, or the canary that became it, answered within a stretch of time; 200,000 rows at most.

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
    for line in _lines(pipeline):
        try:
            row = json.loads(line)
            at = dt.datetime.fromisoformat(row["at"])
            mine = row["role"] != "shadow" and row["version"] == opened.about.version
            whole = names <= row["features"].keys() and len(row["prediction"]) > 0
        except (ValueError, KeyError, TypeError, AttributeError):
            unreadable += 1
            continue
        if not since <= at <= until:
            continue
        if row["role"] != "shadow":
            last = max(last or at, at)
        if mine and whole and len(kept) < MOST_ROWS:
            kept.append(row)
    matrix, _ = Reader(opened.form, opened.schema).encode([row["features"] for row in kept])
    predictions = np.asarray([row["prediction"] for row in kept], dtype=np.float64)
    if not opened.schema.classes or len(opened.schema.classes) == 2:  # noqa: PLR2004
        predictions = predictions.reshape(len(kept))
    return Served([row.get("id") for row in kept], matrix, predictions, last, unreadable)


def _lines(pipeline: str) -> Iterator[str]:
    """Lines of the newest file first; a file that the service deletes meanwhile is left out."""
    for path in sorted(Path(PREDICTIONS / pipeline).glob("*.jsonl"), reverse=True):
        try:
            yield from reversed(path.read_text(encoding="utf-8", errors="replace").splitlines())
        except FileNotFoundError:
            continue
