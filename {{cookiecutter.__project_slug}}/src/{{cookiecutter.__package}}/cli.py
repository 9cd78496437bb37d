"""The command line: nox sessions and people call the same commands."""

import datetime as dt
import gc
import sys
from typing import Annotated

import typer

from . import cli_operation
from .cli_options import ROWS, Overrides, Pipeline, Rows, Where, Which
from .errors import ProjectError

app = typer.Typer(
    help="From upstream data to an evaluated, registered model.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_operation.app)


@app.command()
def data(pipeline: Pipeline = None) -> None:
    """Generate the data: fetch sources, build and test the SQL, take a snapshot."""
    from . import spec, steps

    steps.data(spec.choose(pipeline))


@app.command()
def profile(pipeline: Pipeline = None) -> None:
    """Draw the data page of the newest snapshot, and what changed since the one before."""
    from . import profile as drawing
    from . import snapshot, spec

    chosen = spec.choose(pipeline)
    taken = snapshot.newest(chosen.name)
    drawing.snapshot_page(chosen, taken, snapshot.previous(taken))


@app.command()
def train(
    pipeline: Pipeline = None,
    set_: Overrides = None,
    dataset: Annotated[str | None, typer.Option(help="With --from-version: the dataset to train on further.")] = None,
    from_version: Annotated[str | None, typer.Option(help="Train this registered version further.")] = None,
) -> None:
    """Train a model and its baseline on the newest snapshot, register the candidate."""
    from . import know, registry, snapshot, spec, steps

    chosen = spec.choose(pipeline, set_ or ())
    if from_version is None and dataset is None:
        steps.train(chosen, snapshot.newest(chosen.name))
        return
    if from_version is None or dataset is None:
        raise ProjectError("further training needs both", fix="say --dataset NAME --from-version N")
    parent = registry.open_version(chosen, from_version)
    version = steps.fine_tune(chosen, parent, dataset)
    know.beside(chosen, str(parent.number), str(version.number), "test", None)


@app.command()
def tune(
    trials: Annotated[int, typer.Option(help="Most sets of parameters that are tried.", min=1)] = 20,
    minutes: Annotated[float | None, typer.Option(help="No trial begins after so many minutes.", min=0)] = None,
    pipeline: Pipeline = None,
) -> None:
    """Search better parameters on train and validation; the pipeline file keeps those that are better beyond chance."""
    from . import spec
    from . import tune as searching

    searching.tune(spec.choose(pipeline), trials, minutes)


@app.command()
def evaluate(
    pipeline: Pipeline = None,
    version: Which = "candidate",
    dataset: Annotated[list[str] | None, typer.Option(help=f"{ROWS}; may be said again.")] = None,
) -> None:
    """Judge a registered version: metrics with intervals, slices, an HTML report."""
    from . import registry, spec, steps

    chosen = spec.choose(pipeline)
    steps.evaluate(chosen, registry.open_version(chosen, version), tuple(dataset or ()))


@app.command()
def predict(
    pipeline: Pipeline = None,
    version: Which = "candidate",
    example: Annotated[str | None, typer.Option(help="An example as JSON, or the file that holds it.")] = None,
    explain: Annotated[bool, typer.Option(help="With --example: say which features were responsible.")] = False,
    dataset: Annotated[str | None, typer.Option(help=f"{ROWS}.")] = None,
    where: Where = None,
    plot: Annotated[bool, typer.Option(help="With --dataset: a page of pictures.")] = False,
) -> None:
    """Predict an example made by hand, or a dataset, which is written as Parquet."""
    from . import know, spec

    if (example is None) == (dataset is None):
        raise ProjectError("what shall be predicted?", fix="say --example FILE or --dataset NAME")
    chosen = spec.choose(pipeline)
    if example is not None:
        _refuse(where)
        know.example(chosen, version, example, explain=explain)
    else:
        know.dataset(chosen, version, dataset or "", where, plot=plot)


@app.command()
def explain(
    pipeline: Pipeline = None,
    version: Which = "candidate",
    example: Annotated[str | None, typer.Option(help="An example as JSON, or the file that holds it.")] = None,
    dataset: Rows = "test",
    where: Where = None,
) -> None:
    """Say which features moved the prediction of an example, or matter in a sample of rows."""
    from . import explain as explaining
    from . import know, registry, spec, steps

    chosen = spec.choose(pipeline)
    if example is not None:
        _refuse(where)
        know.example(chosen, version, example, explain=True)
        return
    opened = registry.open_version(chosen, version)
    rows = steps.rows(steps.as_trained(chosen, opened), opened, dataset, where)
    explaining.dataset(chosen, opened, rows, f"{dataset} where {where}" if where else dataset)


def _refuse(where: str | None) -> None:
    if where is not None:
        raise ProjectError("--where chooses among rows, and an example is one", fix="say --dataset, or leave it out")


@app.command()
def mistakes(
    pipeline: Pipeline = None,
    version: Which = "candidate",
    dataset: Rows = "test",
) -> None:
    """Find the worst errors, what they share, and what was responsible for each."""
    from . import mistakes as searching
    from . import registry, spec, steps

    chosen = spec.choose(pipeline)
    opened = registry.open_version(chosen, version)
    searching.dataset(chosen, opened, steps.rows(steps.as_trained(chosen, opened), opened, dataset))


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="Number or alias of a version; with --as-of it is left out.")] = "",
    second: Annotated[str, typer.Argument(help="Number or alias of the version to compare with it.")] = "candidate",
    pipeline: Pipeline = None,
    dataset: Rows = "test",
    as_of: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The version of that day.")] = None,
) -> None:
    """Compare two versions on the same rows: verdict, metrics, slices, what differs."""
    from . import know, spec

    if not first and as_of is None:
        raise ProjectError("compare what?", fix="say two versions, such as 1 candidate, or --as-of 2026-01-31")
    know.beside(spec.choose(pipeline), first, second, dataset, as_of.date() if as_of else None)


