"""The jobs of the project: what the pipelines say of when each command runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Kind = TypeVar("Kind")
CRONJOBS = Path("deploy", "kubernetes", "schedule.yaml")
# What holds where a pipeline file says nothing: when (UTC, in the five fields of cron), and whose job it is.
DEFAULTS: dict[str, dict[str, Any]] = {
    "data": {"cron": "0 2 * * *", "owner": "data_engineer", "retries": 2, "minutes": 120},
    "monitor": {"cron": "0 5 * * *", "owner": "ml_engineer", "retries": 2, "minutes": 120},
    "retrain": {"cron": "0 7 * * 0", "owner": "data_scientist", "retries": 2, "minutes": 120},
}
NEVER = "never"
UTC = ("Etc/UTC", "UTC")


@dataclass(frozen=True)
class Job:
    """A command that runs on a schedule.

    Attributes:
        name: Its name.
        arguments: The command of `mlteam` and its options.
        cron: When it runs (UTC), in the five fields of cron.
        minutes: After how many it is stopped.
        retries: How often it is tried again if something was busy or out of reach.
        owner: The role whose job it is.
    """

    name: str
    arguments: tuple[str, ...]
    cron: str
    minutes: int
    retries: int
    owner: str


def combine_jobs(schedules: Mapping[str, Mapping[str, Any]]) -> list[Job]:
    """Return the jobs of all pipelines; what all pipelines do alike is one job, because the warehouse has one writer.

    Args:
        schedules: By pipeline, the table `[schedule]`: by command, what differs from `DEFAULTS`.
    """
    jobs = []
    for command, default in DEFAULTS.items():
        settings = {name: default | _get(schedule, dict, command) for name, schedule in schedules.items()}
        alike = all(own == next(iter(settings.values())) for own in settings.values())
        if alike:
            jobs.append(_make_job(command, next(iter(settings.values()), default)))
        else:
            jobs += [_make_job(command, own, name) for name, own in settings.items()]
    return [job for job in jobs if job.cron != NEVER]


def _make_job(command: str, settings: Mapping[str, Any], pipeline: str | None = None) -> Job:
    name = f"{command}-{pipeline}".replace("_", "-") if pipeline else command
    arguments = (command, "--pipeline", pipeline) if pipeline else (command,)
    return Job(name, arguments, str(settings["cron"]), settings["minutes"], settings["retries"], str(settings["owner"]))


def read_cronjobs(content: Any) -> list[Job]:
    """Return the jobs of Kubernetes that run a command of `DEFAULTS`; what one of them lacks is empty or 0.

    A time zone other than UTC is part of `cron`, so that such a job differs from every job of a pipeline.

    Args:
        content: The list of CronJobs, as it was read from YAML.
    """
    jobs = []
    for item in _get(content, list, "items"):
        job = _get(item, dict, "spec", "jobTemplate", "spec")
        containers = _get(job, list, "template", "spec", "containers")
        arguments = tuple(map(str, _get(containers[0], list, "args"))) if containers else ()
        if arguments and arguments[0] in DEFAULTS:
            name, owner = _get(item, str, "metadata", "name"), _get(item, str, "metadata", "labels", "owner")
            minutes = _get(job, int, "activeDeadlineSeconds") // 60
            retries, zone = _get(job, int, "backoffLimit"), _get(item, str, "spec", "timeZone")
            cron = _get(item, str, "spec", "schedule") + ("" if zone in UTC else f" {zone}")
            jobs.append(Job(name, arguments, cron, minutes, retries, owner))
    return jobs


def _get(content: object, kind: type[Kind], *keys: str) -> Kind:
    """Return what nested mappings have; nothing of its kind where they have none of that kind."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content if isinstance(content, kind) else kind()
