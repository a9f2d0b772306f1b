"""Rejected events of a run, found in its journal, and sent again to a version of the machine."""

from collections.abc import Iterator, Sequence

import msgspec

from machines.cloudevents import event_fields
from machines.errors import SnapshotError
from machines.events import REDRIVE, Event
from machines.journal import Record, decode_header, decode_record
from machines.timeouts import is_deadline, is_own
from streams.client import Client
from streams.errors import UNREADABLE, RedriveError
from streams.keys import Keys
from streams.resending import send_in_order
from streams.status import WorkflowView

PAGE = 100  # records; one may hold 256 KiB


def find_rejected(client: Client, keys: Keys, view: WorkflowView, first: str | None = None) -> list[Event]:
    """The events of the workflow's run that were rejected and not applied since, in order; with `first` from the first
    one of that id on.

    Deadlines and messages are left out: whether they are due is for the workflow's state to say. Raises RedriveError
    where the workflow does not run, or `first` is none of them; SnapshotError, redis.RedisError.
    """
    if view.snapshot.status != "running":
        status = "has not started" if view.snapshot.status == "waiting" else f"has ended ({view.snapshot.status})"
        raise RedriveError(f"workflow {view.id} {status}: only events of a running one can be redriven")
    rejected: dict[tuple[str, str], Event] = {}
    found = ""
    for record in _read_records(client, keys, view):
        event = record.event
        if event.id == first:
            found = "a deadline" if is_deadline(event) else "a message" if is_own(event) else record.result
        if record.result == "rejected" and not is_own(event):
            rejected[event.source, event.id] = event
        elif record.result == "applied":
            rejected.pop((event.source, event.id), None)
    events = list(rejected.values())
    if first is None:
        return events
    begin = next((index for index, event in enumerate(events) if event.id == first), None)
    if begin is None:
        what = f"was {found}, and only rejected events can be redriven" if found else "is not in its journal"
        raise RedriveError(f"event {first} of workflow {view.id}, run {view.snapshot.run}, {what}")
    return events[begin:]


def redrive_events(client: Client, keys: Keys, events: Sequence[Event], version: int) -> None:
    """Send events through the ingress stream again, in order, to be applied by a version of the machine.

    They keep everything but `sequence`: their turn has passed. The same again changes nothing. Raises redis.RedisError.
    """
    send_in_order(client, keys, (event_fields(_redriven(event, version)) for event in events))


def _redriven(event: Event, version: int) -> Event:
    extensions = {**(event.extensions or {}), REDRIVE: str(version)}
    return msgspec.structs.replace(event, sequence=None, extensions=extensions)


def _read_records(client: Client, keys: Keys, view: WorkflowView) -> Iterator[Record]:
    key = keys.of(view.partition).journal(view.id, view.snapshot.run)
    for header in client.call("LRANGE", key, 0, 0):
        decode_header(header)
    start = 1
    while entries := client.call("LRANGE", key, start, start + PAGE - 1):
        for entry in entries:
            try:
                yield decode_record(entry, view.id)
            except UNREADABLE as error:
                raise SnapshotError(f"the journal of workflow {view.id} cannot be read: {error}") from None
        start += len(entries)
