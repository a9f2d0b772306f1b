"""`longspan replay --export`: the spans of runs that end, sent as the exporter sends them, and what was accepted."""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from longspan.endpoint import read_endpoint
from longspan.errors import UseError
from longspan.progress import Progress as ProgressLine
from longspan.rebuild_export import make_telling, sending
from longspan.rebuild_report import say
from longspan.replay_source import Source
from longspan.replaying import Replay
from longspan.settings import Settings

if TYPE_CHECKING:
    from spans.redelivery import Again, Progress

PATIENCE_MS = 60_000
_SHOWN = 20


def send(replayed: Replay, source: Source, settings: Settings, as_json: bool) -> bool:
    """Send everything; whether all of it was accepted. Raises UseError where traces are switched off."""
    endpoint = read_endpoint(os.environ)
    if endpoint.url is None:
        raise UseError("traces go nowhere: OTEL_TRACES_EXPORTER or OTEL_SDK_DISABLED has switched them off")
    reached: Progress | None = None
    options = {"rate": None, "patience_ms": PATIENCE_MS}
    with sending(False, settings, options) as (redelivery, stop), ProgressLine(say(redelivery), 1) as line:
        for progress in redelivery.send(_tell(replayed, settings), stop):
            reached = progress
            line.tell()
        account = redelivery.account
    clean = account.is_clean and not source.halted
    told = {
        "endpoint": endpoint.shown,
        "runs": account.runs,
        "spans": account.spans,
        "refused": account.refused,
        "refusals": account.refusals,
        "failures": account.failures,
        "open": replayed.count.runs["open"],
        "halted": account.halted or None,
        "last_accepted": None if reached is None or reached.mark is None else list(reached.mark),
        "begun": None if reached is None or reached.within is None else [*reached.within, reached.spans],
    }
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return clean
    click.echo(f"{account.runs} runs, {account.spans} spans accepted by {endpoint.shown}")
    if told["open"]:
        click.echo(f"{told['open']} runs have not ended in the file: nothing of them was sent")
    for refusal in account.refusals[:_SHOWN]:
        click.echo(f"refused: {refusal.get('workflow', '-')}: {refusal.get('status', '')} {refusal.get('reason', '')}")
    for failure in account.failures[:_SHOWN]:
        click.echo(f"could not be told: {failure['workflow']} run {failure['run']}: {failure['reason']}")
    if not clean:
        _say_how_far(account.halted or ("a line cannot be used" if source.halted else ""), reached)
    return clean


def _say_how_far(halted: str, reached: "Progress | None") -> None:
    if not halted:
        return
    click.echo(f"longspan: not finished: {halted}", err=True)
    if reached is None or (reached.mark is None and reached.within is None):
        click.echo("longspan: nothing was accepted", err=True)
        return
    if reached.mark is not None:
        workflow_id, run = reached.mark
        click.echo(f"longspan: accepted: every run up to {workflow_id} run {run}, in the order of ending", err=True)
    if reached.within is not None:
        workflow_id, run = reached.within
        click.echo(f"longspan: and the first {reached.spans} spans of {workflow_id} run {run}", err=True)
    click.echo("longspan: nothing behind that was sent", err=True)


def _tell(replayed: Replay, settings: Settings) -> "Iterator[Again]":
    from spans.rebuilding import tell_again
    from spans.redelivery import Again

    telling = make_telling(settings)
    for run in replayed.runs():
        if run.ended:
            name, number = run.workflow_id, run.header.run
            pieces = tell_again(telling.namespace, name, run.header, run.records, telling.limits)
            yield Again((name, number), 0, name, number, pieces)
