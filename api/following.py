"""Who follows one workflow: the source of the events of `GET /workflows/{id}/watch` for one client."""

import asyncio
import logging
import re
from typing import NamedTuple

import msgspec

from api.description import describe_record
from api.event_stream import encode_event
from api.problems import Problem
from api.service import Service
from api.turns import Start
from api.workflows import read_workflow
from machines.errors import SnapshotError
from machines.journal import Record
from streams.client import Client
from streams.errors import StreamsError
from streams.journal_pages import read_journal_page
from streams.query import Query

PAGE = 50  # records
PIECE_BYTES = 256 * 1024  # of events that go out together: a client that does not read keeps so much in memory
TRY_AGAIN_SECONDS = 1.0

logger = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_PLACE = re.compile(r"(\d{1,15})\.(\d{1,15})", re.ASCII)


class Place(NamedTuple):
    """Behind which record of which run: the id of its event, as `<run>.<index>`."""

    run: int
    record: int


class Part(NamedTuple):
    """What a stream goes on with: events, the place behind them, whether there are more at once, and a digest of how
    the workflow was told to be last."""

    events: bytes
    place: Place
    more: bool
    told: int


NOWHERE = Place(0, 0)


def read_place(event_id: str) -> Place:
    """The place that an id names. Raises ValueError."""
    found = _PLACE.fullmatch(event_id)
    if found is None:
        raise ValueError(f"{event_id[:40]!r} is no id that this stream gave: they are <run>.<index>")
    return Place(*map(int, found.groups()))


def read_part(
    client: Client, service: Service, partitions: int, workflow_id: str, place: Place | None, told: int
) -> Part:
    """What comes behind a place; with None, how the workflow is now.

    The journal holds it however long ago that was. Raises SnapshotError, redis.RedisError.
    """
    try:
        workflow = read_workflow(client, service, partitions, workflow_id)
    except Problem:
        gone = place is not None and place != NOWHERE
        return Part(encode_event("removed", _encode({"id": workflow_id})) if gone else b"", NOWHERE, False, 0)
    last, body = workflow.run or 0, _encode(workflow)
    run, after = (last, 0) if place is None else (place.run or 1, place.record)
    page = read_journal_page(
        client, service.keys, partitions, workflow_id, run, after=after, limit=0 if place is None else PAGE
    )
    events: list[bytes] = []
    if place is None:
        place = Place(run, page.total) if page is not None else NOWHERE
    elif page is not None and after <= page.total:
        place, events = _tell(place._replace(run=run), page.records)
        if place.record < page.total:
            return Part(b"".join(events), place, True, told)
        if last > run:
            return Part(b"".join(events), Place(run + 1, 0), True, told)
    elif last or place != NOWHERE:  # not even the record at the place is there any more
        events = [encode_event("reset", b"{}")]
        end = read_journal_page(client, service.keys, partitions, workflow_id, last, after=0, limit=0)
        place = Place(last, end.total) if end is not None else NOWHERE
    if hash(body) != told:
        events.append(encode_event("workflow", body))
    return Part(b"".join(events), place, False, hash(body))


def _tell(place: Place, records: list[Record]) -> tuple[Place, list[bytes]]:
    events: list[bytes] = []
    size = 0
    for index, record in enumerate(records, place.record + 1):
        events.append(encode_event("event", _encode(describe_record(index, record)), f"{place.run}.{index}"))
        size += len(events[-1])
        if size > PIECE_BYTES:
            break
    return place._replace(record=place.record + len(events)), events


class Follower:
    """Tells of the events of a workflow as its journal has them, and of how it stands after them."""

    query: Query | None = None

    def __init__(self, service: Service, workflow_id: str) -> None:
        self.woken = asyncio.Event()
        self.subject: str | None = workflow_id
        self.seen: int | None = None
        self._id = workflow_id
        self._service = service
        self._live = service.live
        self._place: Place | None = None
        self._told = 0
        self._failed = False

    async def begin(self, place: Place | None) -> bytes:
        """What comes behind a place; with None, how the workflow is now. Raises Problem 503, SnapshotError."""
        self._place = place
        await self._live.join(self._service, self, Start(None, None))
        try:
            return await self._read()
        except BaseException:
            self.close()
            raise

    @property
    def ended(self) -> bool:
        """Whether the server is ending, or the journal cannot be read."""
        return self._failed or self._live.stopped

    async def take(self) -> bytes:
        """What has come since the last time."""
        try:
            return await self._read()
        except Problem:
            asyncio.get_running_loop().call_later(TRY_AGAIN_SECONDS, self.woken.set)
        except (SnapshotError, StreamsError) as error:
            logger.error("workflow %s is not followed any more: %s", self._id, error, extra={"workflow_id": self._id})
            self._failed = True
        return b""

    def sign(self) -> bytes:
        """A comment."""
        return b":\n\n"

    def close(self) -> None:
        """Follow no more."""
        self._live.leave(self)

    async def _read(self) -> bytes:
        service, place, told = self._service, self._place, self._told

        async def read() -> Part:
            partitions = await service.partitions()
            return await service.reader.run(read_part, service, partitions, self._id, place, told)

        part: Part = await self._live.read_once((self._id, place, told), read)
        self._place, self._told = part.place, part.told
        if part.more:
            self.woken.set()
        return part.events
