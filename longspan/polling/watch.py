"""Watching for workflows: the roll follows what Redis says, and which partitions are ours."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial

import redis

from longspan.polling.outgoing import Aside, Outgoing
from longspan.polling.poller import Poller
from longspan.polling.roll import Roll
from longspan.polling.statistics import PollStatistics
from streams.client import Client
from streams.errors import StreamsError, describe, trouble
from streams.keys import Keys
from streams.polled import Lookout, Sighting
from streams.role_leases import RoleLeases
from streams.troubles import Trouble, read_troubles

BLOCK_MS = 200
NOTHING_HELD_SECONDS = 0.1
RETRY_SECONDS = 1.0

Told = Mapping[int, Mapping[str, Trouble | None]]

logger = logging.getLogger("longspan.poll")


class Watch:
    """Looks at Redis with a client of its own, in a thread of its own."""

    def __init__(self, client: Client, keys: Keys, lookout: Lookout) -> None:
        self._client = client
        self._keys = keys
        self._lookout = lookout

    def look(self, partitions: Sequence[int]) -> tuple[Sighting, Told]:
        """What is new, and the troubles kept of partitions that were seen whole. Raises redis.RedisError."""
        sighting = self._lookout.look(partitions, BLOCK_MS)
        return sighting, {number: read_troubles(self._client, self._keys, number) for number in sighting.whole}

    def forget(self) -> None:
        """Look at everything anew."""
        self._lookout.forget()


async def keep_watch(
    watch: Watch,
    leases: RoleLeases,
    roll: Roll,
    outgoing: Outgoing,
    poller: Poller,
    statistics: PollStatistics,
    aside: Aside,
) -> None:
    """Keep the roll as Redis says, until cancelled. What goes wrong is said once."""
    told_trouble = ""
    while True:
        held = leases.take_up()
        outgoing.held, poller.pollers = held, leases.members
        statistics.held, statistics.members = len(held), leases.members
        roll.hold(held)
        if not held:
            await asyncio.sleep(NOTHING_HELD_SECONDS)
            continue
        try:
            sighting, told = await aside(partial(watch.look, sorted(held)))
        except (redis.RedisError, StreamsError) as error:
            statistics.watch.failed(error)
            if told_trouble != trouble(error):
                told_trouble = trouble(error)
                logger.warning("running workflows cannot be looked for, trying again: %s", describe(error))
            watch.forget()
            roll.count_doubt()
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if told_trouble:
            told_trouble = ""
            logger.info("running workflows are looked for again")
        statistics.watch.succeeded()
        roll.take(sighting, told)
