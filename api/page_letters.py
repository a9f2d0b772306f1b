"""The pages of dead letters: a list, and one with what can be done with it."""

from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.responses import RedirectResponse, Response

from api.endpoint import Answer, Call, Endpoint
from api.frame import render
from api.letter_description import describe_letter
from api.letters import drop_letter, read_letter, read_page, redrive_letter
from api.problems import Problem
from streams.client import Client
from streams.deadletters import DeadLetter, show_parked
from streams.keys import Keys
from streams.parked import read_parked

ROWS = 50
REASONS = (
    "malformed",
    "early",
    "machine-not-loaded",
    "ambiguous-machine",
    "start-failed",
    "unreadable",
    "wrong-key-type",
    "internal-error",
)
_LIST = "/ui/deadletters"
_DONE = {"redriven": "was sent again. Where it fails again it comes back as a new one.", "dropped": "was dropped."}


async def _show_list(call: Call) -> Response:
    asked = {name: value for name, value in parse_qsl(call.request.url.query) if value}
    reason, cursor = asked.get("reason"), asked.get("cursor")
    values: dict[str, Any] = {"letters": [], "older": None, "problem": None, "more": False}
    try:
        if "parked" in asked:
            found = await call.service.reader.run(_read_parked, call.service.keys, await call.service.partitions())
            values |= {"letters": [describe_letter(letter) for letter in found[:ROWS]], "more": len(found) > ROWS}
        else:
            page = await read_page(call, reason, ROWS, cursor)
            values["letters"] = [describe_letter(letter) for letter in page.letters]
            if page.next is not None:
                values["older"] = f"{_LIST}?{urlencode({**asked, 'cursor': page.next})}"
    except Problem as problem:
        values["problem"] = problem
    done = next(((asked[name], text) for name, text in _DONE.items() if name in asked), None)
    reasons = [*REASONS, *({reason} - {None, *REASONS})]
    return render(
        call,
        "deadletters.html",
        status=values["problem"].status if values["problem"] else 200,
        section="deadletters",
        parked="parked" in asked,
        reason=reason,
        reasons=reasons,
        cursor=cursor,
        done=done,
        **values,
    )


def _read_parked(client: Client, keys: Keys, partitions: int) -> list[DeadLetter]:
    return [show_parked(parked) for parked in islice(read_parked(client, keys, range(partitions)), ROWS + 1)]


async def _show_one(call: Call, problem: Problem | None = None) -> Response:
    try:
        letter = describe_letter(await read_letter(call, call.path["id"]))
    except Problem as error:
        letter, problem = None, error
    status = problem.status if problem else 200
    return render(call, "deadletter.html", status=status, section="deadletters", letter=letter, problem=problem)


async def _redrive(call: Call) -> Response:
    try:
        await redrive_letter(call, call.path["id"])
    except Problem as problem:
        return await _show_one(call, problem)
    return RedirectResponse(f"{_LIST}?redriven={quote(call.path['id'])}", 303)


async def _drop(call: Call) -> Response:
    try:
        await drop_letter(call, call.path["id"])
    except Problem as problem:
        return await _show_one(call, problem)
    return RedirectResponse(f"{_LIST}?dropped={quote(call.path['id'])}", 303)


_PAGE = (Answer(200, "The page."),)
_BACK = (Answer(303, "Done: back to the list."),)

ENDPOINTS = (
    Endpoint("GET", _LIST, "Dead letters, for people.", _show_list, "read", _PAGE, documented=False),
    Endpoint("GET", f"{_LIST}/{{id}}", "A dead letter, for people.", _show_one, "read", _PAGE, documented=False),
    Endpoint("POST", f"{_LIST}/{{id}}/redrive", "Redrive from the page.", _redrive, "write", _BACK, documented=False),
    Endpoint("POST", f"{_LIST}/{{id}}/drop", "Drop from the page.", _drop, "write", _BACK, documented=False),
)
