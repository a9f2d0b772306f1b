"""Deadlines: moved into their partition's stream when they are due, in the order in which they are due."""

from collections.abc import Sequence

from machines.events import Event, encode_event
from streams.batch import Folder
from streams.commit import Commit
from streams.keys import Keys
from streams.lease import Lease
from streams.listed import load_listed
from streams.residence import Residence
from streams.schedule import FIRED, due_ms

LATE_MS = 500


class Firing:
    """Fires deadlines. A fired one stays listed, beyond all that are ahead, until the fold says what became of it.

    `behind` is set where one fired late: what it leads to may be due already, and should not have to wait as well.
    """

    def __init__(self, keys: Keys, folder: Folder, residence: Residence) -> None:
        self.behind = False
        self._keys = keys
        self._folder = folder
        self._residence = residence

    def fire(self, partition: int, lease: Lease, members: Sequence[bytes], until_ms: int) -> None:
        """Fire those of the listed workflows that are due at `until_ms`: a time-out becomes an event like any other.

        Raises FencedError, KeyTypeError, redis.RedisError.
        """
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        commit.add("ZREM", keys.deadlines, "zset", *members)
        due: list[Event] = []
        marks: list[str] = []
        for workflow in load_listed(self._residence, partition, members, commit, keys.deadlines, until_ms):
            event, when_ms = workflow.due_deadline(), due_ms(workflow)
            if event is None or when_ms is None:
                continue
            if when_ms <= until_ms:
                due.append(event)
                self.behind = self.behind or when_ms <= until_ms - LATE_MS
                when_ms += FIRED
            marks += (str(when_ms), workflow.subject)
        if marks:
            commit.add("ZADD", keys.deadlines, "zset", *marks)
        for event in sorted(due, key=lambda event: event.time_ns):
            commit.add("XADD", keys.events, "stream", "*", "e", encode_event(event))
        self._folder.commit(partition, commit, lease.cursor)
