"""The CronJobs of Kubernetes, brought up to date in the team's own file."""

import re

import yaml

from mlteam.config.jobs import CRONJOBS, DEFAULTS, Job, read_cronjobs
from mlteam.core.errors import ProjectError

BEGINNING = "  - apiVersion: batch/v1\n"
# A further CronJob shares everything with the first one but what is here.
FURTHER = """    kind: CronJob
    metadata: {name: job, namespace: NAMESPACE, labels: {owner: role}}
    spec:
      <<: *schedule
      schedule: "0 0 * * *"
      jobTemplate:
        spec: {<<: *job, template: {metadata: *labels, spec: {<<: *pod, containers: [{<<: *container, args: []}]}}}
"""
NAME = re.compile(r"(?m)^    metadata: \{name: ([\w-]+), namespace: ([\w-]+)(?:, labels: \{owner: \w+\})?\}")
SCHEDULE = re.compile(r'(?m)^      schedule: ".*"')
ARGUMENTS = re.compile(r"args: \[([\w-]*)[^\]]*\]")
LIMITS = re.compile(r"(?m)^(?P<indent> +)(?P<name>backoffLimit|activeDeadlineSeconds): \d+")
OWN_LIMITS = re.compile(r"\{<<: \*job(, backoffLimit: \d+)?(, activeDeadlineSeconds: \d+)?,")


def update_cronjobs(jobs: list[Job]) -> str:
    """Return the file of the CronJobs with these jobs; what else the team wrote there stays.

    Raises:
        ProjectError: The file is not there, or no longer as it came, so that nobody knows what to change.
    """
    if not CRONJOBS.exists():
        raise ProjectError("is missing", where=str(CRONJOBS), fix="restore the file from git")
    head, *items = CRONJOBS.read_text(encoding="utf-8").split(BEGINNING)
    known = {found[1]: item for item in items if (found := NAME.search(item))}
    if jobs and items and (named := NAME.search(items[0])):
        further = FURTHER.replace("NAMESPACE", named[2])
        first = _write_limits(_fill(items[0], jobs[0]), jobs[0])
        rest = [_override_limits(_fill(known.get(job.name, further), job), job, jobs[0]) for job in jobs[1:]]
        theirs = [item for item in items[1:] if (found := ARGUMENTS.search(item)) and found[1] not in DEFAULTS]
        text = BEGINNING.join([head, first, *rest, *theirs])
        if read_cronjobs(yaml.safe_load(text)) == jobs:
            return text
    what = "the CronJobs are not written as they came, so they cannot be brought up to date"
    raise ProjectError(what, where=str(CRONJOBS), fix="restore the file from git, or write them by hand")


def _fill(item: str, job: Job) -> str:
    named = f"    metadata: {{name: {job.name}, namespace: \\2, labels: {{owner: {job.owner}}}}}"
    item = SCHEDULE.sub(f'      schedule: "{job.cron}"', NAME.sub(named, item))
    return ARGUMENTS.sub(f"args: [{', '.join(job.arguments)}]", item)


def _write_limits(item: str, job: Job) -> str:
    limits = {"backoffLimit": job.retries, "activeDeadlineSeconds": job.minutes * 60}
    return LIMITS.sub(lambda found: f"{found['indent']}{found['name']}: {limits[found['name']]}", item)


def _override_limits(item: str, job: Job, first: Job) -> str:
    own = f", backoffLimit: {job.retries}" if job.retries != first.retries else ""
    own += f", activeDeadlineSeconds: {job.minutes * 60}" if job.minutes != first.minutes else ""
    return OWN_LIMITS.sub(f"{{<<: *job{own},", item)
