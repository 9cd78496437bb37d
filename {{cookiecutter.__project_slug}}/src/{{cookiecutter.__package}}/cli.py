"""The command line: nox sessions and people call the same commands."""

import sys
from typing import Annotated

import typer

from .errors import ProjectError

app = typer.Typer(
    help="From upstream data to an evaluated, registered model.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Pipeline = Annotated[str | None, typer.Option(help="Name of a file in pipelines/; not needed where there is only one.")]
Which = Annotated[str, typer.Option(help="Number or alias of a registered version.")]


@app.command()
def data(pipeline: Pipeline = None) -> None:
    """Generate the data: fetch sources, build and test the SQL, take a snapshot."""
    from . import spec, steps

    steps.data(spec.choose(pipeline))


@app.command()
def train(pipeline: Pipeline = None) -> None:
    """Train a model and its baseline on the newest snapshot, register the candidate."""
    from . import snapshot, spec, steps

    chosen = spec.choose(pipeline)
    steps.train(chosen, snapshot.newest(chosen.name))


@app.command()
def evaluate(pipeline: Pipeline = None, version: Which = "candidate") -> None:
    """Judge a registered version: metrics with intervals, slices, an HTML report."""
    from . import registry, spec, steps

    chosen = spec.choose(pipeline)
    steps.evaluate(chosen, registry.open_version(chosen, version))


@app.command(name="pipeline")
def whole_pipeline(pipeline: Pipeline = None) -> None:
    """Run data, train and evaluate, one after the other."""
    from . import spec, steps

    chosen = spec.choose(pipeline)
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

    try:
        if not {"--help", "-h"} & set(sys.argv):
            enter_root()
        app()
    except ProjectError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
