"""The exporter dies before and after every round trip to Redis and every request, and a successor goes on."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from spans import export
from spans.answer import Answer, Delivered, Refused, Unavailable
from spans.ids import trace_id
from streams.client import Argument
from streams.export_leases import ExportLeases
from streams.keys import Keys
from streams.outbox import Outbox, OutboxItem
from streams.scripts import ACKNOWLEDGE
from tests.spans.export_runs import NOW_MS, RUN, exporter, ids
from tests.spans.journals import header
from tests.spans.ledger import PARTITIONS, Ledger
from tests.spans.pauses import Pauses
from tests.streams.interruption import Countdown, CrashError, Hook, Interrupted, holds
from tests.support.probe import Probe
from tests.support.servers import Server

LEASE_MS = 60_000
LARGEST = 4  # spans of a request that the endpoint takes
RUNS = {"a": 0, "b": 0, "c": 1, "d": 1, "bad": 1, "parts": 2, "forward": 2, "lost": 0}  # and their partitions
ENDED = [name for name in RUNS if name != "lost"]
TRACES = {trace_id("default", "order", name, 1): partition for name, partition in RUNS.items()}
(BAD,) = ids("bad", ("b", 1))


def happenings(ledger: Ledger) -> Iterator[None]:
    """Everything that an exporter has to do with, in three portions: whole runs, parts, progress, what is refused."""
    for name in ("a", "b", "c", "d", "bad"):
        ledger.finish(name, header(), RUN, partition=RUNS[name])
    for name, export_mode in (("parts", "complete"), ("forward", "progressive")):
        ledger.write(name, header(export=export_mode), RUN[:2], partition=2)  # type: ignore[arg-type]  # one of the two literals
        ledger.client.zadd(ledger.keys.of(2).ended, {f"1:{name}": "inf"})
    ledger.put(OutboxItem("parts", 1, 3, False), OutboxItem("forward", 1, 2, False), partition=2)
    yield
    ledger.put(OutboxItem("forward", 1, 3, False), partition=2)
    ledger.put(OutboxItem("lost", 1, 4, True))
    yield
    for name in ("parts", "forward"):
        ledger.write(name, header(), RUN[2:], partition=2)
    ledger.put(OutboxItem("parts", 1, 4, True), OutboxItem("forward", 1, 4, True), partition=2)
    yield


class World:
    """A prefix of its own, an endpoint, and what crossed the line between them.

    `arrived` are all spans that the endpoint took; `unacknowledged` are, by partition, those that it took since the
    last acknowledgement there was written.
    """

    def __init__(self, client: Probe, prefix: str, number: int, *, before: Hook | None, after: Hook | None) -> None:
        self.ledger = Ledger(client, Keys(f"{prefix}-{number}"))
        self.arrived: list[bytes] = []
        self.unacknowledged: dict[int, set[bytes]] = {partition: set() for partition in range(PARTITIONS)}
        self.before, self.after = before, after
        self._requests = 0

    def send(self, spans: Sequence[bytes]) -> Answer:
        """One request: refused where it is too large or holds the bad span, and the third time unavailable."""
        if self.before:
            self.before([])
        assert not any(self.unacknowledged.values()), "a request before the last one was acknowledged"
        answer = self._judge(spans)
        if isinstance(answer, Delivered):
            self.arrived += spans
        if isinstance(answer, Delivered) or len(spans) == 1:
            for span in spans:
                self.unacknowledged[TRACES[int.from_bytes(span[2:18])]].add(span)  # type: ignore[index]  # every trace of this test is in it
        if self.after:
            self.after([])
        return answer

    def work(self) -> None:
        """Export until nothing is left, in a process that may die at any time."""
        client = Interrupted(self.ledger.client, self.before, self._note)
        leases = ExportLeases(client, self.ledger.keys, PARTITIONS, LEASE_MS, lambda: 0)
        leases.step()
        exporting, stop = exporter(self.ledger, self, leases, Outbox(client, self.ledger.keys, PARTITIONS)), Pauses()
        while exporting.drain_once(stop, 0):
            pass
        leases.release()

    def succeed(self) -> set[bytes]:
        """The process is dead; what its successor cannot know to have arrived."""
        unknown = {span for spans in self.unacknowledged.values() for span in spans} & set(self.arrived)
        for spans in self.unacknowledged.values():
            spans.clear()
        self.before = self.after = None
        return unknown

    def _note(self, commands: Sequence[Sequence[Argument]]) -> None:
        if holds(commands, ACKNOWLEDGE._hash):
            for command in commands:
                self.unacknowledged[self._partition(command[3])].clear()
        if self.after:
            self.after(commands)

    def _partition(self, outbox: Argument) -> int:
        return next(number for number in range(PARTITIONS) if self.ledger.keys.of(number).outbox == outbox)

    def _judge(self, spans: Sequence[bytes]) -> Answer:
        self._requests += 1
        if self._requests == 3:
            return Unavailable("HTTP 503")
        if len(spans) > LARGEST:
            return Refused(413, "too large")
        return Refused(400, "bad") if any(span[20:28].hex() == BAD for span in spans) else Delivered()

    def left(self) -> dict[str, object]:
        """What is in Redis in the end."""
        ledger = self.ledger
        notes = [note for number in range(PARTITIONS) for note in ledger.refused(number)]
        return {
            "outbox": ledger.waiting(),
            "trace states": ledger.trace_states(),
            "delivered": {ledger.delivered_ms(name, partition=RUNS[name]) for name in ENDED},
            "refused": {(note[b"workflow"], note[b"reason"], note[b"span"]) for note in notes},
            "leases": [ledger.client.exists(ledger.keys.of(number).exporter) for number in range(PARTITIONS)],
            "exporters": ledger.client.exists(ledger.keys.exporters),
        }


@pytest.fixture
def worlds(valkey_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Makes worlds, in each of which whoever held a lease before is dead."""
    monkeypatch.setattr("streams.lease.is_dead", lambda owner: True)
    monkeypatch.setattr("streams.members.is_dead", lambda owner: True)
    monkeypatch.setattr(export, "MOST_SPANS", 6)
    with Probe(valkey_server.url) as client:
        numbers = itertools.count()

        def make(before: Hook | None = None, after: Hook | None = None) -> World:
            return World(client, prefix, next(numbers), before=before, after=after)

        yield make


