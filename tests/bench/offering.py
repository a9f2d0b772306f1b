"""A producer, a process of its own: offers events at an even rate, and says at the end what rate it was.

    python -m tests.bench.offering REDIS_URL STREAM RATE SECONDS BATCH

It prints `ready` when it has made its events, begins when it is given a line, and prints the events that it sent a
second. BATCH names the workflows.
"""

import sys
import time
from typing import Any

from redis import Redis

from tests.bench.scenario import EVENTS_PER_WORKFLOW, events

PAUSE_SECONDS = 0.002  # between two round trips: what goes in one is a burst, which would wait for itself


def offer(url: str, stream: str, rate: float, seconds: float, batch: str) -> float:
    """Send; the events a second that it came to."""
    made = events(max(1, round(rate * seconds / EVENTS_PER_WORKFLOW)), batch)
    each = max(1, round(rate * PAUSE_SECONDS))
    with Redis.from_url(url) as client:
        connection: Any = client.connection_pool.get_connection()
        pieces = [
            (len(part), [piece for fields in part for piece in connection.pack_command(*_command(stream, fields))])
            for part in (made[start : start + each] for start in range(0, len(made), each))
        ]
        print("ready", flush=True)
        sys.stdin.readline()
        begin = time.monotonic()
        for number, (count, packed) in enumerate(pieces):
            time.sleep(max(0.0, begin + number * each / rate - time.monotonic()))
            connection.send_packed_command([b"".join(packed)])
            for _ in range(count):
                connection.read_response()
        return len(made) / (time.monotonic() - begin)


def _command(stream: str, fields: dict[str, str]) -> list[Any]:
    return ["XADD", stream, "*", *(part for pair in fields.items() for part in pair)]


if __name__ == "__main__":
    redis_url, name, wanted, lasting, workflows = sys.argv[1:]
    print(offer(redis_url, name, float(wanted), float(lasting), workflows), flush=True)
