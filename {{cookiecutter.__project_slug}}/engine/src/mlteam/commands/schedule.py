"""`schedule`: when commands run, as a scheduler reads it."""

import functools
import json
import re
import shlex
from pathlib import Path

from mlteam.commands.cronjobs import update_cronjobs
from mlteam.config import pipelines
from mlteam.config.jobs import CRONJOBS, Job, combine_jobs
from mlteam.config.team import load_team
from mlteam.core import console
from mlteam.core.errors import TRY_AGAIN, ProjectError, suggest
from mlteam.core.files import write_atomically
from mlteam.core.paths import PIPELINES
from mlteam.core.project_settings import read_project_name
from mlteam.core.templates import create_environment

# Where the file of each scheduler belongs.
KUBERNETES = "kubernetes"
OUTPUTS = {
    KUBERNETES: CRONJOBS,
    "airflow": Path("deploy", "airflow_schedule.py"),
    "dagster": Path("deploy", "dagster_schedule.py"),
    "github": Path(".github", "workflows", "schedule.yml"),
    "gitlab": Path("deploy", "gitlab-schedule.yml"),
}
CHECKS = Path(".github", "workflows", "checks.yml")


def write_schedule(scheduler: str, output: Path | None) -> None:
    """Write the file by which a scheduler runs the jobs of the project.

    Args:
        scheduler: Its name, a key of `OUTPUTS`.
        output: The file; by default where it belongs.

    Raises:
        ProjectError: The scheduler is not known, no pipeline has a job, or the file cannot be written.
    """
    if scheduler not in OUTPUTS:
        raise ProjectError(f"there is no scheduler {scheduler!r}", fix=suggest(scheduler, list(OUTPUTS)))
    path = output or OUTPUTS[scheduler]
    jobs = load_jobs()
    if not jobs:
        raise ProjectError("no pipeline has a job", where=f"{PIPELINES}/", fix="give one a time in [schedule]")
    text = update_cronjobs(jobs) if scheduler == KUBERNETES else _render(scheduler, path, jobs)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProjectError(
            f"cannot be written: {error.strerror}", where=str(path), fix="choose another --output"
        ) from None
    rows = [[job.name, job.cron, "mlteam " + " ".join(job.arguments), str(job.retries), job.owner] for job in jobs]
    console.print_text_table(f"{path} for {scheduler}", ["job", "cron (UTC)", "command", "retries", "owner"], rows)


def load_jobs() -> list[Job]:
    """Return the jobs of all pipelines.

    Raises:
        ProjectError: A pipeline file is not valid.
    """
    specs = [pipelines.read_spec_file(PIPELINES / f"{name}.toml") for name in pipelines.list_pipelines()]
    return combine_jobs({spec.name: spec.schedule.model_dump() for spec in specs})


def _render(scheduler: str, path: Path, jobs: list[Job]) -> str:
    environment, team = create_environment(__package__ or ""), load_team()
    quote = functools.partial(json.dumps, ensure_ascii=False)
    environment.filters |= {"quote": quote, "name": lambda name: re.sub(r"\W", "_", name), "shell": shlex.join}
    checkout, python = _find_pinned_actions() if scheduler == "github" else ("", "")
    template = next(name for name in environment.list_templates() if name.startswith(f"{scheduler}."))
    return environment.get_template(template).render(
        jobs=jobs,
        project=read_project_name(),
        owners={job.name: team.get_holder_name(job.owner) or job.owner for job in jobs},
        source=f"[schedule] in {PIPELINES.as_posix()}/",
        output=path.as_posix(),
        try_again=TRY_AGAIN,
        checkout=checkout,
        python=python,
    )


def _find_pinned_actions() -> tuple[str, str]:
    """Return the actions that the project's checks use, with their digests."""
    text = CHECKS.read_text(encoding="utf-8") if CHECKS.exists() else ""
    found = [re.search(rf"uses: (actions/{name}@.+)", text) for name in ("checkout", "setup-python")]
    if not all(found):
        what = "names no actions/checkout and actions/setup-python, whose pinned digests the schedule takes"
        raise ProjectError(
            what,
            where=CHECKS.as_posix(),
            fix=f"restore the file, or choose {', '.join(sorted(set(OUTPUTS) - {'github'}))}",
        )
    checkout, python = (match[1] for match in found if match)
    return checkout, python
