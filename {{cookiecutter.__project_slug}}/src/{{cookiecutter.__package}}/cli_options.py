"""Options that several commands take."""

from typing import Annotated

import typer

ROWS = "A split, a dataset of the pipeline file, or a CSV or Parquet file"

Pipeline = Annotated[str | None, typer.Option(help="Name of a file in pipelines/; not needed where there is only one.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="key=value above the file; may be said again.")]
Which = Annotated[str, typer.Option(help="Number or alias of a registered version.")]
Rows = Annotated[str, typer.Option(help=f"{ROWS}.")]
Where = Annotated[str | None, typer.Option(help="With --dataset: SQL that chooses among its rows.")]
By = Annotated[str, typer.Option(help="Who decides: a name of team.toml.")]
Reason = Annotated[str, typer.Option(help="Why, for those who look back.")]
