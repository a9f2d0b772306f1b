"""Turns: each reads what has changed since the one before, and tells it once for all who watch. Runs in a thread."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from api.channel import News
from api.event_stream import encode_event
from api.views import describe
from api.watch_tokens import encode_positions
from machines.snapshot import Situation
from streams.client import Client
from streams.feed import Behind, Feed, read_behind, read_positions
from streams.query import Query, fits
from streams.schedule import list_newly_due
from streams.status import WorkflowView, read_views

if TYPE_CHECKING:
    from api.service import Service

BLOCK_MS = 100  # who begins to watch waits so long at most
CHECK_MS = 1_000
MOST_CHANGED = 500  # workflows that one turn tells of; where more have changed, the list is to be loaded again
MOST_REMEMBERED = 5_000

_encode = msgspec.json.Encoder().encode
Changed = dict[str, int]  # workflow ids, with their partitions


class Start(NamedTuple):
    """Where somebody begins to watch: `positions` None for now; `query` None for who is told of ids only."""

    query: Query | None
    positions: Sequence[bytes] | None


class Turn(NamedTuple):
    """What one turn brought: from where `began` says up to where `token` says.

    `begun` is for each start what came between its positions and this turn, None where that is not known any more.
    `news` is by query; not `whole` where some of it is missing. `changed` is all that changed, None
    where that is not known.
    """

    begun: list[list[News] | None]
    began: str
    news: Mapping[Query, list[News]]
    whole: bool
    changed: Changed | None
    token: str


class Turns:
    """Takes turns, from where the streams of changes end now, or from `positions`. One thread at a time may call it.

    What was last seen of a workflow is remembered, so that one that did not fit a query before and does not fit now is
    no news.
    """

    def __init__(self, service: "Service", partitions: int, positions: Sequence[bytes] | None = None) -> None:
        self._service = service
        self._partitions = partitions
        self._positions = positions
        self._feed: Feed | None = None
        self._remembered: dict[str, WorkflowView] = {}
        self._told: tuple[list[bytes], str] = [], ""
        self._checked_ms = self._now_ms()

    def take(self, client: Client, queries: Sequence[Query], starts: Sequence[Start]) -> Turn:
        """The next turn for these queries; it waits for something to change where nobody starts.

        Raises redis.RedisError: then the next one goes on where this one would have.
        """
        service = self._service
        if self._feed is None:
            everything = range(self._partitions)
            positions = self._positions or read_positions(client, service.keys, everything)
            self._feed = Feed(service.keys, positions, self._now_ms)
        begun = self._begin(client, self._feed.positions, starts)
        began = self._token(self._feed)
        known, changed = self._read(client, self._feed, 0 if starts else BLOCK_MS)
        whole = not queries or (known and len(changed) <= MOST_CHANGED)
        news: Mapping[Query, list[News]] = {}
        if not queries or not whole:
            self._remembered.clear()
        elif changed:
            news = self._tell(client, queries, changed)
        return Turn(begun, began, news, whole, changed if known else None, self._token(self._feed))

    def _now_ms(self) -> int:
        return self._service.now_ns() // 1_000_000

    def _token(self, feed: Feed) -> str:
        if self._told[0] != feed.positions:
            self._told = list(feed.positions), encode_positions(feed.positions)
        return self._told[1]

    def _read(self, client: Client, feed: Feed, block_ms: int) -> tuple[bool, Changed]:
        """Whether all that changed is known, and what changed; what has become overdue has changed as well."""
        found = [feed.read(client, block_ms)]
        changed: Changed = {}
        last_ms, now_ms = self._checked_ms, self._now_ms()
        if not last_ms <= now_ms < last_ms + CHECK_MS:
            found.append(feed.check(client))
            owned = [self._service.keys.of(partition) for partition in range(self._partitions)]
            for partition, due in enumerate(list_newly_due(client, owned, last_ms, now_ms, MOST_CHANGED + 1)):
                changed |= dict.fromkeys(due, partition)
            self._checked_ms = now_ms
        for each in found:
            for partition, workflow_ids in each.changed.items():
                changed |= dict.fromkeys(workflow_ids, partition)
        return not any(each.missed for each in found), changed

    def _tell(self, client: Client, queries: Sequence[Query], changed: Changed) -> dict[Query, list[News]]:
        views, now_ms = self._views(client, changed), self._now_ms()
        fitting: dict[Query, dict[str, bool]] = {}
        for query in queries:
            fitting[query] = told = {}
            for workflow_id, view in views.items():
                before = self._remembered.get(workflow_id)
                if view is not None and fits(view, query, now_ms):
                    told[workflow_id] = True
                elif before is None or fits(before, query, now_ms):
                    told[workflow_id] = False
        events = self._describe(client, views, {each for told in fitting.values() for each in told if told[each]})
        for workflow_id, view in views.items():
            self._remember(workflow_id, view)
        return {query: _news(told, events) for query, told in fitting.items() if told}

    def _begin(self, client: Client, reached: Sequence[bytes], starts: Sequence[Start]) -> list[list[News] | None]:
        """What changed between the positions of each start, and those that were reached."""
        wanted = {
            place
            for start in starts
            for place in enumerate(start.positions or ())
            if place[0] < self._partitions and place[1] != reached[place[0]]
        }
        listed = list(wanted)
        behind = dict(zip(listed, read_behind(client, self._service.keys, listed), strict=True)) if listed else {}
        each = [self._changed_since(start, behind) for start in starts]
        everything: Changed = {}
        for number, changed in enumerate(each):
            if changed is not None and len(everything | changed) > MOST_CHANGED:
                each[number] = None
            everything |= each[number] or {}
        views, now_ms = self._views(client, everything), self._now_ms()
        events = self._describe(client, views, everything)
        begun: list[list[News] | None] = []
        for start, changed in zip(starts, each, strict=True):
            if changed is None or start.query is None:
                begun.append(None if changed is None else [])
                continue
            told = {
                workflow_id: (view := views[workflow_id]) is not None and fits(view, start.query, now_ms)
                for workflow_id in changed
            }
            begun.append(_news(told, events))
        return begun

    def _changed_since(self, start: Start, behind: Mapping[tuple[int, bytes], Behind]) -> Changed | None:
        if start.positions is None:
            return {}
        if len(start.positions) != self._partitions:
            return None
        changed: Changed = {}
        for place in enumerate(start.positions):
            found = behind.get(place)
            if found is not None and not found.whole:
                return None
            changed |= dict.fromkeys(found.changed if found else (), place[0])
        return changed

    def _views(self, client: Client, changed: Changed) -> dict[str, WorkflowView | None]:
        places = [(partition, workflow_id) for workflow_id, partition in changed.items()]
        return dict(zip(changed, read_views(client, self._service.keys, places), strict=True)) if places else {}

    def _describe(
        self, client: Client, views: Mapping[str, WorkflowView | None], wanted: Iterable[str]
    ) -> dict[str, bytes]:
        found = [view for each in wanted if (view := views[each]) is not None]
        described = describe(client, self._service, found) if found else []
        return {each.id: encode_event("workflow", _encode(each)) for each in described}

    def _remember(self, workflow_id: str, view: WorkflowView | None) -> None:
        self._remembered.pop(workflow_id, None)
        if view is not None:
            light = msgspec.structs.replace(view.snapshot, seen=b"", situation=Situation(()), gaps=[])
            self._remembered[workflow_id] = msgspec.structs.replace(view, snapshot=light)
        while len(self._remembered) > MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]


def _news(told: Mapping[str, bool], events: Mapping[str, bytes]) -> list[News]:
    """An event for each workflow: what it is like where it fits, that it is to be removed where not."""
    return [
        News(each, events[each] if fitting else encode_event("removed", _encode({"id": each})))
        for each, fitting in told.items()
    ]
