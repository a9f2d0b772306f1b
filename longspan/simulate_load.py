"""`longspan simulate load`: a generator of workflows, in batches with a pause, or at a rate."""

import json
import os
import sys
import time
from pathlib import Path

import click

from longspan.errors import FAILED
from longspan.parameters import Duration
from longspan.plays import PLAYS
from longspan.settings import read_settings
from longspan.simulated_history import RISK_WORKFLOW

_PLAYS = {play.machine: play for play in (RISK_WORKFLOW, *PLAYS)}


@click.command()
@click.option("--count", type=click.IntRange(1, 10_000_000), default=100, show_default=True, help="How many workflows.")
@click.option("--batch", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many at once.")
@click.option("--pause", "pause_ms", type=Duration(), default="1s", show_default=True, help="Between two batches.")
@click.option("--rate", type=click.FloatRange(0.01), help="Events a second, evenly, in place of --pause.")
@click.option(
    "--machine",
    "machines",
    multiple=True,
    type=click.Choice(list(_PLAYS)),
    help="Of which machine, in turns; repeatable. Default: risk-workflow.",
)
@click.option("--start-only", is_flag=True, help="Send only the event that starts a workflow: a poller does the rest.")
@click.option(
    "--to", default="redis", show_default=True, metavar="URL|redis", help="The API at a URL, or Redis itself."
)
@click.option(
    "--token-file", type=click.Path(dir_okay=False, path_type=Path), help="File with the API's token, for --to URL."
)
@click.option("--name", help="How ids begin: NAME-1, NAME-2, ... Default: load-<seconds since 1970>.")
@click.option("--seed", type=int, default=227, show_default=True, help="The same seed and id give the same events.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def load(
    count: int,
    batch: int,
    pause_ms: int,
    rate: float | None,
    machines: tuple[str, ...],
    start_only: bool,
    to: str,
    token_file: Path | None,
    name: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Send the events of many workflows: in batches with a pause between them, or at a rate.

    \b
      longspan simulate load --count 1000 --batch 50 --pause 1s
      longspan simulate load --count 20000 --rate 2000 --to http://127.0.0.1:8080 --json
      longspan simulate load --start-only                 for `longspan simulate api` and `longspan poll`

    Events of one workflow come in order; their times lie as far apart as in reality, and the last of a batch is now.
    Exit status 1 when events were not taken.
    """
    from longspan.progress import Progress
    from longspan.simulated_doors import open_door
    from longspan.simulated_load import Load, LoadRun

    door = open_door(read_settings(os.environ), to, token_file)
    plays = [_PLAYS[machine] for machine in machines or (RISK_WORKFLOW.machine,)]
    wanted = Load(plays, count, batch, pause_ms / 1_000, rate, start_only, name or f"load-{int(time.time())}", seed)
    run = LoadRun(wanted, door)
    try:
        with Progress(lambda seconds: f"{run.sums.events} events in {seconds:.0f} s", every=1) as progress:
            result = run.run(progress.tell)
    finally:
        door.close()
    click.echo(json.dumps(result.as_dict(), indent=2) if as_json else "\n".join(result.tell()))
    if result.failed:
        sys.exit(FAILED)
