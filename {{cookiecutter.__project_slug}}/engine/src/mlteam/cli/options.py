"""Options that several commands take."""

from typing import Annotated

import typer

ROWS_HELP = "A split, a dataset of the pipeline file, or a CSV or Parquet file"
PipelineOption = Annotated[
    str | None, typer.Option(help="Name of a file in pipelines/; optional if there is only one.")
]
OverridesOption = Annotated[
    list[str] | None, typer.Option("--set", help="Override a key of the pipeline file (key=value); repeatable.")
]
VersionOption = Annotated[str, typer.Option(help="Number or alias of a registered version.")]
DatasetOption = Annotated[str, typer.Option(help=f"{ROWS_HELP}.")]
WhereOption = Annotated[str | None, typer.Option(help="With --dataset: SQL condition that selects rows.")]
PersonOption = Annotated[str, typer.Option(help="Person responsible (a key in team.toml).")]
ReasonOption = Annotated[str, typer.Option(help="Reason, kept in the launch log.")]
LogOption = Annotated[
    bool | None,
    typer.Option("--log/--no-log", help="Write log records to stderr (default: unless stdout is a terminal)."),
]