@app.command()
def history(
    pipeline: Pipeline = None,
    rescore: Annotated[str | None, typer.Option(help="Score every version anew on this split or dataset.")] = None,
) -> None:
    """Show every evaluation of every version, or all versions on the same rows."""
    from . import know, spec

    know.over_time(spec.choose(pipeline), rescore)


@app.command(name="pipeline")
def whole_pipeline(pipeline: Pipeline = None, set_: Overrides = None) -> None:
    """Run data, train and evaluate, one after the other."""
    from . import spec, steps

    chosen = spec.choose(pipeline, set_ or ())
    steps.evaluate(chosen, steps.train(chosen, steps.data(chosen)))


@app.command(name="new_pipeline")
def new_pipeline(
    name: Annotated[str, typer.Argument(help="Name of the pipeline, such as churn.")],
    table: Annotated[str, typer.Option(help="Path of a CSV or Parquet file, or schema.table of the warehouse.")],
    label: Annotated[str, typer.Option(help="Column to predict.")],
    time: Annotated[str | None, typer.Option(help="Column that orders the rows in time; splits by it.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose rows must stay in one split.")] = None,
    key: Annotated[str | None, typer.Option(help="Column that tells rows apart.")] = None,
    task: Annotated[str, typer.Option(help="auto, binary, multiclass or regression.")] = "auto",
    drop: Annotated[list[str] | None, typer.Option(help="Column to leave out; may be said again.")] = None,
    allow_leak: Annotated[list[str] | None, typer.Option(help="Column that may give the label away.")] = None,
) -> None:
    """Make a pipeline from a table: SQL, tests, spec, documents and its first snapshot."""
    from .onboard.decide import Wish
    from .onboard.run import new_pipeline as make

    if task not in ("auto", "binary", "multiclass", "regression"):
        raise ProjectError(f"--task: there is no task {task!r}", fix="say auto, binary, multiclass or regression")
    make(Wish(name, label, time, group, key, task, tuple(drop or ()), tuple(allow_leak or ())), table)


def main() -> None:
    """Run a command: exit 0 when it did what it should, 1 with two lines when not, 2 when called wrongly."""
    from .paths import enter_root
    from .tracking import explained

    try:
        if not {"--help", "-h"} & set(sys.argv):
            enter_root()
        app()
    except Exception as error:
        known = error if isinstance(error, ProjectError) else explained(error)
        if known is None:
            raise
        print(f"error: {known}", file=sys.stderr)
        raise SystemExit(1) from None
    finally:
        # Nothing is left to do: to look through all libraries for garbage would take the exit almost half a second.
        gc.freeze()
