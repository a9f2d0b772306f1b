"""The worker and the router die before and after every single round trip, and the outcome is always the same."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.msgpack import decode
from msgspec.structs import replace

from machines.changes import Held
from machines.events import Event
from machines.journal import decode_record
from machines.snapshot import decode_snapshot
from machines.timeouts import is_deadline
from streams.keys import Keys
from tests.streams.interruption import Countdown, CrashError, Hook, Interrupted
from tests.streams.site import JOB, Site

STEPS = 40
FORWARD = {
    "machine": "forward",
    "version": 1,
    "starts_on": ["com.example.forward.started"],
    "export": "progressive",
    "chart": {"states": {"open": {"transitions": [{"event": "closed", "target": "over"}]}, "over": {"final": True}}},
}


def entries(site: Site) -> list[dict[bytes, bytes]]:
    """Everything that a worker has to do with: ends, waiting, gaps, deadlines, dead letters, runs, both exports."""

    def forward(subject: str, name: str) -> dict[bytes, bytes]:
        return site.event(subject, name, type=f"com.example.forward.{name}")

    events = [
        site.event("a", "started"),
        site.event("b", "paused"),
        site.event("a", "paused"),
        {b"subject": b"a", b"odd": b"\xff"},
        site.event("b", "started"),
        forward("p", "started"),
        site.event("d", "started"),
        site.event("d", "paused"),
        site.event("s", "started", sequence="0"),
        site.event("s", "finished", sequence="3"),
        site.event("s", "paused", sequence="1"),
        site.event("lost", "paused"),
        site.event("a", "resumed"),
        site.event("a", "finished"),
        site.event("a", "paused"),
        site.event("a", "started"),
        forward("p", "closed"),
        site.event("n", "begun", machine="nobody"),
    ]
    return [*events, events[3], events[2]]


def work(site: Site, connect: Callable[[], Any]) -> None:
    """Route and fold in small bites until nothing is left, then let the waits, deadlines and retention pass."""
    worker, router = site.worker(connect, site.load(JOB, FORWARD), batch=3), site.router(connect())
    for ms in (0, 301_000, 601_000, 30_000, 1_000):
        site.now_ms += ms
        for _ in range(STEPS):
            if router.step(0) + worker.step(0) == 0 and not ms:
                break
            ms = 0


def told(site: Site) -> dict[str, object]:
    """What is in Redis, read; without tokens, ids of entries and the moments at which waiting began."""
    found: dict[str, object] = {}
    for name in site.keyspace():
        tag, _, kind = name.partition(b"}:")
        label = f"{tag.rpartition(b'{')[2].decode()} {kind.decode()}"
        if kind.startswith(b"journal"):
            subject = kind.decode().split(":", 2)[2]
            header, *records = site.client.call("LRANGE", name, 0, -1)
            found[label] = [header, *(plain(decode_record(record, subject).event) for record in records)]
        elif kind.startswith(b"workflow"):
            snapshot = decode_snapshot(bytes(site.client.call("GET", name)))
            found[label] = replace(snapshot, pending_bytes=0)  # of a progressive run: how it was cut into commits
        elif kind.startswith(b"waiting"):
            found[label] = [plain(decode(item, type=Held).event) for item in site.client.call("LRANGE", name, 0, -1)]
        elif kind.endswith((b":open", b"ended", b"held", b"deadlines", b"parked")):
            found[label] = site.client.zrange(name, 0, -1)
    found["dead"] = sorted(
        (letter.reason, letter.field, letter.detail, repr(letter.entry)) for letter in site.letters()
    )
    items = [item for entry in site.outbox() for item in entry.items]
    ends = [(item.workflow_id, item.run, item.entries) for item in items if item.last]
    assert len(ends) == len(set(ends)), "a run was sent to the outbox twice"
    found["ends"] = sorted(ends)
    found["parts"] = {(item.workflow_id, item.run) for item in items}
    return found


def plain(event: Event) -> Event:
    """Without the ingress entry's id."""
    return replace(event, position=event.position if is_deadline(event) else "")


@pytest.fixture
def restart(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the site one with another prefix at the first moment, where whoever held a lease before is dead."""
    for module in ("lease", "members"):
        monkeypatch.setattr(f"streams.{module}.is_dead", lambda owner: True)
    clock, numbers = site.now_ms, site._numbers

    def begin(name: str) -> None:
        site.keys = Keys(f"{prefix}-{name}")
        site.now_ms, site._numbers = clock, numbers

    prefix = site.keys.prefix
    return begin


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_round_trip_changes_nothing_of_the_outcome(
    site: Site, restart: Callable[[str], None], when: str
) -> None:
    restart("undisturbed")
    site.emit(*entries(site))
    work(site, lambda: site.client)
    expected = told(site)
    hook = Countdown(0, CrashError)
    for number in itertools.count():
        restart(f"crash-{number}")
        site.emit(*entries(site))
        hook = Countdown(number, CrashError)
        try:
            work(site, functools.partial(interrupted, site, **{when: hook}))
        except CrashError:
            work(site, lambda: site.client)
        assert told(site) == expected, f"crash {when} call {number}"
        if hook.calls <= number:
            break
    assert hook.calls > 50


def interrupted(site: Site, **hooks: Hook) -> Interrupted:
    """A client of the site with hooks."""
    return Interrupted(site.client, **hooks)
