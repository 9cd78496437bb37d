"""The commands that are about what answers: launch, serve, look after."""

import datetime as dt
import sys
from typing import Annotated

import typer

from .cli_options import By, Pipeline, Reason
from .errors import ProjectError

app = typer.Typer()


@app.command()
def launch(
    version: Annotated[str, typer.Option(help="Number or alias of a registered version.")],
    by: By,
    reason: Reason,
    pipeline: Pipeline = None,
    shadow: Annotated[bool, typer.Option(help="Predict beside the champion, without answering.")] = False,
    canary: Annotated[float, typer.Option(help="With --shadow: share of requests that it answers.")] = 0,
) -> None:
    """Make a version the champion, if every gate lets it."""
    from . import launch as launching
    from . import spec

    if not 0 <= canary <= 0.5 or (canary and not shadow):  # noqa: PLR2004
        raise ProjectError("--canary is a share from 0 to 0.5 and needs --shadow", fix="say --shadow --canary 0.05")
    launching.launch(spec.choose(pipeline), version, by, reason, shadow=shadow, canary=canary)


@app.command()
def rollback(
    by: By,
    reason: Reason,
    pipeline: Pipeline = None,
    shadow: Annotated[bool, typer.Option(help="Take the shadow away; the champion stays.")] = False,
) -> None:
    """Let the champion before the present one answer again."""
    from . import launch as launching
    from . import spec

    launching.rollback(spec.choose(pipeline), by, reason, shadow=shadow)


@app.command()
def serve(
    pipeline: Pipeline = None,
    host: Annotated[str, typer.Option(help="Address; others than this machine's need MODEL_TOKEN.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that share the port.")] = 1,
) -> None:
    """Answer requests with the champion, until told to stop."""
    from . import spec
    from .serving import run

    run.serve(spec.choose(pipeline).name, host, port, workers)


@app.command()
def verify(
    url: Annotated[str, typer.Option(help="Where the service answers.")] = "http://127.0.0.1:8000",
    pipeline: Pipeline = None,
) -> None:
    """Compare what a service answers with what was launched."""
    from . import spec
    from . import verify as verifying

    verifying.verify(spec.choose(pipeline), url)


@app.command()
def monitor(
    pipeline: Pipeline = None,
    now: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S"], help="Look as if it were then (UTC).")
    ] = None,
) -> None:
    """Look for what is wrong: exit 0 nothing, 1 something, 2 it could not be found out."""
    from . import spec
    from .monitoring import run

    moment = now.replace(tzinfo=dt.UTC) if now else dt.datetime.now(dt.UTC)
    try:
        well = run.monitor(spec.choose(pipeline), moment)
    except ProjectError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if well else 1)


@app.command()
def retrain(pipeline: Pipeline = None) -> None:
    """Data, train, evaluate, gates: a new candidate, which only people launch."""
    from . import launch as launching
    from . import launches, registry, spec, steps

    chosen = spec.choose(pipeline)
    trained = steps.train(chosen, steps.data(chosen))
    steps.evaluate(chosen, trained)
    champion = launches.state(chosen).champion
    rival = registry.open_version(chosen, str(champion.version)) if champion else None
    decided = launching.judge(chosen, registry.open_version(chosen, str(trained.number)), rival)
    refused = [gate.name for gate in decided if not gate.passed]
    verdict = f"would be refused: {', '.join(refused)}" if refused else "may be launched"
    typer.echo(f"{chosen.name} version {trained.number} {verdict}")
