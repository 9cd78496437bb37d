"""Snapshots, versions and evaluations for notebooks and scripts, from any working directory below the repository.

    import mlteam

    project = mlteam.open("churn")
    rows = project.snapshot().rows("test")
    predicted = project.version("champion").predict(rows)
    numbers = project.evaluation("champion")

Tables are Arrow tables; `.path` of a snapshot is a Parquet file for DuckDB, Polars or pandas. Errors that a person can
fix are ProjectErrors. Each call changes the working directory while it runs and restores it: call from one thread.
"""

from mlteam.api.project import Project, ProjectSnapshot, ProjectVersion, list_pipelines, open_project
from mlteam.core.errors import NotCreatedError, ProjectError

__all__ = [
    "NotCreatedError",
    "Project",
    "ProjectError",
    "ProjectSnapshot",
    "ProjectVersion",
    "list_pipelines",
    "open_project",
]
