"""Errors of Tempo's query API as plain text: Grafana shows them as they are."""

import logging
from collections.abc import Awaitable, Callable

from starlette.responses import PlainTextResponse, Response

from api.endpoint import Call
from api.problems import Problem
from api.tempo.errors import TempoError
from api.tempo.patterns import PatternError
from machines.errors import SnapshotError
from spans.errors import SpansError
from streams.errors import StreamsError

logger = logging.getLogger(__name__)

Answering = Callable[[Call], Awaitable[Response]]


def in_plain_text(answer: Answering) -> Answering:
    """The same, with whatever is in its way told in plain text."""

    async def answer_in_plain_text(call: Call) -> Response:
        try:
            return await answer(call)
        except TempoError as error:
            return PlainTextResponse(error.message, error.status)
        except PatternError as error:
            return PlainTextResponse(f"invalid TraceQL query: {error}", 400)
        except Problem as problem:
            return PlainTextResponse(problem.detail, problem.status, problem.headers)
        except (SnapshotError, SpansError, StreamsError) as error:
            logger.error("%s %s: %s", call.request.method, call.request.url.path, error)
            return PlainTextResponse(str(error), 500)

    return answer_in_plain_text
