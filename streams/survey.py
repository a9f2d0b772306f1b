"""A look at partitions from outside, in numbers: what waits in them, and for how long."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from streams.client import Client
from streams.keys import Keys
from streams.schedule import FIRED
from streams.scripts import SURVEY


class PartitionSurvey(NamedTuple):
    """One partition. `oldest_ms` is the age of the outbox's oldest entry by the server's clock, 0 where it is empty.

    `unread` entries are not folded yet; `waiting` and `parked` count workflows, `refused` spans and requests.
    """

    unread: int
    outbox: int
    oldest_ms: int
    dead: int
    refused: int
    waiting: int
    parked: int
    deadlines: int
    overdue: int


class Survey(NamedTuple):
    """Partitions by number, and how many entries of the ingress stream have not been routed."""

    ingress: int
    partitions: Mapping[int, PartitionSurvey]


def survey(client: Client, keys: Keys, partitions: Collection[int]) -> Survey:
    """Look at partitions, in two round trips whatever their number. Nothing is written. Raises redis.RedisError."""
    calls = []
    for owned in map(keys.of, partitions):
        streams = (owned.meta, owned.events, owned.outbox, owned.dead, owned.refused)
        calls.append(((*streams, owned.held, owned.parked, owned.deadlines), (FIRED,)))
    replies = SURVEY.call_each(client, calls)
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    (ingress,) = client.call_all([("XLEN", keys.events)], raise_on_error=False)
    seen = {number: PartitionSurvey(*reply) for number, reply in zip(partitions, replies, strict=True)}
    return Survey(ingress if isinstance(ingress, int) else 0, seen)
