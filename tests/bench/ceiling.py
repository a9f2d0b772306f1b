"""The ceiling: how fast redis-py moves the same bytes through the same server, with no logic at all.

One batch is one XREAD and one script call that writes, for each event, a journal entry and a snapshot, and for the
batch the cursor: what a commit has to write, whoever computes it.
"""

import time

from redis import Redis

BATCH = 500
SNAPSHOT = b"s" * 300
_SCRIPT = """
for i = 1, #ARGV - 2, 2 do
  redis.call('RPUSH', KEYS[1] .. ':journal:' .. ARGV[i], ARGV[i + 1])
  redis.call('HSET', KEYS[1] .. ':snapshots', ARGV[i], ARGV[#ARGV])
end
redis.call('SET', KEYS[1] .. ':cursor', ARGV[#ARGV - 1])
return 1
"""


def move(client: "Redis", stream: str, events: int) -> float:
    """Seconds for moving `events` entries of the stream."""
    script = client.script_load(_SCRIPT)
    begin = time.monotonic()
    cursor, moved = b"0-0", 0
    while moved < events:
        ((_, entries),) = _entries(client.xread({stream: cursor}, count=BATCH))
        arguments: list[bytes] = []
        for _, fields in entries:
            arguments += (fields[b"subject"], b"\x1f".join(fields.values()))
        cursor = entries[-1][0]
        client.evalsha(script, 1, f"{stream}:ceiling", *arguments, cursor, SNAPSHOT)
        moved += len(entries)
    return time.monotonic() - begin


def _entries(answer: object) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    if isinstance(answer, dict):
        return [(name, pages[0]) for name, pages in answer.items()]
    assert isinstance(answer, list)
    return answer
