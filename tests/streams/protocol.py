"""The model of lease and commit: several workers, one server, a network that loses and delays, in any interleaving."""

from collections.abc import Sequence
from dataclasses import dataclass

import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.msgpack import decode

from machines.changes import Held
from machines.events import Event, decode_event, encode_event
from machines.journal import decode_journal
from machines.run import Interpreters
from streams.client import Argument
from streams.outbox import Outbox
from tests.streams.interruption import Interrupted
from tests.streams.peer import EARLY, LEASE_MS, Hand, Peer
from tests.streams.site import JOB, START_MS, Site

WORKERS = 3
WHO = st.integers(0, WORKERS - 1)
LIVES = ("a", "b")  # workflows that are started, then paused and resumed for ever


@dataclass(frozen=True, slots=True)
class Flight:
    """A request on its way: what it says, the etag that it goes by, and the entries that it commits."""

    commands: list[Sequence[Argument]]
    etag: bytes
    entries: list[tuple[bytes, Event]]


class Protocol(RuleBasedStateMachine):
    """Peers, producers, a network that loses and delays, and a server that fails over to an older state.

    `script` is the text of the commit script. `_history` is the partition's stream as it is to be folded: entry id ->
    event. Time is the test's own: a lease ends when a rule says so.
    """

    def __init__(self, site: Site, script: str) -> None:
        super().__init__()
        self._client = site.client
        self._keys = site.keys
        self._own = site.keys.of(0)
        self._interpreters = Interpreters(site.load({**JOB, "export": "progressive"}))
        self._forget_all()
        self._client.call("SCRIPT", "LOAD", script)  # or a delayed request would find none
        self._peers = [self._make(f"worker-{number}") for number in range(WORKERS)]
        self._history: dict[int, Event] = {}
        self._sent: list[Event] = []
        self._clock = 0
        self._spent: set[bytes] = set()
        self._in_flight: list[Flight] = []
        self._saved: tuple[dict[bytes, bytes], dict[int, Event], set[bytes]] | None = None

    # What producers do.

    @initialize()
    def begin(self) -> None:
        """Something to do for everybody."""
        for subject in (*LIVES, EARLY):
            self.send(subject, 2)

    @rule(subject=st.sampled_from([*LIVES, EARLY]), count=st.integers(1, 3))
    def send(self, subject: str, count: int) -> None:
        """New events."""
        for _ in range(count):
            number = sum(event.subject == subject for event in self._sent)
            name = "started" if number == 0 and subject != EARLY else ("resumed", "paused")[number % 2]
            time_ns = (START_MS + number * 1_000) * 1_000_000
            event = Event(str(number), "", f"com.example.job.{name}", subject, None, time_ns, None, "1-0")
            self._sent.append(event)
            self._append(event)

    @rule(which=st.integers(0, 30))
    def send_again(self, which: int) -> None:
        """An event that was sent before, and perhaps forgotten by a failover."""
        sent = [event for event in self._sent if event.subject in LIVES]
        self._append(sent[which % len(sent)])

    # What workers do.

    @rule(
        who=WHO,
        steps=st.integers(1, 5),
        count=st.integers(1, 3),
        tidy=st.booleans(),
        fate=st.sampled_from(["answered", "answered", "lost", "delayed"]),
    )
    def work(self, who: int, steps: int, count: int, tidy: bool, fate: str) -> None:
        """A worker goes on for some steps, a round trip each: claim, read, fold, commit, or reread after a fault."""
        peer = self._peers[who]
        for _ in range(steps):
            if peer.lease is None:
                peer.claim()
            elif peer.in_doubt:
                peer.reread()
            elif peer.hand is not None:
                self._commit(peer, peer.hand, fate)
            elif peer.batch is not None:
                peer.fold()
            elif tidy:
                peer.tidy()
            else:
                peer.read(count)

    @rule(who=WHO, keep=st.booleans())
    def renew(self, who: int, keep: bool) -> None:
        """A worker renews its lease, whatever it has in hand, or gives it up with nothing in hand."""
        peer = self._peers[who]
        if peer.idle or (keep and peer.lease):
            peer.renew(LEASE_MS if keep else 0)

    @rule(who=WHO)
    def crash(self, who: int) -> None:
        """A worker starts again, and knows nothing."""
        self._peers[who] = self._make(self._peers[who].name)

    @precondition(lambda self: self._in_flight)
    @rule(which=st.integers(0, 5))
    def arrive(self, which: int) -> None:
        """A request arrives that its sender has given up."""
        self._deliver(which % len(self._in_flight))

    # What happens to the server.

    @rule()
    def end_lease(self) -> None:
        """So much time passes that the lease, whose ever it is, has run out."""
        if self._client.call("HEXISTS", self._own.meta, "until"):
            self._client.call("HSET", self._own.meta, "until", 0)

    @rule()
    def save(self) -> None:
        """What a replica has got so far."""
        names = list(self._client.scan_iter(match=f"{self._keys.prefix}:*", count=1_000))
        dumps = self._client.call_all(["DUMP", name] for name in names)
        self._saved = dict(zip(names, dumps, strict=True)), dict(self._history), set(self._spent)

    @precondition(lambda self: self._saved is not None)
    @rule(unaware=st.sets(WHO))
    def fail_over(self, unaware: set[int]) -> None:
        """The server is now the replica. Those `unaware` had no connection open that could have broken."""
        assert self._saved is not None
        dumps, history, spent = self._saved
        self._forget_all()
        self._client.call_all(["RESTORE", name, 0, dump] for name, dump in dumps.items())
        self._history, self._spent = dict(history), set(spent)
        for number, peer in enumerate(self._peers):
            if peer.lease is not None and number not in unaware:
                peer.drop(peer.lease, in_doubt=True)

    # What must always hold.

    @invariant()
    def everything_up_to_the_cursor_was_folded_once_and_in_order(self) -> None:
        """Journals, waiting events, dead letters, counts, outbox: as the entries up to the cursor make them."""
        cursor, read = self._client.call("HMGET", self._own.meta, "cursor", "read")
        last = _number(cursor or b"0-0")
        folded = [event for number, event in sorted(self._history.items()) if number <= last]
        assert int(read or 0) == len(folded)
        told = dict.fromkeys(LIVES, 0)
        for entry in Outbox(self._client, self._keys, 1).read({0: b"0-0"}, 1_000, 0):
            for item in entry.items:
                assert item.entries > told[item.workflow_id], "the outbox tells something twice"
                told[item.workflow_id] = item.entries
        for subject in LIVES:
            journal = self._client.call("LRANGE", self._own.journal(subject, 1), 0, -1)
            ids = [record.event.id for record in decode_journal(journal, subject)[1]] if journal else []
            assert ids == _once(folded, subject)
            assert told[subject] == len(journal)
        waiting = [
            decode(held, type=Held).event.id for held in self._client.call("LRANGE", self._own.waiting(EARLY), 0, -1)
        ]
        dead = [decode_event(fields[-1]).id for _, fields in self._client.call("XRANGE", self._own.dead, "-", "+")]
        assert sorted(waiting + dead, key=int) == _once(folded, EARLY)

    def teardown(self) -> None:
        """In the end all requests have arrived, and somebody folds what is left: then nothing is missing."""
        while self._in_flight:
            self._deliver(0)
        self.end_lease()
        last = self._make("last")
        last.claim()
        assert last.lease is not None
        last.read(10)
        while last.batch:
            last.fold()
            assert last.commit(self._client)
            last.read(10)
        assert _number(last.lease.cursor) >= max(self._history, default=0)
        self.everything_up_to_the_cursor_was_folded_once_and_in_order()

    def _make(self, name: str) -> Peer:
        return Peer(name, self._client, self._keys, self._interpreters)

    def _commit(self, peer: Peer, hand: Hand, fate: str) -> None:
        """Commit: with an answer, with an answer that is lost, or with a request that arrives some time later."""
        assert peer.lease is not None
        etag = peer.lease.etag
        if fate == "answered":
            if peer.commit(self._client):
                self._note(etag, hand.entries)
            return

        def cut(commands: Sequence[Sequence[Argument]]) -> None:
            self._in_flight.append(Flight(list(commands), etag, hand.entries))
            raise redis.ConnectionError(fate)

        try:
            peer.commit(Interrupted(self._client, before=cut))
        except redis.ConnectionError:
            peer.in_doubt = True
        if fate == "lost":
            self._deliver(-1)

    def _append(self, event: Event) -> None:
        self._clock += 1
        self._client.call("XADD", self._own.events, f"{self._clock}-0", "e", encode_event(event))
        self._history[self._clock] = event

    def _deliver(self, which: int) -> None:
        flight = self._in_flight.pop(which)
        (reply,) = self._client.call_all(flight.commands)
        if reply[0] == b"committed":
            self._note(flight.etag, flight.entries)

    def _note(self, etag: bytes, entries: list[tuple[bytes, Event]]) -> None:
        """A commit was accepted. What a failover had taken out of the stream may be in it: it came all the same."""
        assert etag not in self._spent, "two commits went by one etag"
        self._spent.add(etag)
        self._history |= {_number(entry_id): event for entry_id, event in entries}

    def _forget_all(self) -> None:
        names = list(self._client.scan_iter(match=f"{self._keys.prefix}:*", count=1_000))
        self._client.delete(*names or [b"-"])


def _number(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])


def _once(events: list[Event], subject: str) -> list[str]:
    """The ids of a workflow's events, each at its first place."""
    return list(dict.fromkeys(event.id for event in events if event.subject == subject))
