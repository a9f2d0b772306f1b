"""`longspan deadletters`: events that could not be applied, and spans that the endpoint refused."""

import json
import os
from collections.abc import Sequence

import click

from longspan import letters
from longspan.columns import align
from longspan.settings import read_settings
from longspan.store import Store, open_store

_TITLES = ("id", "at", "reason", "subject", "type", "detail")
_REFUSED_TITLES = ("id", "at", "status", "workflow", "reason")
_SPANS = click.option("--spans", is_flag=True, help="Spans that the endpoint refused, instead of events.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_REASON = click.option("--reason", help="Only those set aside for this reason, such as malformed.")
_ALL = click.option("--all", "every", is_flag=True, help="All of them.")


@click.group()
def deadletters() -> None:
    """List, show, redrive and drop events that could not be applied.

    \b
      longspan deadletters list
      longspan deadletters show 3.1763827200000-0
      longspan deadletters redrive --reason early

    A dead letter is kept until it is redriven or dropped. Events of a machine that is not loaded are listed too, as
    parked: they go on by themselves when a worker has it.
    """


@deadletters.command("list")
@_REASON
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many to list at most.")
@_SPANS
@_JSON
def list_command(reason: str | None, limit: int, spans: bool, as_json: bool) -> None:
    """List dead letters, the oldest first."""
    if spans and reason:
        raise click.UsageError("--reason filters events: leave out --spans")
    store = _open()
    facts = letters.list_refused(store, limit) if spans else letters.list_letters(store, reason, limit)
    if as_json:
        return click.echo(json.dumps(facts, indent=2))
    if not facts:
        return click.echo("no refused spans" if spans else "no dead letters")
    titles = _REFUSED_TITLES if spans else _TITLES
    rows = [[str(fact.get(title) or "-") for title in titles] for fact in facts]
    return click.echo(align([title.upper() for title in titles], rows))


@deadletters.command()
@click.argument("letter_id", metavar="ID")
@_SPANS
@_JSON
def show(letter_id: str, spans: bool, as_json: bool) -> None:
    """Show one dead letter with everything that came."""
    store = _open()
    fact = letters.show_refused(store, letter_id) if spans else letters.show_letter(store, letter_id)
    if as_json:
        return click.echo(json.dumps(fact, indent=2))
    for name, value in fact.items():
        click.echo(f"{name.replace('_', ' '):<12}{value if isinstance(value, str) else json.dumps(value)}")
    return None


@deadletters.command()
@click.argument("ids", nargs=-1)
@_REASON
@_ALL
@_JSON
def redrive(ids: Sequence[str], reason: str | None, every: bool, as_json: bool) -> None:
    """Send dead letters through the ingress stream again, under their old ids.

    What made them fail should be mended first: the machine loaded, the missing start sent.
    """
    _check_choice(ids, reason, every)
    count = letters.redrive(_open(), ids, reason)
    click.echo(json.dumps({"redriven": count}) if as_json else f"{count} redriven")


@deadletters.command()
@click.argument("ids", nargs=-1)
@_REASON
@_ALL
@_SPANS
@_JSON
def drop(ids: Sequence[str], reason: str | None, every: bool, spans: bool, as_json: bool) -> None:
    """Delete dead letters for good."""
    if spans and reason:
        raise click.UsageError("--reason filters events: leave out --spans")
    _check_choice(ids, reason, every)
    store = _open()
    count = letters.drop_refused(store, ids) if spans else letters.drop(store, ids, reason)
    click.echo(json.dumps({"dropped": count}) if as_json else f"{count} dropped")


def _check_choice(ids: Sequence[str], reason: str | None, every: bool) -> None:
    if sum((bool(ids), reason is not None, every)) != 1:
        raise click.UsageError("say which: ids, or --reason REASON, or --all")


def _open() -> Store:
    return open_store(read_settings(os.environ))
