"""`schedule`: the CronJobs of the project as another scheduler runs them."""

import functools
import json
import re
import shlex
from pathlib import Path

from mlteam.config import schedule
from mlteam.config.team import load_team
from mlteam.core import console
from mlteam.core.errors import TRY_AGAIN, ProjectError, suggest
from mlteam.core.files import write_atomically
from mlteam.core.project_settings import read_project_name
from mlteam.core.templates import create_environment

# The template of each scheduler, and where its file belongs.
OUTPUTS = {
    "airflow": Path("deploy", "airflow_schedule.py"),
    "dagster": Path("deploy", "dagster_schedule.py"),
    "github": Path(".github", "workflows", "schedule.yml"),
    "gitlab": Path("deploy", "gitlab-schedule.yml"),
}
CHECKS = Path(".github", "workflows", "checks.yml")


def write_schedule(scheduler: str, output: Path | None) -> None:
    """Write the file by which another scheduler runs the jobs of the project.

    Args:
        scheduler: Its name, a key of `OUTPUTS`.
        output: The file; by default where it belongs.

    Raises:
        ProjectError: The scheduler is not known, the schedule cannot be read, or the file cannot be written.
    """
    if scheduler not in OUTPUTS:
        raise ProjectError(f"there is no scheduler {scheduler!r}", fix=suggest(scheduler, list(OUTPUTS)))
    path = output or OUTPUTS[scheduler]
    jobs = schedule.load_jobs()
    text = _render(scheduler, path, jobs)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProjectError(
            f"cannot be written: {error.strerror}", where=str(path), fix="choose another --output"
        ) from None
    rows = [[job.name, job.cron, "mlteam " + " ".join(job.arguments), str(job.retries)] for job in jobs]
    console.print_text_table(f"{path} for {scheduler}", ["job", "cron (UTC)", "command", "retries"], rows)


def _render(scheduler: str, path: Path, jobs: list[schedule.Job]) -> str:
    environment = create_environment(__package__ or "")
    quote = functools.partial(json.dumps, ensure_ascii=False)
    environment.filters |= {"quote": quote, "name": lambda name: re.sub(r"\W", "_", name), "shell": shlex.join}
    checkout, python = _find_pinned_actions() if scheduler == "github" else ("", "")
    template = next(name for name in environment.list_templates() if name.startswith(f"{scheduler}."))
    return environment.get_template(template).render(
        jobs=jobs,
        project=read_project_name(),
        owner=load_team().get_holder_name("data_engineer") or "data_engineer",
        source=schedule.SCHEDULE.as_posix(),
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
