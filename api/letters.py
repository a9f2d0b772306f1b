"""Dead letters: pages of them, one of them, and what can be done with it."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.endpoint import Answer, Call, Endpoint, json_response, problem_answer
from api.letter_description import Letter, describe_letter
from api.problems import Problem, not_found, wrong_parameter
from streams.client import Client
from streams.deadletters import DeadLetter, drop, get_dead_letter, redrive
from streams.errors import CursorError, DeadLetterError
from streams.keys import Keys
from streams.letter_pages import LetterPage, find_letters

LONGEST_PAGE = 100  # each may hold 256 KiB


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /deadletters` takes."""

    reason: Annotated[str, Meta(description="Only those set aside for this reason, such as malformed.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE, description="How many at most; a page may be short.")] = (
        LONGEST_PAGE
    )
    cursor: Annotated[str, Meta(max_length=100, description="`next` of the page before.")] | None = None


class Letters(msgspec.Struct, frozen=True):
    """Dead letters, and the cursor of the next page: null at the end. A page may be short and still have one."""

    deadletters: list[Letter]
    next: str | None


class Redriven(msgspec.Struct, frozen=True):
    """How many were sent again."""

    redriven: int


class Dropped(msgspec.Struct, frozen=True):
    """How many were dropped. A parked event goes as soon as the worker that holds its workflow comes to it."""

    dropped: int


async def read_page(call: Call, reason: str | None, limit: int, cursor: str | None) -> LetterPage:
    """A page of dead letters. Raises Problem."""
    service = call.service
    partitions = await service.partitions()
    try:
        return await service.reader.run(
            find_letters, service.keys, partitions, reason=reason, limit=limit, cursor=cursor
        )
    except CursorError as error:
        raise wrong_parameter("cursor", f"is wrong: {error}") from None


async def read_letter(call: Call, letter_id: str) -> DeadLetter:
    """A dead letter or a parked event. Raises Problem."""
    try:
        return await call.service.reader.run(get_dead_letter, call.service.keys, letter_id)
    except DeadLetterError as error:
        raise no_letter(letter_id) from error


async def redrive_letter(call: Call, letter_id: str) -> int:
    """Send a dead letter again; how many that were. Raises Problem 404, 409."""
    try:
        return await call.service.reader.run(_redrive, call.service.keys, await read_letter(call, letter_id))
    except DeadLetterError as error:
        raise Problem(409, "Conflict", str(error)) from None


async def drop_letter(call: Call, letter_id: str) -> int:
    """Delete a dead letter, or have a parked event dropped; how many that were. Raises Problem 404."""
    return await call.service.reader.run(_drop, call.service.keys, await read_letter(call, letter_id))


def no_letter(letter_id: str) -> Problem:
    """404 for an id of which there is none, or none any more."""
    return not_found("dead letter", letter_id, "it was redriven or dropped, or the id is wrong")


def _redrive(client: Client, keys: Keys, letter: DeadLetter) -> int:
    return redrive(client, keys, [letter])


def _drop(client: Client, keys: Keys, letter: DeadLetter) -> int:
    return drop(client, keys, [letter])


async def _list(call: Call) -> Response:
    page = await read_page(call, call.query.reason, call.query.limit, call.query.cursor)
    return json_response(Letters([describe_letter(letter) for letter in page.letters], page.next))


async def _get(call: Call) -> Response:
    return json_response(describe_letter(await read_letter(call, call.path["id"])))


async def _post(call: Call) -> Response:
    return json_response(Redriven(await redrive_letter(call, call.path["id"])))


async def _delete(call: Call) -> Response:
    return json_response(Dropped(await drop_letter(call, call.path["id"])))


_NOT_THERE = problem_answer(404, "There is no such dead letter.")

ENDPOINTS = (
    Endpoint(
        "GET",
        "/deadletters",
        "Events that could not be applied, the newest first.",
        _list,
        "read",
        (Answer(200, "A page.", Letters),),
        query=Paging,
    ),
    Endpoint(
        "GET",
        "/deadletters/{id}",
        "One dead letter, or one parked event, with everything that came.",
        _get,
        "read",
        (Answer(200, "The dead letter.", Letter), _NOT_THERE),
    ),
    Endpoint(
        "POST",
        "/deadletters/{id}/redrive",
        "Send a dead letter through the ingress stream again, under its old id. It is gone then; where it fails again"
        " it comes back as a new one.",
        _post,
        "write",
        (
            Answer(200, "It was sent.", Redriven),
            _NOT_THERE,
            problem_answer(409, "It is parked, or holds nothing that could be sent."),
        ),
    ),
    Endpoint(
        "DELETE",
        "/deadletters/{id}",
        "Delete a dead letter for good.",
        _delete,
        "write",
        (Answer(200, "It is gone.", Dropped), _NOT_THERE),
    ),
)
