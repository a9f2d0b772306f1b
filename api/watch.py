"""Watching: server-sent events of all workflows that fit, and of one workflow."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.endpoint import Answer, Call, Endpoint, problem_answer
from api.event_stream import MEDIA, EventStream
from api.filters import Filters, read_filters
from api.following import Follower, Place, read_place
from api.problems import wrong_parameter
from api.watch_tokens import LONGEST_TOKEN, TokenError, decode_positions
from api.watching import ListWatcher

LAST_ID = "last-event-id"
PARAMETER = "last_event_id"

LastId = Annotated[
    str, Meta(max_length=LONGEST_TOKEN, description="As the header `Last-Event-ID`, which goes before it.")
]


class Watching(Filters, frozen=True, kw_only=True):
    """What `GET /watch` takes."""

    last_event_id: LastId | None = None


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /workflows/{id}/watch` takes."""

    last_event_id: LastId | None = None


async def _watch(call: Call) -> Response:
    asked: Watching = call.query
    query = read_filters(asked)
    positions: list[bytes] | None = None
    header = call.request.headers.get(LAST_ID)
    try:
        if header or asked.last_event_id:
            positions = decode_positions(header or asked.last_event_id or "")
    except TokenError as error:
        if not header:
            raise wrong_parameter(PARAMETER, f"is wrong: {error}") from None
        positions = []  # who comes back by itself cannot mend it: it is told to load the list
    if call.request.method == "HEAD":
        return Response(media_type=MEDIA)
    watcher = ListWatcher(call.service, query)
    return EventStream(watcher, await watcher.begin(positions), call.service.options.heartbeat_seconds)


async def _follow(call: Call) -> Response:
    asked: Following = call.query
    place: Place | None = None
    header = call.request.headers.get(LAST_ID)
    try:
        if header or asked.last_event_id:
            place = read_place(header or asked.last_event_id or "")
    except ValueError as error:
        raise wrong_parameter("Last-Event-ID" if header else PARAMETER, f"is wrong: {error}") from None
    if call.request.method == "HEAD":
        return Response(media_type=MEDIA)
    follower = Follower(call.service, call.path["id"])
    return EventStream(follower, await follower.begin(place), call.service.options.heartbeat_seconds)


_FULL = problem_answer(503, "Too many watch already, or Redis does not answer: try again.")

ENDPOINTS = (
    Endpoint(
        "GET",
        "/watch",
        "Server-sent events: `workflow` for one that changed and fits, `removed` for one that does not any more,"
        " `reset` where too much was missed: load the list again.",
        _watch,
        "read",
        (Answer(200, "Events without an end.", None, MEDIA), _FULL),
        query=Watching,
    ),
    Endpoint(
        "GET",
        "/workflows/{id}/watch",
        "Server-sent events: `event` for each of the journal, `workflow` for how it stands then, `removed`, `reset`."
        " One that is not there yet is waited for.",
        _follow,
        "read",
        (Answer(200, "Events without an end.", None, MEDIA), _FULL),
        query=Following,
    ),
)
