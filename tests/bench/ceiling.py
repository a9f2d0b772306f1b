"""The ceiling: how fast redis-py moves the bytes of Longspan's worker through the same server, with no logic at all.

One round is one XREAD of as many entries as a worker finds in its partitions, and then one script call for as many
events as one commit has, some calls in a round trip as the worker sends them. A call sends what a commit sends, byte
for byte in number: for each event a record that is put behind its journal, a snapshot that is set and a member that
is put into a sorted set, and an entry for the outbox, one for the changes, and the cursor. Nothing is computed,
compared or exported, and nothing is routed before.
"""

import time
from typing import Any

from redis import Redis

from streams.committing import AT_ONCE
from tests.bench.scenario import EVENTS_PER_WORKFLOW
from tests.bench.weighing import Weight

PARTITIONS = 16
_SUBJECT = "run-%06d"
_SCRIPT = """
local key = KEYS[1]
local last = 5 + 2 * tonumber(ARGV[5])
for i = 6, last, 2 do
  redis.call('RPUSH', key .. ':journal:' .. ARGV[i], ARGV[i + 1])
end
for i = last + 1, #ARGV, 3 do
  redis.call('SET', key .. ':workflow:' .. ARGV[i], ARGV[i + 1])
  redis.call('ZADD', key .. ':index', ARGV[1], ARGV[i + 2])
end
redis.call('XADD', key .. ':outbox', '*', 'b', ARGV[2])
redis.call('XADD', key .. ':changes', 'MAXLEN', '~', '256', '*', 'w', ARGV[3])
redis.call('HSET', key .. ':meta', 'cursor', ARGV[4])
return 1
"""


def fill(client: "Redis", stream: str, events: int, weight: Weight) -> None:
    """Put entries into a stream that are as large as what a worker reads."""
    text = b"e" * max(1, round(weight.entry) - 20)
    for begin in range(0, events, 1_000):
        pipeline: Any = client.pipeline(transaction=False)
        for _ in range(begin, min(begin + 1_000, events)):
            pipeline.execute_command("XADD", stream, "*", "e", text)
        pipeline.execute()


def move(client: "Redis", stream: str, events: int, weight: Weight) -> float:
    """Seconds for moving that many entries of the stream."""
    script = client.script_load(_SCRIPT)
    each = max(1, round(weight.events_per_commit))
    together = -(-AT_ONCE // each) * each
    make = Arguments(weight, each)
    begin = time.monotonic()
    cursor, moved = b"0-0", 0
    while moved < events:
        ((_, entries),) = _entries(client.xread({stream: cursor}, count=each * PARTITIONS))
        for start in range(0, len(entries), together):
            pipeline = client.pipeline(transaction=False)
            for first in range(start, min(start + together, len(entries)), each):
                part = entries[first : first + each]
                cursor = part[-1][0]
                key = f"{stream}:{moved // each % PARTITIONS}"
                pipeline.evalsha(script, 1, key, *make.of(moved, len(part), cursor))
                moved += len(part)
            pipeline.execute()
    return time.monotonic() - begin


class Arguments:
    """What a call sends, made ready before the clock starts but for names."""

    def __init__(self, weight: Weight, each: int) -> None:
        self._snapshots = weight.snapshots
        self._journal = b"j" * round(weight.journal)
        self._snapshot = b"s" * round(weight.snapshot / weight.snapshots)
        self._outbox, self._changes = b"o" * round(weight.outbox * each), b"c" * round(weight.changes * each)
        names = len(_SUBJECT % 0) * (1 + 2 * weight.snapshots)  # of each event, and twice of each snapshot
        self._padding = "i" * max(0, round((weight.rest - names) / weight.snapshots))

    def of(self, first: int, count: int, cursor: bytes) -> list[bytes | str | int]:
        """ARGV for `count` events, the first of which is number `first`."""
        made: list[bytes | str | int] = [1_700_000_000_000, self._outbox, self._changes, cursor, count]
        for number in range(first, first + count):
            made += (_SUBJECT % (number // EVENTS_PER_WORKFLOW), self._journal)
        for number in range(round(first * self._snapshots), round((first + count) * self._snapshots)):
            subject = _SUBJECT % number
            made += (subject, self._snapshot, self._padding + subject)
        return made


def _entries(answer: object) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    if isinstance(answer, dict):
        return [(name, pages[0]) for name, pages in answer.items()]
    assert isinstance(answer, list)
    return answer
