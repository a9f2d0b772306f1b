"""`longspan replay --speed`: a file's events sent into the running system in the order and pace of their arrival."""

import threading
import time
from collections.abc import Mapping

import click
import msgspec

from longspan.progress import Progress
from longspan.replay_source import Source
from longspan.settings import Settings
from longspan.store import open_store
from machines.cloudevents import event_fields
from machines.events import Event
from machines.history import arrived_ns
from machines.timeouts import is_own

_BATCH = 500


def play(source: Source, settings: Settings, speed: float, suffix: str) -> None:
    """Send what the source holds; the times of events move so that the first is now, and shrink by the speed.

    Deadlines and messages are left to the running system, which makes its own. Holds the events in memory, as they
    are put in order. Raises redis.RedisError.
    """
    events: list[tuple[int, Event]] = []
    latest_ns = 0
    for line in source.lines():
        recorded = line.fate is not None
        if not is_own(line.event):
            # An event without an arrival of its own came behind those that stand above it.
            latest_ns = arrived_ns(line.event) if recorded else max(latest_ns, line.event.time_ns)
            events.append((latest_ns, line.event))
    if source.halted or not events:
        return
    events.sort(key=lambda event: event[0])
    store = open_store(settings)
    from streams import ingress

    first_ns = events[0][0]
    began, now_ns = time.monotonic(), time.time_ns()
    sent = 0
    waiting = threading.Event()
    with Progress(lambda _: f"{sent} of {len(events)} events sent") as progress:
        while sent < len(events):
            due = began + (events[sent][0] - first_ns) / speed / 1e9
            waiting.wait(max(0.0, due - time.monotonic()))
            until_ns = first_ns + (time.monotonic() - began) * speed * 1e9
            batch: list[Mapping[bytes, bytes]] = []
            for arrived, event in events[sent : sent + _BATCH]:
                if arrived > until_ns and batch:
                    break
                batch.append(_fields(event, now_ns + round((event.time_ns - first_ns) / speed), suffix))
            ingress.emit(store.client, store.keys, batch)
            sent += len(batch)
            progress.tell()
    click.echo(f"{sent} sent")


def _fields(event: Event, time_ns: int, suffix: str) -> Mapping[bytes, bytes]:
    """The entry of an event that happens at `time_ns`, under ids of its own. Raises EventError."""
    moved = msgspec.structs.replace(
        event,
        id=event.id + suffix,
        subject=event.subject + suffix,
        parent=event.parent + suffix if event.parent else None,
        time_ns=max(0, time_ns),
    )
    return event_fields(moved)
