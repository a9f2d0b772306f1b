"""`longspan deadletters`: events that could not be applied, and spans that the endpoint refused."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from longspan import letters
from longspan.columns import align
from longspan.errors import FAILED, UseError
from longspan.loading import load_machines
from longspan.settings import Settings, read_settings
from longspan.store import Store, open_store

_TITLES = ("id", "at", "reason", "subject", "type", "detail")
_REFUSED_TITLES = ("id", "at", "status", "workflow", "reason")
_SPANS = click.option("--spans", is_flag=True, help="Spans that the endpoint refused, instead of events.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_REASON = click.option("--reason", help="Only those set aside for this reason, such as malformed.")
_MACHINES = click.option("--machines", "sources", multiple=True, metavar="PATH", help="With --workflow: the machines.")
_ALL = click.option("--all", "every", is_flag=True, help="All of them.")


@click.group()
def deadletters() -> None:
    """List, show, redrive and drop events that could not be applied.

    \b
      longspan deadletters list
      longspan deadletters show 3.1763827200000-0
      longspan deadletters redrive --reason early

    A dead letter is kept until it is redriven or dropped. Events of a machine that is not loaded are listed too, as
    parked: they go on by themselves when a worker has it. docs/deadletters.md says what helps for which reason.
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
@click.option("--workflow", metavar="ID", help="The rejected events of this workflow, instead of dead letters.")
@click.option("--event", "first", metavar="EVENT_ID", help="With --workflow: those from this event on.")
@click.option("--to", "version", type=click.IntRange(1), help="With --workflow: the machine version to apply them.")
@_MACHINES
@_JSON
def redrive(
    ids: Sequence[str],
    reason: str | None,
    every: bool,
    workflow: str | None,
    first: str | None,
    version: int | None,
    sources: Sequence[str],
    as_json: bool,
) -> None:
    """Send dead letters through the ingress stream again, under their old ids.

    What made them fail should be mended first: the machine loaded, the missing start sent.

    With --workflow, the events that the run of a workflow has rejected are sent again, to be applied by the newest
    version of its machine that --machines, or LONGSPAN_MACHINES, has, or by the version --to. The workflow moves to
    that version. The same again changes nothing.

    \b
      longspan deadletters redrive --workflow wf-42
      longspan deadletters redrive --workflow wf-42 --event e-7 --to 2
    """
    _check_choice(ids, reason, every, workflow)
    if workflow is None and (first is not None or version is not None or sources):
        raise click.UsageError("--event, --to and --machines go with --workflow")
    settings = read_settings(os.environ)
    store = open_store(settings)
    if workflow is not None:
        fact = letters.redrive_workflow(
            store, workflow, first, lambda machine: version or _latest(machine, sources, settings)
        )
        told = f"{fact['redriven']} redriven to {fact['machine']} version {fact['version']}"
        return click.echo(json.dumps(fact) if as_json else told)
    with _progress(store, shown=not ids and not as_json) as seen:
        count, kept = letters.redrive(store, ids, reason, seen)
    click.echo(json.dumps({"redriven": count, "kept": kept}) if as_json else f"{count} redriven")
    if kept:
        click.echo(f"longspan: {kept} hold no event that could be sent: show and drop them", err=True)
        sys.exit(FAILED)
    return None


@deadletters.command()
@click.argument("ids", nargs=-1)
@_REASON
@_ALL
@click.option("--machine", help="The events that are parked for this machine, instead of dead letters.")
@_SPANS
@_JSON
def drop(ids: Sequence[str], reason: str | None, every: bool, machine: str | None, spans: bool, as_json: bool) -> None:
    """Delete dead letters for good.

    Parked events are dropped by their ids or their --machine, never by --all: the worker that holds their workflow does
    it, as soon as it comes to it.
    """
    if spans and (reason or machine):
        raise click.UsageError("--reason and --machine choose events: leave out --spans")
    _check_choice(ids, reason, every, machine)
    store = _open()
    with _progress(store, shown=bool(every or reason) and not (spans or as_json)) as seen:
        if spans:
            count = letters.drop_refused(store, ids)
        elif machine is not None:
            count = letters.drop_parked(store, machine)
        else:
            count = letters.drop(store, ids, reason, seen)
    click.echo(json.dumps({"dropped": count}) if as_json else f"{count} dropped")


def _check_choice(ids: Sequence[str], reason: str | None, every: bool, other: str | None) -> None:
    if sum((bool(ids), reason is not None, every, other is not None)) != 1:
        raise click.UsageError("say which: ids, or one option such as --reason REASON or --all (see --help)")


def _latest(name: str, sources: Sequence[str], settings: Settings) -> int:
    machine = load_machines(sources, settings).latest(name)
    if machine is None:
        raise UseError(f"the machine {name} is not among those loaded: name its document with --machines, or use --to")
    return machine.version


@contextmanager
def _progress(store: Store, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Tell on a terminal how many of all dead letters have been looked at."""
    if not shown or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=letters.count_letters(store), label="looked at", file=sys.stderr) as bar:
        yield bar.update


def _open() -> Store:
    return open_store(read_settings(os.environ))
