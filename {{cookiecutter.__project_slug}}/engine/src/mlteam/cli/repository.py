"""The commands that bring pipelines into the repository, and take them out."""

from typing import Annotated

import typer

from mlteam.core.errors import ProjectError

app = typer.Typer()


@app.command(name="new_pipeline")
def new_pipeline(
    name: Annotated[str, typer.Argument(help="Name of the pipeline, such as churn.")],
    table: Annotated[str, typer.Option(help="Path of a CSV or Parquet file, or schema.table of the warehouse.")],
    label: Annotated[str, typer.Option(help="Column to predict.")],
    time: Annotated[str | None, typer.Option(help="Column with the time of each row; splits by it.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose rows must stay in one split.")] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Unique key column; repeatable for columns that are unique together.")
    ] = None,
    task: Annotated[str, typer.Option(help="auto, binary, multiclass or regression.")] = "auto",
    drop: Annotated[list[str] | None, typer.Option(help="Column to leave out; repeatable.")] = None,
    allow_leak: Annotated[
        list[str] | None, typer.Option(help="Column that is known before the event although it predicts the label.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Column to use although it would be left out; repeatable.")
    ] = None,
    hide: Annotated[
        list[str] | None,
        typer.Option(help="Column that the model must not see, and whose groups the report compares; repeatable."),
    ] = None,
    join: Annotated[
        list[str] | None,
        typer.Option(help="FILE:COLUMN of a table whose columns belong to the rows with the same COLUMN; repeatable."),
    ] = None,
    drop_undated: Annotated[bool, typer.Option("--drop-undated", help="Leave out rows without a time.")] = False,
    target: Annotated[str | None, typer.Option(help="Target of sql/profiles.yml that has the table.")] = None,
    redo: Annotated[
        bool,
        typer.Option("--redo", help="Bring the table of a pipeline again; git keeps the files of before."),
    ] = False,
) -> None:
    """Create a pipeline from your own table: SQL, tests, pipeline file, first snapshot."""
    from mlteam.commands.new_pipeline import create_pipeline as make
    from mlteam.onboarding.plan import OnboardingRequest

    if task not in ("auto", "binary", "multiclass", "regression"):
        raise ProjectError(f"--task: there is no task {task!r}", fix="try auto, binary, multiclass or regression")
    lists = (tuple(drop or ()), tuple(allow_leak or ()))
    wish = OnboardingRequest(
        name,
        label,
        time,
        group,
        tuple(key or ()),
        task,
        *lists,
        drop_undated=drop_undated,
        keep=tuple(keep or ()),
        hide=tuple(hide or ()),
        join=tuple(join or ()),
        redo=redo,
        target=target,
    )
    make(wish, table)


@app.command(name="remove_pipeline")
def remove_pipeline(name: Annotated[str, typer.Argument(help="Name of the pipeline, such as churn.")]) -> None:
    """Remove a pipeline, its SQL and its source from the repository; data/ and git keep what there was."""
    from mlteam.commands.remove_pipeline import remove_pipeline as remove

    remove(name)


@app.command(name="rename_pipeline")
def rename_pipeline(
    old: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
) -> None:
    """Rename a pipeline, its SQL and what refers to them; its versions start at 1 again, and the old ones are kept."""
    from mlteam.commands.rename_pipeline import rename_pipeline as rename

    rename(old, new)
