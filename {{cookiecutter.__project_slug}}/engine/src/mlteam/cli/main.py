"""The command line: nox sessions and people call the same commands."""

import datetime as dt
import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mlteam.cli import data, operations, repository
from mlteam.cli.options import (
    ROWS_HELP,
    AsOfOption,
    DatasetOption,
    OverridesOption,
    PipelineOption,
    VersionOption,
    WhereOption,
    add_utc,
)
from mlteam.core.errors import ProjectError

app = typer.Typer(
    help="From upstream data to an evaluated, registered model.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


app.add_typer(data.app)
app.add_typer(operations.app)
app.add_typer(repository.app)


@app.command()
def train(
    pipeline: PipelineOption = None,
    set_: OverridesOption = None,
    dataset: Annotated[str | None, typer.Option(help="With --from-version: the dataset to train on further.")] = None,
    from_version: Annotated[str | None, typer.Option(help="Train this registered version further.")] = None,
) -> None:
    """Train a model and its baseline on the newest snapshot and register them as the candidate."""
    from mlteam.commands.compare import show_comparison
    from mlteam.commands.train import fine_tune, train_version
    from mlteam.data import snapshot, windows
    from mlteam.registry import versions

    chosen = windows.load_spec(pipeline, set_ or ())
    if from_version is None and dataset is None:
        train_version(chosen, snapshot.load_newest(chosen.name))
        return
    if from_version is None or dataset is None:
        raise ProjectError("further training needs both", fix="pass --dataset NAME --from-version N")
    parent = versions.open_version(chosen, from_version)
    version = fine_tune(chosen, parent, dataset)
    show_comparison(chosen, str(parent.number), str(version.number), "test", None)


@app.command()
def tune(
    trials: Annotated[int, typer.Option(help="Maximum number of trials.", min=1)] = 20,
    minutes: Annotated[float | None, typer.Option(help="Start no trial after this many minutes.", min=0)] = None,
    pipeline: PipelineOption = None,
) -> None:
    """Search for better parameters and write the best to the pipeline file if they beat the current ones."""
    from mlteam.commands.tune import tune_model
    from mlteam.data import windows

    tune_model(windows.load_spec(pipeline), trials, minutes)


@app.command()
def evaluate(
    pipeline: PipelineOption = None,
    version: VersionOption = "candidate",
    dataset: Annotated[list[str] | None, typer.Option(help=f"{ROWS_HELP}; repeatable.")] = None,
) -> None:
    """Evaluate a registered version: metrics with intervals, slices, an HTML report."""
    from mlteam.commands.evaluate import evaluate_version
    from mlteam.data import windows
    from mlteam.registry import versions

    chosen = windows.load_spec(pipeline)
    evaluate_version(chosen, versions.open_version(chosen, version), tuple(dataset or ()))


@app.command()
def predict(
    pipeline: PipelineOption = None,
    version: VersionOption = "candidate",
    example: Annotated[str | None, typer.Option(help="An example as JSON, or a JSON file.")] = None,
    explain: Annotated[bool, typer.Option(help="With --example: show the features responsible.")] = False,
    dataset: Annotated[str | None, typer.Option(help=f"{ROWS_HELP}, or a schema.table of a warehouse.")] = None,
    where: WhereOption = None,
    target: Annotated[str | None, typer.Option(help="Target of sql/profiles.yml that has the table.")] = None,
    plot: Annotated[bool, typer.Option(help="With --dataset: a page of pictures.")] = False,
) -> None:
    """Predict a hand-crafted example, a dataset, or the rows of a file or table."""
    from mlteam.commands.predict import predict_dataset, predict_example
    from mlteam.data import windows

    if (example is None) == (dataset is None):
        raise ProjectError("nothing to predict", fix="pass --example FILE or --dataset NAME")
    chosen = windows.load_spec(pipeline)
    if example is not None:
        _reject_where(where)
        if target:
            raise ProjectError("--target says where a table is, and --example is a single row", fix="leave it out")
        predict_example(chosen, version, example, explain=explain)
    else:
        predict_dataset(chosen, version, dataset or "", where, target, plot=plot)


@app.command()
def explain(
    pipeline: PipelineOption = None,
    version: VersionOption = "candidate",
    example: Annotated[str | None, typer.Option(help="An example as JSON, or a JSON file.")] = None,
    dataset: DatasetOption = "test",
    where: WhereOption = None,
) -> None:
    """Explain the prediction of an example, or show which features matter in a dataset."""
    from mlteam.commands.explain import report_importance
    from mlteam.commands.predict import predict_example
    from mlteam.data import windows
    from mlteam.registry import version_rows, versions

    chosen = windows.load_spec(pipeline)
    if example is not None:
        _reject_where(where)
        predict_example(chosen, version, example, explain=True)
        return
    opened = versions.open_version(chosen, version)
    rows = version_rows.load_version_rows(version_rows.build_evaluation_spec(chosen, opened), opened, dataset, where)
    report_importance(chosen, opened, rows, f"{dataset} where {where}" if where else dataset)


def _reject_where(where: str | None) -> None:
    if where is not None:
        raise ProjectError(
            "--where selects rows of a dataset, and --example is a single row", fix="pass --dataset, or leave it out"
        )


@app.command()
def mistakes(
    pipeline: PipelineOption = None,
    version: VersionOption = "candidate",
    dataset: DatasetOption = "test",
) -> None:
    """Find the worst errors, what they have in common, and the features responsible."""
    from mlteam.commands.mistakes import report_mistakes
    from mlteam.data import windows
    from mlteam.registry import version_rows, versions

    chosen = windows.load_spec(pipeline)
    opened = versions.open_version(chosen, version)
    report_mistakes(
        chosen,
        opened,
        version_rows.load_version_rows(version_rows.build_evaluation_spec(chosen, opened), opened, dataset),
    )


@app.command()
def compare(
    first: Annotated[
        str, typer.Argument(help="Number or alias of a version, or PIPELINE:VERSION of another pipeline's.")
    ] = "",
    second: Annotated[str, typer.Argument(help="Number or alias of the version to compare with it.")] = "candidate",
    pipeline: PipelineOption = None,
    dataset: DatasetOption = "test",
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Take the version of that day as the first.")
    ] = None,
) -> None:
    """Compare two versions on the same rows: verdict, metrics, slices, differences."""
    from mlteam.commands.compare import show_comparison
    from mlteam.data import windows

    if not first and as_of is None:
        raise ProjectError(
            "nothing to compare", fix="name two versions, such as 1 candidate, or pass --as-of 2026-01-31"
        )
    show_comparison(windows.load_spec(pipeline), first, second, dataset, as_of.date() if as_of else None)


