"""Every launch and rollback, kept for ever as tags of the registered model; the last ones say what answers."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Literal, Self

from pydantic import Field

from . import registry
from .errors import ProjectError
from .paths import DATA
from .settings import Settings
from .spec import Spec

PREFIX = "launch."
LOCK = DATA / "launch.lock"
STAMP = "%Y%m%dT%H%M%S.%fZ"


class Record(Settings):
    """One decision about what answers.

    Attributes:
        at: When, in UTC.
        kind: `launch` makes a champion and `rollback` takes it back; `shadow` and `no_shadow` are about the shadow.
        version: The version that it was about.
        folder: Its bundle.
        by: Who decided, by the name in team.toml.
        reason: Why.
        canary_share: Share of the requests that a shadow answers.
        gates: Each gate with its number, as it was then.
    """

    at: dt.datetime
    kind: Literal["launch", "rollback", "shadow", "no_shadow"]
    version: int
    folder: str
    by: str
    reason: str = Field(min_length=1, max_length=500)
    canary_share: float = 0
    gates: tuple[str, ...] = ()


class State(Settings):
    """What answers after some records.

    Attributes:
        champions: Champions that can be gone back to, the present one last.
        shadow: What predicts beside it.
        last: The record that was made last.
    """

    champions: tuple[Record, ...] = ()
    shadow: Record | None = None
    last: Record | None = None

    @property
    def champion(self) -> Record | None:
        """What answers."""
        return self.champions[-1] if self.champions else None

    def after(self, record: Record) -> Self:
        """The state once a record was made."""
        champions, shadow = self.champions, self.shadow
        match record.kind:
            case "launch":
                champions, shadow = (*champions, record), None
            case "rollback":
                kept = [found.version for found in champions]
                place = kept.index(record.version) if record.version in kept else len(kept) - 1
                champions, shadow = (*champions[:place], record), None
            case "shadow":
                shadow = record
            case "no_shadow":
                shadow = None
        return type(self)(champions=champions, shadow=shadow, last=record)


def records(spec: Spec) -> list[Record]:
    """Every record of a pipeline, the oldest first."""
    found = registry.tags(spec)
    return [Record.model_validate_json(found[key]) for key in sorted(found) if key.startswith(PREFIX)]


def state(spec: Spec, until: dt.date | None = None) -> State:
    """What answers now, or answered at the end of a day."""
    found = State()
    for record in records(spec):
        if until is None or record.at.date() <= until:
            found = found.after(record)
    return found


def write(spec: Spec, record: Record) -> None:
    """Keep a record: from this moment it is what answers, whatever is killed afterwards."""
    registry.tag(spec, PREFIX + record.at.strftime(STAMP), record.model_dump_json())


def now(before: State) -> dt.datetime:
    """The present moment, but later than the last record, also when the clock was set back."""
    moment = dt.datetime.now(dt.UTC)
    return max(moment, before.last.at + dt.timedelta(microseconds=1)) if before.last else moment


@contextmanager
def alone() -> Iterator[None]:
    """Let one launch or rollback at a time write in this copy of the repository; a killed one lets go.

    Raises:
        ProjectError: Another one is under way.
    """
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(LOCK, timeout=5, isolation_level=None)) as lock:
        try:
            lock.execute("begin exclusive")
        except sqlite3.OperationalError:
            fix = "wait until it has ended, look at what it did, then run the command again"
            raise ProjectError("another launch is under way", where=str(LOCK), fix=fix) from None
        yield
