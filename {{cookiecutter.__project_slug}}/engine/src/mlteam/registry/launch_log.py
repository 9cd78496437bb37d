"""Every launch and rollback, kept permanently as tags of the registered model; the last ones name the champion."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Self

from pydantic import Field

from mlteam.config.settings import Settings
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.files import hold_lock
from mlteam.core.paths import DATA, LAUNCH_LOCK
from mlteam.registry import versions
from mlteam.registry.tracking import get_registry_folder, is_on_server


def find_version_as_of(spec: Spec, day: dt.date) -> tuple[str, str]:
    """Return the version that was the champion at the end of a day (UTC), and why it is the one of that day.

    Before the first launch it is the version registered last until then.

    Raises:
        ProjectError: There was none yet.
    """
    champion = get_launch_state(spec, day).champion
    if champion:
        return str(champion.version), f"was the champion on {day}"
    before = [version for version, registered in versions.list_versions(spec) if registered.date() <= day]
    if not before:
        fix = "`history -- --rescore test` lists all versions with their dates"
        raise ProjectError(f"{spec.name} had no version on {day}", fix=fix)
    return str(max(before)), f"was registered last until {day}; nothing was launched by then"


TAG_PREFIX = "launch."
LOCK_TIMEOUT_SECONDS = 5
TIMESTAMP_FORMAT = "%Y%m%dT%H%M%S.%fZ"


class LaunchRecord(Settings):
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


class LaunchState(Settings):
    """What answers after some records.

    Attributes:
        champions: Champions that can be restored, the present one last.
        shadow: What predicts beside it.
        last: The record that was made last.
    """

    champions: tuple[LaunchRecord, ...] = ()
    shadow: LaunchRecord | None = None
    last: LaunchRecord | None = None

    @property
    def champion(self) -> LaunchRecord | None:
        """What answers."""
        return self.champions[-1] if self.champions else None

    def apply(self, record: LaunchRecord) -> Self:
        """Return the state once a record was made."""
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


def list_launch_records(spec: Spec) -> list[LaunchRecord]:
    """Return every record of a pipeline, the oldest first."""
    found = versions.get_model_tags(spec)
    return [LaunchRecord.model_validate_json(found[key]) for key in sorted(found) if key.startswith(TAG_PREFIX)]


def get_launch_state(spec: Spec, until: dt.date | None = None) -> LaunchState:
    """Return what answers now, or answered at the end of a day."""
    found = LaunchState()
    for record in list_launch_records(spec):
        if until is None or record.at.date() <= until:
            found = found.apply(record)
    return found


def append_launch_record(spec: Spec, record: LaunchRecord) -> None:
    """Keep a record: from this moment it is what answers, whatever is killed afterwards."""
    versions.set_model_tag(spec, TAG_PREFIX + record.at.strftime(TIMESTAMP_FORMAT), record.model_dump_json())


def get_next_timestamp(before: LaunchState) -> dt.datetime:
    """Return the present moment, but later than the last record, also when the clock was set back."""
    moment = dt.datetime.now(dt.UTC)
    return max(moment, before.last.at + dt.timedelta(microseconds=1)) if before.last else moment


@contextmanager
def lock_launches() -> Iterator[None]:
    """Let one launch or rollback at a time write in this copy of the repository, or in the folder that is its store.

    Raises:
        ProjectError: Another process holds the lock for more than five seconds.
    """
    path = (DATA if is_on_server() else get_registry_folder()) / LAUNCH_LOCK.name
    fix = "wait for it to end, check its result, then run the command again"
    with hold_lock(path, "another launch is under way", fix, LOCK_TIMEOUT_SECONDS):
        yield
