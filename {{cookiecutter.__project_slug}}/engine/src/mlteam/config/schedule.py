"""What runs on a schedule: the CronJobs of deploy/kubernetes/schedule.yaml."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlteam.core.errors import ProjectError

SCHEDULE = Path("deploy", "kubernetes", "schedule.yaml")
CRON = re.compile(r"[\d*/,-]+ [\d*/,-]+ [\d*/,-]+ [\d*/,a-zA-Z-]+ [\d*/,a-zA-Z-]+")


@dataclass(frozen=True)
class Job:
    """A command that runs on a schedule.

    Attributes:
        name: Its name.
        arguments: The command of `mlteam` and its options.
        cron: When it runs (UTC), in the five fields of cron.
        minutes: After how many it is stopped.
        retries: How often it is tried again if something was busy or out of reach.
    """

    name: str
    arguments: tuple[str, ...]
    cron: str
    minutes: int
    retries: int


def load_jobs() -> list[Job]:
    """Read the jobs of the schedule.

    Raises:
        ProjectError: There is no such file, or a job lacks what others need to run it.
    """
    if not SCHEDULE.exists():
        raise ProjectError("there is no schedule", where=str(SCHEDULE), fix="restore the file from git")
    try:
        content = yaml.safe_load(SCHEDULE.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())[:200]
        raise ProjectError(f"not YAML: {what}", where=str(SCHEDULE), fix="fix the file") from None
    items = content.get("items") if isinstance(content, dict) else None
    jobs = [_read_job(item) for item in items or [] if isinstance(item, dict) and item.get("kind") == "CronJob"]
    if not jobs:
        raise ProjectError("there is no CronJob", where=str(SCHEDULE), fix="add one, or restore the file from git")
    return jobs


def _read_job(item: dict[str, Any]) -> Job:
    name = "without a name"
    try:
        name = str(item["metadata"]["name"])
        spec = item["spec"]
        job = spec["jobTemplate"]["spec"]
        arguments = tuple(map(str, job["template"]["spec"]["containers"][0]["args"]))
        cron, seconds = str(spec["schedule"]), int(job.get("activeDeadlineSeconds", 7200))
        retries = int(job.get("backoffLimit", 0))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        what = f"job {name} lacks a schedule or a container with args, or a limit is not a number"
        raise ProjectError(what, where=str(SCHEDULE), fix="write it as the other jobs") from None
    if not CRON.fullmatch(cron):
        what = f"schedule {cron!r} of job {name} is not five fields of cron"
        raise ProjectError(what, where=str(SCHEDULE), fix='write "0 2 * * *" for each night at 02:00')
    if spec.get("timeZone", "Etc/UTC") not in ("Etc/UTC", "UTC"):
        what = f"job {name} has the time zone {spec['timeZone']}"
        raise ProjectError(what, where=str(SCHEDULE), fix="write its time in UTC, which every scheduler means alike")
    return Job(name, arguments, cron, seconds // 60, retries)