@app.command()
def history(
    pipeline: PipelineOption = None,
    rescore: Annotated[str | None, typer.Option(help="Score every version on this split or dataset.")] = None,
) -> None:
    """Show every evaluation over time, or score all versions on the same rows."""
    from mlteam.commands.history import show_history
    from mlteam.data import windows

    show_history(windows.load_spec(pipeline), rescore)


@app.command(name="pipeline")
def whole_pipeline(pipeline: PipelineOption = None, set_: OverridesOption = None, as_of: AsOfOption = None) -> None:
    """Run data, train and evaluate, one after the other."""
    from mlteam.commands.data import generate_data
    from mlteam.commands.evaluate import evaluate_version
    from mlteam.commands.train import train_version
    from mlteam.config import pipelines
    from mlteam.data import windows

    chosen = pipelines.load_spec(pipeline, set_ or ())
    taken = generate_data(chosen, as_of=add_utc(as_of))
    evaluate_version(windows.fix_windows(chosen, taken), train_version(chosen, taken))


@app.command()
def drills(pipeline: PipelineOption = None) -> None:
    """Break one thing at a time in a scratch copy of the project: each must be noticed."""
    from mlteam.commands.drills import run_drills
    from mlteam.data import windows

    if not run_drills(windows.load_spec(pipeline)):
        raise typer.Exit(1)


@app.command()
def scorecard(
    pipeline: PipelineOption = None,
    drills: Annotated[bool, typer.Option(help="Run the drills first; else those of before count.")] = True,
) -> None:
    """Compute the ML Test Score from tests that run, and say what would raise it."""
    from mlteam.commands.scorecard import compute_scorecard
    from mlteam.data import windows

    compute_scorecard(windows.load_spec(pipeline), drills=drills)


def main() -> None:
    """Run a command.

    Exit 0 when it did what it should, 1 with two lines when not, 75 if it may succeed later, 2 when called wrongly.
    """
    from mlteam.core.paths import enter_root
    from mlteam.core.release import check_version
    from mlteam.registry.tracking import convert_mlflow_error

    # Libraries make a million objects that stay. At the usual thresholds, to look for garbage among them takes two of
    # the seconds of a pipeline.
    gc.set_threshold(10_000, 50, 100)
    # The threads of small products of matrices wait for each other longer than they work; models have their own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        if not {"--help", "-h"} & set(sys.argv):
            enter_root()
            check_version(Path("pyproject.toml"))
        app()
    except Exception as error:
        known = error if isinstance(error, ProjectError) else convert_mlflow_error(error)
        if known is None:
            raise
        from mlteam.core import console

        console.print_error(known)
        raise SystemExit(known.exit_code) from None
    finally:
        # Nothing is left to do: to look through all libraries for garbage would take the exit almost half a second.
        gc.freeze()
