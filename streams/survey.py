"""A look at partitions from outside, in numbers: what waits in them, for how long, and whether somebody sees to it."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from streams.client import Client
from streams.keys import Keys
from streams.schedule import FIRED
from streams.scripts import INGRESS, SURVEY


class PartitionSurvey(NamedTuple):
    """One partition. `lag_ms` is the age of the oldest entry that is not folded, `oldest_ms` of the outbox's oldest, by
    the server's clock; 0 where there is none.

    `unread` entries are not folded yet; `waiting` and `parked` count workflows, `refused` spans and requests,
    `messages` what workflows have to say to others and is not delivered yet. `worked` and `exported` are 1 where a
    worker, or an exporter, holds the partition, else 0.
    """

    unread: int
    lag_ms: int
    outbox: int
    oldest_ms: int
    dead: int
    refused: int
    waiting: int
    parked: int
    deadlines: int
    overdue: int
    worked: int
    exported: int
    messages: int


class Survey(NamedTuple):
    """Partitions by number, how many entries of the ingress stream have not been routed, and the age of the oldest."""

    ingress: int
    ingress_ms: int
    partitions: Mapping[int, PartitionSurvey]


def survey(client: Client, keys: Keys, partitions: Collection[int]) -> Survey:
    """Look at partitions, in two round trips whatever their number. Nothing is written. Raises redis.RedisError."""
    calls = []
    for owned in map(keys.of, partitions):
        streams = (owned.meta, owned.events, owned.outbox, owned.dead, owned.refused)
        calls.append(((*streams, owned.held, owned.parked, owned.deadlines, owned.exporter, owned.messages), (FIRED,)))
    replies = SURVEY.call_each(client, calls)
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    ingress, ingress_ms = INGRESS.call(client, [keys.events], [])
    seen = {number: PartitionSurvey(*reply) for number, reply in zip(partitions, replies, strict=True)}
    return Survey(ingress, ingress_ms, seen)
