"""`longspan rebuild --check`: whether snapshots say what their journals say."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from longspan.columns import align
from longspan.errors import NotFoundError
from longspan.loading import load_machines
from longspan.rebuild_source import Choice
from longspan.settings import Settings
from longspan.store import Store, open_store

if TYPE_CHECKING:
    from machines.journal import Header, Record
    from machines.run import Interpreters
    from streams.status import WorkflowView

_TRIES = 10  # for a workflow that changes while it is looked at
_SHOWN = 50


@dataclass(slots=True)
class Findings:
    """What was compared. `differing` has a fact of each difference; `unfolded` counts workflows that were compared
    with their records alone, since their machine is not loaded."""

    workflows: int = 0
    events: int = 0
    unfolded: int = 0
    differing: list[dict[str, Any]] = field(default_factory=list)

    def differ(self, workflow_id: str, run: int, place: str, journal: str, other: str) -> None:
        """Note a difference."""
        self.differing.append({"workflow": workflow_id, "run": run, "place": place, "journal": journal, "found": other})


def run_check(settings: Settings, choice: Choice, sources: Sequence[str], as_json: bool) -> bool:
    """Compare, and tell; whether nothing differs. Raises NotFoundError, redis.RedisError, MachineDocumentError."""
    from machines.run import Interpreters

    store = open_store(settings)
    partitions = store.partitions
    if partitions is None:
        raise NotFoundError("prefix", settings.prefix, f"no worker has ever started under it at {store.shown}")
    interpreters = Interpreters(load_machines(sources, settings))
    findings = Findings()
    for workflow_id in choice.ids or _list(store, partitions):
        _check(store, partitions, workflow_id, choice, interpreters, findings)
    if as_json:
        told = {name: getattr(findings, name) for name in Findings.__dataclass_fields__}
        click.echo(json.dumps(told, indent=2))
    else:
        _tell(findings)
    return not findings.differing


def _list(store: Store, partitions: int) -> Iterator[str]:
    """Every workflow, a partition after the other."""
    from streams.candidates import NEWEST_MS, Position
    from streams.walks import Ranked

    for partition in range(partitions):
        names = store.client.call("SMEMBERS", store.keys.of(partition).indexes)
        listed = Ranked(store.client, store.keys, {partition: sorted(n for n in names if n.startswith(b"listed:"))})
        position = Position(NEWEST_MS, b"")
        while candidates := listed.below(position, 200):
            position = candidates[-1].position
            yield from (place.workflow_id.decode(errors="replace") for place, _ in candidates)


def _check(
    store: Store, partitions: int, workflow_id: str, choice: Choice, interpreters: "Interpreters", findings: Findings
) -> None:
    """Compare one workflow; again where it has changed meanwhile."""
    from machines.errors import SnapshotError
    from streams.journals import open_journal
    from streams.status import find_workflow

    for left in reversed(range(_TRIES)):
        try:
            view = find_workflow(store.client, store.keys, partitions, workflow_id)
            if view is None and choice.ids:
                raise NotFoundError("workflow", workflow_id, f"none is at {store.shown}, or retention has removed it")
            if view is None or not view.snapshot.run:
                return None
            run = view.snapshot.run
            length = store.client.call("LLEN", store.keys.of(view.partition).journal(workflow_id, run))
            if length != view.snapshot.entries and left:
                continue
            journal = open_journal(store.client, store.keys, partitions, workflow_id, run)
            if journal is None:
                if left:
                    continue
                return findings.differ(workflow_id, run, "journal", "there is none", f"{view.snapshot.entries} entries")
            records = islice(journal.records, length - 1)
            return _compare(view, journal.header, records, choice, interpreters, findings)
        except SnapshotError as error:
            return findings.differ(workflow_id, 0, "stored data", "-", str(error))
    return None


def _compare(
    view: "WorkflowView",
    header: "Header",
    records: "Iterator[Record]",
    choice: Choice,
    interpreters: "Interpreters",
    findings: Findings,
) -> None:
    from machines.agreement import compare

    snapshot = view.snapshot
    if not (
        choice.machine in (None, snapshot.machine)
        and choice.run in (None, snapshot.run)
        and choice.outcome in (None, snapshot.status)
        and (choice.started_after_ns is None or snapshot.started_ns >= choice.started_after_ns)
        and (choice.started_before_ns is None or snapshot.started_ns < choice.started_before_ns)
    ):
        return
    agreement = compare(snapshot, header, records, interpreters)
    findings.workflows += 1
    findings.events += agreement.records
    findings.unfolded += agreement.folded < agreement.records and not agreement.differences
    for difference in agreement.differences:
        findings.differ(view.id, snapshot.run, *difference)


def _tell(findings: Findings) -> None:
    differing = findings.differing
    if differing:
        titles = ("workflow", "run", "place", "journal", "found")
        rows = [[str(fact[title]) for title in titles] for fact in differing[:_SHOWN]]
        click.echo(align([title.upper() for title in titles], rows))
    if len(differing) > _SHOWN:
        click.echo(f"... and {len(differing) - _SHOWN} more differences")
    click.echo(f"{findings.workflows} workflows with {findings.events} events compared, {len(differing)} differences")
    if findings.unfolded:
        click.echo(f"{findings.unfolded} were compared with their records alone: their machines are not loaded")
