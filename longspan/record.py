"""`longspan record`: the journals of workflows as lines that `replay` and `rebuild` read."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from longspan.archived_source import ArchivedSource
from longspan.errors import FAILED, NotFoundError
from longspan.parameters import Instant
from longspan.progress import Progress
from longspan.rebuild_source import Choice, Run
from longspan.recordings import write_lines
from longspan.settings import read_settings
from longspan.status import STATUSES
from longspan.store import Store, open_store

if TYPE_CHECKING:
    from streams.journals import OpenJournal
    from streams.query import Query
    from streams.status import WorkflowView

_PAGE = 200
_AT_ONCE = 50  # journals that are begun in one round trip


class _Begun(NamedTuple):
    """A run by its place in the order of the file."""

    started_ns: int
    workflow_id: str
    run: int


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option("--machine", help="Only workflows of this machine.")
@click.option(
    "--status",
    "--outcome",
    "status_name",
    type=click.Choice(STATUSES[1:]),
    help="Only workflows with this status: how they ended, or that they run.",
)
@click.option(
    "--started-after", type=Instant(), metavar="TIME", help="Only workflows that started then or later, RFC 3339."
)
@click.option("--started-before", type=Instant(), metavar="TIME", help="Only workflows that started before.")
@click.option("--run", type=click.IntRange(1), help="Of each workflow only this run.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Default: stdout; .gz is packed."
)
@click.option(
    "--archive",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="From an archive (LONGSPAN_ARCHIVE), instead of Redis; in the order of its files.",
)
@click.option(
    "--redact",
    "redacted",
    multiple=True,
    metavar="FIELD",
    help="Leave out what stands in this field of data (customer.email), or in this attribute; repeatable.",
)
def record(
    ids: Sequence[str],
    machine: str | None,
    status_name: str | None,
    started_after: int | None,
    started_before: int | None,
    run: int | None,
    output: Path | None,
    archive: Path | None,
    redacted: Sequence[str],
) -> None:
    """Record workflows: each event of their journals as one line of JSON, with what became of it.

    \b
      longspan record wf-42 wf-43 > two.jsonl
      longspan record --machine order --outcome error --output failed.jsonl.gz
      longspan record --started-after 2026-11-22T00:00:00Z --redact customer.email

    Filters look at a workflow's latest run; of every one that fits all runs are recorded that retention has left. Runs
    stand in the order in which they started. Nothing is written to Redis, and workers go on undisturbed.
    """
    filtered = machine or status_name or started_after is not None or started_before is not None
    if ids and filtered:
        raise click.UsageError("--machine, --status, --started-after and --started-before go without ids")
    settings = read_settings(os.environ)
    journals: Iterator[OpenJournal | Run]
    damage: list[str] = []
    if archive is not None:
        choice = Choice(tuple(ids), run, machine, status_name, started_after, started_before)
        source = ArchivedSource(archive, settings.prefix, choice, time.time_ns)
        journals, source.fail = source.runs(), lambda file, _, reason: damage.append(f"{file}: {reason}")
    else:
        from streams.query import Query

        store = open_store(settings)
        query = Query(
            machine=machine, status=status_name, started_after_ns=started_after, started_before_ns=started_before
        )
        journals = _journals(store, _list_runs(store, ids, query, run))
    runs = events = 0
    with Progress(lambda _: f"{runs} runs, {events} events recorded") as progress, write_lines(output) as write:
        from machines.recording import write_run
        from machines.redaction import redact

        for journal in journals:
            runs += 1
            told = (redact(each, redacted) for each in journal.records) if redacted else journal.records
            for line in write_run(journal.header, told):
                write(line)
                events += 1
                progress.tell()
    click.echo(f"{runs} runs, {events} events recorded", err=True)
    for told_of in damage:
        click.echo(f"longspan: left out: {told_of}", err=True)
    if damage:
        sys.exit(FAILED)


def _list_runs(store: Store, ids: Sequence[str], query: "Query", run: int | None) -> list[_Begun]:
    """The runs that are wanted, in the order of the file."""
    from streams.journals import open_journals

    found: list[_Begun] = []
    former: list[tuple[str, int]] = []
    for view in _find(store, ids, query):
        snapshot = view.snapshot
        if run in (None, snapshot.run) and snapshot.run:
            found.append(_Begun(snapshot.started_ns, view.id, snapshot.run))
        former += [(view.id, each) for each in range(1, snapshot.run) if run in (None, each)]
    partitions = store.partitions or 0
    for start in range(0, len(former), _AT_ONCE):
        names = former[start : start + _AT_ONCE]
        for name, journal in zip(names, open_journals(store.client, store.keys, partitions, names), strict=True):
            if isinstance(journal, Exception):
                raise journal
            first = None if journal is None else next(journal.records, None)
            if first is not None:
                found.append(_Begun(first.event.time_ns, *name))
    return sorted(found)


def _find(store: Store, ids: Sequence[str], query: "Query") -> "Iterator[WorkflowView]":
    from streams.query import find_page
    from streams.status import find_workflow

    partitions, cursor = store.partitions, None
    for workflow_id in ids:
        view = find_workflow(store.client, store.keys, partitions, workflow_id) if partitions else None
        if view is None or not view.snapshot.run:
            hint = "no event of it was applied under this prefix, or it was removed"
            raise NotFoundError("workflow", workflow_id, hint)
        yield view
    if ids or not partitions:
        return
    while True:
        now_ms = time.time_ns() // 1_000_000
        page = find_page(store.client, store.keys, partitions, query, limit=_PAGE, cursor=cursor, now_ms=now_ms)
        yield from page.views
        cursor = page.next
        if cursor is None:
            return


def _journals(store: Store, runs: Sequence[_Begun]) -> "Iterator[OpenJournal]":
    """The journals that are still there, begun some at a time."""
    from streams.journals import open_journals

    partitions = store.partitions or 0
    for start in range(0, len(runs), _AT_ONCE):
        names = [(begun.workflow_id, begun.run) for begun in runs[start : start + _AT_ONCE]]
        for journal in open_journals(store.client, store.keys, partitions, names):
            if isinstance(journal, Exception):
                raise journal
            if journal is not None:  # else retention has removed it meanwhile
                yield journal
