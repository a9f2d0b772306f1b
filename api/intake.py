"""Intake: events by HTTP, answered when they are in Redis."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from api.audit import note
from api.binding import BATCH, JSON, STRUCTURED, Delivery, read_delivery
from api.bodies import read_body
from api.endpoint import Answer, Call, Endpoint, json_response, problem_answer
from api.problems import Problem
from machines.entries import Prepared
from machines.errors import EventError
from streams.errors import BacklogFullError

FULL_SECONDS = "5"  # until a client is to try again; workers apply tens of thousands of events in this time
_AGAIN = "It is not known whether the events arrived. Send the same again: what is there already changes nothing"


class Accepted(msgspec.Struct, frozen=True, tag_field="status", tag="accepted"):
    """An event that is in Redis; `position` is its place in the ingress stream, `<ms>-<seq>`."""

    id: str
    source: str
    subject: str
    position: Annotated[str, msgspec.Meta(pattern=r"^\d+-\d+$")]


class Refused(msgspec.Struct, frozen=True, tag_field="status", tag="refused"):
    """An item of a batch, counted from 0, that is no event: which attribute is wrong, and what would be right."""

    index: Annotated[int, msgspec.Meta(ge=0)]
    field: str
    reason: str


class Receipt(msgspec.Struct, frozen=True):
    """What became of each event of a request, in the order of the request."""

    events: list[Accepted | Refused]


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A CloudEvent in JSON; further members are extension attributes."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=256, description="The workflow's id.")]
    specversion: str = "1.0"
    source: Annotated[str, msgspec.Meta(max_length=1_024)] = ""
    machine: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None
    time: Annotated[str, msgspec.Meta(description="RFC 3339; when it is missing, that of its arrival.")] | None = None
    datacontenttype: str | None = None
    data: dict[str, Any] | None = None
    sequence: int | None = None
    parent: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None
    traceparent: str | None = None
    tracestate: str | None = None


async def _take(call: Call) -> Response:
    service = call.service
    with service.allowance.share() as share:
        body = await read_body(call.request, service.options.body_limit, share)
        now_ms = service.now_ns() // 1_000_000
        delivery = read_delivery(call.request.headers.raw, body, f"{now_ms}-0")
        good = [item for item in delivery.items if isinstance(item, Prepared)]
        note(call.request, events=len(good))
        service.traffic.intake["refused"] += len(delivery.items) - len(good)
        if not good and delivery.items:
            raise _refusal(delivery)
        positions = await append(call, now_ms, good) if good else []
    accepted = iter(tell_accepted(good, positions))
    receipt = Receipt(
        [
            Refused(index, item.field, item.reason) if isinstance(item, EventError) else next(accepted)
            for index, item in enumerate(delivery.items)
        ]
    )
    return json_response(receipt, 202 if len(good) == len(delivery.items) else 207)


def tell_accepted(good: Sequence[Prepared], positions: Sequence[bytes]) -> list[Accepted]:
    """What is answered of events that are in Redis at these positions."""
    return [
        Accepted(item.event.id, item.event.source, item.event.subject, position.decode())
        for item, position in zip(good, positions, strict=True)
    ]


async def append(call: Call, now_ms: int, good: Sequence[Prepared]) -> list[bytes]:
    """The positions of events that are in Redis now, counted as accepted.

    Raises Problem 429 where too many wait, 503 where Redis cannot take them.
    """
    service = call.service
    entries = [item.fields for item in good]
    try:
        partitions = await service.partitions()
        positions = await service.reader.run(service.backlog.append, partitions, now_ms, entries)
    except BacklogFullError as error:
        service.traffic.intake["turned_away"] += len(good)
        raise Problem(429, "Too Many Requests", str(error), headers={"Retry-After": FULL_SECONDS}) from error
    except Problem as problem:
        if problem.status != 503:
            raise
        detail = f"{problem.detail}. {_AGAIN}"
        raise Problem(503, problem.title, detail, headers=problem.headers) from problem
    service.traffic.intake["accepted"] += len(good)
    return positions


def _refusal(delivery: Delivery) -> Problem:
    """The problem of a request without any event that can be taken: it names the first attribute that is wrong."""
    error = next(item for item in delivery.items if isinstance(item, EventError))
    if not delivery.batch:
        return Problem(400, "Wrong event", str(error), field=error.field)
    others = len(delivery.items) - 1
    more = f"; nor can the {others:,} others" if others else ""
    return Problem(400, "Wrong event", f"event 0 cannot be taken: {error}{more}", field=f"[0].{error.field}")


ENDPOINTS = (
    Endpoint(
        "POST",
        "/events",
        "Send events: one CloudEvent, or a batch of at most 1,000.",
        _take,
        "write",
        (
            Answer(202, "All events are in Redis. One that came before changes nothing.", Receipt),
            Answer(207, "Some events of the batch are in Redis, the others cannot be taken.", Receipt),
            problem_answer(400, "No event can be taken: the field says which attribute is wrong."),
            problem_answer(408, "The body did not come in time."),
            problem_answer(413, "The body is too long, or the batch has too many events."),
            problem_answer(415, "The body is of a type that is no CloudEvent."),
            problem_answer(429, "Too many events wait to be applied: try again later."),
            problem_answer(503, "Redis does not answer, or its memory is full: send the same again."),
        ),
        body={STRUCTURED: CloudEvent, BATCH: list[CloudEvent], JSON: CloudEvent | list[CloudEvent]},
    ),
)
