"""Commits on their way to Redis: one round trip is carried out there while the next is made ready here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from streams.client import Client
from streams.commit import Commit
from streams.errors import FencedError, KeyTypeError
from streams.lease import make_token
from streams.scripts import COMMIT, Running

AT_ONCE = 40  # entries whose commits go in one round trip: some milliseconds in which Redis serves nobody else

_Item = TypeVar("_Item")


# A partition, its commit, where its cursor goes by that, and how many entries it is of.
Prepared = tuple[int, Commit, bytes, int]


class Committing:
    """At most one round trip is under way. To be ended by `finish` or `abandon`.

    `outcomes` says what became of each partition so far: None for committed, FencedError, KeyTypeError, or what Redis
    said. A committed lease is moved on. `seconds` is how long Redis was waited for.
    """

    def __init__(self, client: Client, clock: Callable[[], float] | None = None) -> None:
        self.outcomes: dict[int, Exception | None] = {}
        self.seconds = 0.0
        self._client = client
        self._clock = clock or (lambda: 0.0)
        self._running: Running | None = None
        self._sent: list[tuple[Prepared, bytes]] = []

    def begin(self, commits: Sequence[Prepared]) -> None:
        """Send commits, once those before are through.

        Raises redis.RedisError when the connection failed: then nobody knows which commits were carried out.
        """
        if not commits:
            return
        sent = [(prepared, make_token()) for prepared in commits]
        calls = [commit.arguments(cursor, read, etag) for (_, commit, cursor, read), etag in sent]
        self.finish()
        began = self._clock()
        self._running, self._sent = COMMIT.begin_each(self._client, calls), sent
        self.seconds += self._clock() - began

    def finish(self) -> dict[int, Exception | None]:
        """Wait for what is under way; the outcomes. Raises redis.RedisError, as `begin` does."""
        running, self._running = self._running, None
        if running is None:
            return self.outcomes
        began = self._clock()
        for (prepared, etag), reply in zip(self._sent, running.finish(), strict=True):
            partition, commit, cursor, _ = prepared
            if isinstance(reply, Exception):
                self.outcomes[partition] = reply
            elif reply[0] == b"committed":
                commit.lease.etag, commit.lease.cursor = etag, cursor
                self.outcomes[partition] = None
            elif reply[0] == b"type":
                self.outcomes[partition] = KeyTypeError(reply[1], reply[2].decode(), reply[3].decode())
            else:
                self.outcomes[partition] = FencedError(partition)
        self.seconds += self._clock() - began
        return self.outcomes

    def abandon(self) -> None:
        """Wait for nothing: what is under way may be committed or not."""
        if self._running is not None:
            self._running.abandon()
            self._running = None


def run_commits(client: Client, commits: Iterable[Prepared]) -> dict[int, Exception | None]:
    """Run the commits of several partitions; what became of each, as `Committing` says it.

    Raises redis.RedisError when the connection failed: then nobody knows what was committed.
    """
    committing = Committing(client)
    for together in in_parts(commits, lambda prepared: prepared[3]):
        committing.begin(together)
    return committing.finish()


def in_parts(items: Iterable[_Item], count: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    """What goes in one round trip each; `count` says how many entries an item is of."""
    part: list[_Item] = []
    entries = 0
    for item in items:
        part.append(item)
        entries += count(item)
        if entries >= AT_ONCE:
            yield part
            part, entries = [], 0
    if part:
        yield part
