"""Options that several commands take."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated

import typer

from mlteam.core.errors import TRY_AGAIN, ProjectError

ROWS_HELP = "A split, a dataset of the pipeline file, or a CSV or Parquet file"
PipelineOption = Annotated[
    str | None, typer.Option(help="Name of a file in pipelines/; optional if there is one, or a default.")
]
EachPipelineOption = Annotated[str | None, typer.Option(help="Name of a file in pipelines/; all of them if left out.")]
OverridesOption = Annotated[
    list[str] | None, typer.Option("--set", help="Override a key of the pipeline file (key=value); repeatable.")
]
VersionOption = Annotated[str, typer.Option(help="Number or alias of a registered version.")]
DatasetOption = Annotated[str, typer.Option(help=f"{ROWS_HELP}.")]
WhereOption = Annotated[str | None, typer.Option(help="With --dataset: SQL condition that selects rows.")]
PersonOption = Annotated[str, typer.Option(help="Person responsible (a key in team.toml).")]
ReasonOption = Annotated[str, typer.Option(help="Reason, kept in the launch log.")]
INSTANTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
AsOfOption = Annotated[
    dt.datetime | None, typer.Option(formats=INSTANTS, help="Use only what was known at this time (UTC).")
]
LogOption = Annotated[
    bool | None,
    typer.Option("--log/--no-log", help="Write log records to stderr (default: unless stdout is a terminal)."),
]


def add_utc(moment: dt.datetime | None) -> dt.datetime | None:
    """Return a moment that was given as an option with its time zone."""
    return moment.replace(tzinfo=dt.UTC) if moment else None


def run_for_each(pipeline: str | None, run: Callable[[str | None], int]) -> None:
    """Run a command for a pipeline, or for all; one that fails does not keep the others from running.

    Args:
        pipeline: Its name; None for all.
        run: Runs it for one pipeline and returns an exit code.

    Raises:
        typer.Exit: The exit code is not 0 for all; with the greatest that does not say to try again.
    """
    from mlteam.config.pipelines import choose_pipelines
    from mlteam.core import console

    chosen = choose_pipelines(pipeline)
    codes = []
    for name in chosen:
        try:
            codes.append(run(name))
        except ProjectError as error:
            if len(chosen) == 1:
                raise
            console.print_error(error)
            codes.append(error.exit_code)
    # What needs a person comes before what may succeed later.
    if wrong := [code for code in codes if code]:
        raise typer.Exit(max((code for code in wrong if code != TRY_AGAIN), default=TRY_AGAIN))
