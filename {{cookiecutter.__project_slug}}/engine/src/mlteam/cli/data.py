"""The commands that are about the data: generate it, check it, look at it."""

from typing import Annotated

import typer

from mlteam.cli.options import AsOfOption, EachPipelineOption, LogOption, PipelineOption, add_utc, run_for_each

app = typer.Typer()


@app.command()
def data(
    pipeline: EachPipelineOption = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Fetch every source again, whatever its age.")] = False,
    target: Annotated[str | None, typer.Option(help="Build on this target of sql/profiles.yml.")] = None,
    as_of: AsOfOption = None,
    log: LogOption = None,
) -> None:
    """Generate the data: fetch sources, build and test the SQL, take a snapshot."""
    from mlteam.commands.data import generate_data
    from mlteam.config import pipelines
    from mlteam.core import console

    def run(name: str | None) -> int:
        generate_data(pipelines.load_spec(name), refresh=refresh, target=target, as_of=add_utc(as_of))
        return 0

    console.configure_output(log=log)
    run_for_each(pipeline, run)


@app.command(name="time_travel")
def time_travel(pipeline: PipelineOption = None) -> None:
    """Check that no feature uses what was not yet known: rebuild them from earlier states of the sources."""
    from mlteam.commands.time_travel import check_time_travel
    from mlteam.data import windows

    check_time_travel(windows.load_spec(pipeline))


@app.command()
def parity(
    pipeline: PipelineOption = None,
    target: Annotated[str | None, typer.Option(help="The other engine: a target of sql/profiles.yml.")] = None,
) -> None:
    """Build the features on another engine and here from the same sources, and compare every cell."""
    from mlteam.commands.parity import compare_engines
    from mlteam.config import pipelines

    compare_engines(pipelines.load_spec(pipeline), target)


@app.command()
def profile(pipeline: PipelineOption = None) -> None:
    """Profile the newest snapshot: distributions, missing values, changes over time and since the last one."""
    from mlteam.commands import profile as drawing
    from mlteam.data import snapshot, windows

    chosen = windows.load_spec(pipeline)
    taken = snapshot.load_newest(chosen.name)
    drawing.write_snapshot_page(chosen, taken, snapshot.load_previous(taken))
