"""Splits whose windows move with the rows: fixed to the days of a snapshot, or of the warehouse."""

import datetime as dt
from collections.abc import Sequence
from typing import get_args

from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.config.splits import MovingSplits, Split, TimeSplits
from mlteam.core.errors import NotCreatedError, ProjectError
from mlteam.data import datasets, snapshot, splits
from mlteam.data.snapshot import Snapshot

FIX = 'move the dates in [splits], or let them move with the newest day, as in test = "last 60 days"'


def load_spec(name: str | None, overrides: Sequence[str] = (), *, named: bool = False) -> Spec:
    """Read a pipeline as `pipelines.load_spec` does, its windows those of the newest snapshot if there is one."""
    spec = pipelines.load_spec(name, overrides, named=named)
    try:
        return fix_windows(spec, snapshot.load_newest(spec.name)) if isinstance(spec.splits, MovingSplits) else spec
    except NotCreatedError:
        return spec


def fix_windows(spec: Spec, taken: Snapshot) -> Spec:
    """Return the spec with the windows that its splits have in a snapshot."""
    if not isinstance(spec.splits, MovingSplits):
        return spec
    profile = next(column for column in taken.metadata["columns"] if column["name"] == spec.data.time)
    return splits.fix_windows(spec, *(dt.datetime.fromisoformat(profile[end]).date() for end in ("min", "max")))


def describe_unsplit_rows(spec: Spec, taken: Snapshot) -> str:
    """Return how many rows are in no split, or an empty text: new rows are beyond fixed windows sooner or later."""
    rows, outside = int(taken.metadata["rows"]), _count_unsplit_rows(spec, taken)
    return f"note: {outside:,} of {rows:,} rows are in no split; see [splits] in {spec.path}" if outside else ""


def reject_unsplit_rows(spec: Spec, taken: Snapshot) -> None:
    """Reject a snapshot most of whose rows no model would see.

    Raises:
        ProjectError: More rows are in no split than `splits.unused` permits.
    """
    if not isinstance(spec.splits, TimeSplits):
        return
    rows, outside = int(taken.metadata["rows"]), _count_unsplit_rows(spec, taken)
    if outside > spec.splits.unused * rows:
        share = f"{outside / rows:.0%}, at most {spec.splits.unused:.0%} may be"
        what = f"{outside:,} of {rows:,} rows are in no split ({share})"
        raise ProjectError(what, where=str(spec.path), fix=FIX)


def _count_unsplit_rows(spec: Spec, taken: Snapshot) -> int:
    return int(taken.metadata["rows"]) - sum(
        datasets.count_snapshot_rows(taken, spec, split, "true") for split in get_args(Split)
    )
