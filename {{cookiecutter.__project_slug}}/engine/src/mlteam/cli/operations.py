"""The commands that are about what answers: launch, serve, look after."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from mlteam.cli.options import (
    EachPipelineOption,
    LogOption,
    PersonOption,
    PipelineOption,
    ReasonOption,
    add_utc,
    run_for_each,
)
from mlteam.core.errors import ProjectError

app = typer.Typer()


@app.command()
def launch(
    version: Annotated[str, typer.Option(help="Number or alias of a registered version.")],
    by: PersonOption,
    reason: ReasonOption,
    pipeline: PipelineOption = None,
    shadow: Annotated[bool, typer.Option(help="Predict beside the champion, without answering.")] = False,
    canary: Annotated[float, typer.Option(help="With --shadow: share of requests that it answers.")] = 0,
) -> None:
    """Promote a version to champion if it passes the gates."""
    from mlteam.commands import launch as launching
    from mlteam.data import windows

    if not 0 <= canary <= 0.5 or (canary and not shadow):  # noqa: PLR2004
        raise ProjectError("--canary is a share from 0 to 0.5 and needs --shadow", fix="try --shadow --canary 0.05")
    launching.launch_version(windows.load_spec(pipeline, named=True), version, by, reason, shadow=shadow, canary=canary)


@app.command()
def rollback(
    by: PersonOption,
    reason: ReasonOption,
    pipeline: PipelineOption = None,
    shadow: Annotated[bool, typer.Option(help="Remove the shadow; keep the champion.")] = False,
) -> None:
    """Roll back to the previous champion."""
    from mlteam.commands import launch as launching
    from mlteam.config import pipelines

    launching.roll_back(pipelines.load_spec(pipeline, named=True), by, reason, shadow=shadow)


@app.command()
def serve(
    pipeline: PipelineOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on; any but 127.0.0.1 needs MODEL_TOKEN.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that share the port.")] = 1,
) -> None:
    """Serve the champion over HTTP."""
    from mlteam.commands.serve import serve_pipeline
    from mlteam.config import pipelines

    serve_pipeline(pipelines.load_spec(pipeline).name, host, port, workers)


@app.command()
def export(
    version: Annotated[str, typer.Option(help="champion, or the number of a launched version.")] = "champion",
    pipeline: PipelineOption = None,
    output: Annotated[Path | None, typer.Option(help="A new folder (default: in data/export/).")] = None,
    uri: Annotated[str | None, typer.Option(help="Where KServe will find the folder, such as s3://models/x.")] = None,
) -> None:
    """Export a launched version for MLServer and KServe (Open Inference Protocol)."""
    from mlteam.commands.export import export_version
    from mlteam.config import pipelines

    export_version(pipelines.load_spec(pipeline), version, output, uri)


@app.command()
def verify(
    url: Annotated[str, typer.Option(help="Address of the service.")] = "http://127.0.0.1:8000",
    pipeline: PipelineOption = None,
) -> None:
    """Compare the answers of a running service with the launched version."""
    from mlteam.commands import verify as verifying
    from mlteam.config import pipelines

    verifying.verify_service(pipelines.load_spec(pipeline), url)


@app.command()
def monitor(
    pipeline: EachPipelineOption = None,
    now: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S"], help="Run as of this time (UTC).")
    ] = None,
    log: LogOption = None,
) -> None:
    """Check sources, served rows and the model: exit 0 all clear, 1 problem found, 2 inconclusive."""
    from mlteam.commands.monitor import monitor_pipeline
    from mlteam.config import pipelines
    from mlteam.core import console
    from mlteam.serving.bundle import is_launched

    moment = add_utc(now) or dt.datetime.now(dt.UTC)

    console.configure_output(log=log)
    try:
        launched = [name for name in pipelines.list_pipelines() if is_launched(name)]
    except ProjectError as error:
        console.print_error(error)
        raise typer.Exit(2) from None

    def run(name: str | None) -> int:
        if pipeline is None and launched and name not in launched:
            console.print_line(f"{name}: no version is launched, nothing to monitor")
            return 0
        try:
            return 0 if monitor_pipeline(pipelines.load_spec(name), moment) else 1
        except ProjectError as error:
            console.print_error(error)
            return 2

    run_for_each(pipeline, run)


@app.command()
def retrain(pipeline: EachPipelineOption = None, log: LogOption = None) -> None:
    """Fetch the sources again, then train, evaluate and ask the gates: makes a candidate if there are new rows."""
    from mlteam.commands.retrain import retrain_pipeline
    from mlteam.config import pipelines
    from mlteam.core import console

    def run(name: str | None) -> int:
        retrain_pipeline(pipelines.load_spec(name))
        return 0

    console.configure_output(log=log)
    run_for_each(pipeline, run)


@app.command()
def status() -> None:
    """Show the status of the project: stage, open items, overdue reviews."""
    from mlteam.commands.status import format_status

    typer.echo(format_status(Path()))


@app.command()
def schedule(
    scheduler: Annotated[str, typer.Argument(help="kubernetes, airflow, dagster, github or gitlab.")],
    output: Annotated[Path | None, typer.Option(help="The file to write (default: where it belongs).")] = None,
) -> None:
    """Write [schedule] of the pipeline files as a scheduler reads it."""
    from mlteam.commands.schedule import write_schedule

    write_schedule(scheduler, output)
