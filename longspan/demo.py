"""`longspan demo`: simulated systems, a worker and a trace viewer, with nothing else to install."""

import json
import os
import sys

import click

from longspan.endpoint import read_endpoint
from longspan.errors import FAILED
from longspan.settings import read_settings

_WORKFLOWS_ONCE = 12
_WORKFLOWS_LIVE = 8


@click.command()
@click.option("--once", is_flag=True, help="Stop when its workflows have ended, and print a summary.")
@click.option("--workflows", type=click.IntRange(1, 10_000), help="How many run at once. Default: 8, with --once 12.")
@click.option(
    "--speed", type=click.FloatRange(60), default=360, show_default=True, help="Simulated time per real time."
)
@click.option("--seed", type=int, default=227, show_default=True, help="The same seed plays the same workflows.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print only the summary, as JSON.")
def demo(once: bool, workflows: int | None, speed: float, seed: int, as_json: bool) -> None:
    """Watch simulated workflows become traces, in the terminal and on a page of its own.

    Systems are played in accelerated time. Half of the workflows are pushed: risk calculations in three stages, CI
    pipelines with parallel jobs, orders whose payment is tried again, valuations with as many parts as it takes. Some
    fail, some events come twice, late or out of order. The other half is polled from a REST API. A real worker folds
    all on an embedded server and exports real spans. The page with its status API is on http://127.0.0.1:8080, or on
    the next port that is free.

    \b
      longspan demo
      longspan demo --once --workflows 30
      OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 longspan demo    see them in your own Tempo or Jaeger

    Stop it with Ctrl-C; the next start goes on where it was.
    """
    if as_json and not once:
        raise click.UsageError("--json prints the summary of --once")
    settings = read_settings(os.environ)
    endpoint = read_endpoint(os.environ)
    from longspan.board import LiveBoard, PlainBoard, SilentBoard
    from longspan.stage import Stage

    board = SilentBoard() if as_json else LiveBoard() if sys.stdout.isatty() else PlainBoard()
    stage = Stage(settings, endpoint, board, speed=speed, once=once)
    result = stage.play(workflows or (_WORKFLOWS_ONCE if once else _WORKFLOWS_LIVE), seed)
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
    elif once:
        click.echo("\n".join(result.tell()))
    else:
        click.echo("stopped; start it again and it goes on where it was")
    if once and not result.right:
        sys.exit(FAILED)
