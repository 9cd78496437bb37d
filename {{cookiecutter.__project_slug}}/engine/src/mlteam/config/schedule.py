"""What a pipeline file may say about when its commands run: `[schedule]`."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from mlteam.config.jobs import DEFAULTS, NEVER
from mlteam.config.settings import Settings

CRON = re.compile(r"[\d*/,-]+ [\d*/,-]+ [\d*/,-]+ [\d*/,a-zA-Z-]+ [\d*/,a-zA-Z-]+")


def _check_cron(cron: str) -> str:
    if cron != NEVER and not CRON.fullmatch(cron):
        raise ValueError(
            f'{cron!r} is not five fields of cron, such as "0 2 * * *" for 02:00 each night, nor "{NEVER}"'
        )
    return cron


class ScheduledJob(Settings):
    """When a command runs.

    Attributes:
        cron: In the five fields of cron, in UTC, which every scheduler means alike; or "never".
        owner: The role whose job it is.
        retries: How often it is tried again if something was busy or out of reach.
        minutes: After how many it is stopped.
    """

    cron: Annotated[str, AfterValidator(_check_cron)]
    owner: str = Field(pattern=r"^[a-z]\w*$")
    retries: int = Field(ge=0, le=10)
    minutes: int = Field(ge=1, le=1440)


class Schedule(Settings):
    """The commands that run without anybody asking; what is left out is as in `DEFAULTS`.

    Attributes:
        data: Fetch the sources, build the features, take the snapshot.
        monitor: Compare what was served with what was learned.
        retrain: Make a candidate of new rows, which only people launch.
    """

    data: ScheduledJob
    monitor: ScheduledJob
    retrain: ScheduledJob

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return given | {
            name: default | given.get(name, {}) if isinstance(given.get(name, {}), dict) else given[name]
            for name, default in DEFAULTS.items()
        }
