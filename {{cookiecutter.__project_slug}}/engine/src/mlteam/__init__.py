"""The engine of an ML project: data, training, evaluation, launch, serving, monitoring.

Rooms import only from rooms below them: api and cli, commands, monitoring, launch, reports, analysis, registry,
serving, modeling, evaluation, onboarding, data, process, pages, repository, config, core. The contract with the team's
code is in engine/README.md.

Notebooks begin with `mlteam.open()`, see mlteam.api.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlteam import api
    from mlteam.api import NotCreatedError as NotCreatedError
    from mlteam.api import ProjectError as ProjectError
    from mlteam.api import list_pipelines as list_pipelines

    open = api.open_project  # noqa: A001 - reads as gzip.open and tarfile.open do

API_NAMES = {
    "open": "open_project",
    "list_pipelines": "list_pipelines",
    "ProjectError": "ProjectError",
    "NotCreatedError": "NotCreatedError",
}


def __getattr__(name: str) -> Any:
    # The process checker imports this package where no library is installed, so the API is imported when it is used.
    if name not in API_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mlteam import api

    return getattr(api, API_NAMES[name])
