"""Endpoints: one row for each route, from which routing, checks and the OpenAPI document come."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.problems import MEDIA, ProblemDocument
from api.service import Service

Scope = Literal["read", "write"]

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an endpoint.

    `path` holds the path parameters, percent-decoded; `query` an instance of the endpoint's `query`, or None.
    """

    service: Service
    request: Request
    path: Mapping[str, str]
    query: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint may answer; `body` is the msgspec type of a JSON body, None where there is none of it."""

    status: int
    meaning: str
    body: Any = None
    media: str = "application/json"


def problem_answer(status: int, meaning: str) -> Answer:
    """An answer that is a problem document."""
    return Answer(status, meaning, ProblemDocument, MEDIA)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route.

    `path` names its parameters in braces; the last may be `{name...}`, which takes the rest of the path. `scope` is
    what a caller must have, None where everybody may; with `signed` the endpoint itself lets callers in, since they may
    show a signature of the body instead. `query` is the struct of the query parameters: unknown and wrong ones are
    refused before `call`; with `open_query` unknown ones are ignored. `body` are the types of a request's body by media
    type. What is not `documented` is not in the OpenAPI document.
    """

    method: str
    path: str
    summary: str
    call: Callable[[Call], Awaitable[Response]]
    scope: Scope | None
    answers: tuple[Answer, ...]
    query: type[msgspec.Struct] | None = None
    body: Mapping[str, Any] | None = None
    documented: bool = True
    open_query: bool = False
    signed: bool = False


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A msgspec value as JSON."""
    return Response(_encode(body), status, headers, "application/json")
