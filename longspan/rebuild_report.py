"""What `longspan rebuild` tells: progress on stderr while it goes on, and a report at the end."""

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from longspan.columns import align
from longspan.endpoint import read_endpoint

if TYPE_CHECKING:
    from longspan.rebuild_missing import Audit
    from spans.redelivery import Account, Redelivery

_SHOWN = 20  # of a list, in text; JSON has all that is known


def say(redelivery: "Redelivery") -> Callable[[float], str]:
    """What the line of progress says."""

    def line(seconds: float) -> str:
        spans = redelivery.tally.sent
        away = f", the endpoint is away: {redelivery.tally.last_error}" if redelivery.tally.unavailable_since_ms else ""
        return f"{redelivery.account.runs} runs, {spans} spans, {spans / max(seconds, 0.001):.0f} spans/s{away}"

    return line


def report(
    account: "Account",
    seconds: float,
    *,
    dry_run: bool,
    as_json: bool,
    open_runs: int | None,
    audit: "Audit | None" = None,
) -> None:
    """Print what became of everything."""
    told: dict[str, Any] = {
        "dry_run": dry_run,
        "runs": account.runs,
        "spans": account.spans,
        "bytes": account.sent_bytes,
        "seconds": round(seconds, 3),
        "refused": account.refused,
        "refusals": account.refusals,
        "failed": account.failed,
        "failures": account.failures,
        "left_out": dict(account.passed),
        "open": open_runs,
        "halted": account.halted or None,
    }
    if audit is not None:
        told["audit"] = audit.facts()
    if as_json:
        return click.echo(json.dumps(told, indent=2))
    if audit is not None:
        audit.tell()
    place = read_endpoint(os.environ).shown
    verb = "would be sent to" if dry_run else "sent to"
    rate = f" in {seconds:.1f} s ({account.spans / max(seconds, 0.001):.0f} a second)"
    click.echo(f"{account.runs} runs, {account.spans} spans ({account.sent_bytes} bytes) {verb} {place}{rate}")
    for reason, count in account.passed.items():
        click.echo(f"left out: {count} runs: {reason}")
    if open_runs:
        click.echo(f"{open_runs} workflows have not ended: of those only what was exported before is sent")
    _list("refused", account.refused, account.refusals, ("workflow", "run", "trace_ids", "status", "reason"))
    _list("could not be told", account.failed, account.failures, ("workflow", "run", "reason"))
    if account.halted:
        click.echo(
            f"longspan: not finished: {account.halted}. What follows was not sent; --resume FILE goes on", err=True
        )
    return None


def _list(what: str, count: int, known: list[dict[str, str]], titles: tuple[str, ...]) -> None:
    if not count:
        return
    click.echo(f"{count} {what}:")
    rows = [[fact.get(title) or "-" for title in titles] for fact in known[:_SHOWN]]
    click.echo(align([title.upper() for title in titles], rows))
    if count > _SHOWN:
        click.echo(f"... and {count - min(_SHOWN, len(known))} more")