def test_nothing_is_sent_twice_while_nothing_happens(worlds: Callable[..., World]) -> None:
    world = worlds()
    for _ in happenings(world.ledger):
        world.work()
    assert set(Counter(world.arrived).values()) == {1}
    assert len(world.arrived) == 3 * len(ENDED) - 1 + 1
    assert world.left() == {
        "outbox": 0,
        "trace states": 0,
        "delivered": {NOW_MS},
        "refused": {(b"bad", b"bad", _bad_span(world)), (b"lost", b"its journal holds 0 of 4 entries", b"")},
        "leases": [0, 0, 0],
        "exporters": 0,
    }


def _bad_span(world: World) -> bytes:
    (note,) = [note for note in world.ledger.refused(1) if note[b"span"]]
    assert note[b"span"][20:28].hex() == BAD
    return note[b"span"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_crash_anywhere_only_what_was_sent_and_not_acknowledged_is_sent_again(
    worlds: Callable[..., World], when: str
) -> None:
    calm = worlds()
    for _ in happenings(calm.ledger):
        calm.work()
    expected = (set(calm.arrived), calm.left())
    doubled = 0
    for number in itertools.count():
        hook = Countdown(number, CrashError)
        world = worlds(**{when: hook})
        for _ in happenings(world.ledger):
            try:
                world.work()
            except CrashError:
                repeated = world.succeed()
                world.work()
        if hook.calls <= number:
            break
        twice = {span for span, count in Counter(world.arrived).items() if count > 1}
        assert (twice, set(Counter(world.arrived).values()) - {1, 2}) == (repeated, set()), f"{when} call {number}"
        assert (set(world.arrived), world.left()) == expected, f"crash {when} call {number}"
        doubled += bool(twice)
    assert hook.calls > 60
    assert doubled > 5
