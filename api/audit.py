"""The audit log: one line for every write, with who, what, the result and from where; no data and no tokens."""

import json
import logging
from collections.abc import Awaitable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from api.endpoint import Endpoint
from api.identity import Identity
from api.peers import Peers
from api.problems import Problem

logger = logging.getLogger("longspan.audit")

# What is logged elsewhere may be turned down; who has written what may not.
logger.setLevel(logging.INFO)

_LONGEST = 256


def note(request: Request, **facts: str | int) -> None:
    """What the audit line of this request shall say beside who and what, such as `events=3`."""
    request.state.audited = {**getattr(request.state, "audited", {}), **facts}


async def audited(
    endpoint: Endpoint, request: Request, path: Mapping[str, str], peers: Peers, answer: Awaitable[Response]
) -> Response:
    """The answer to a request that was let in, told in the audit log however it ends; `path` are its parameters."""
    status = 500
    try:
        response = await answer
        status = response.status_code
    except Problem as problem:
        status = problem.status
        raise
    finally:
        _tell(endpoint, request, path, status, peers)
    return response


def _tell(endpoint: Endpoint, request: Request, path: Mapping[str, str], status: int, peers: Peers) -> None:
    who: Identity | None = getattr(request.state, "identity", None)
    if who is None and endpoint.signed:
        return  # whoever sent it was not let in, and could otherwise fill the log
    facts: dict[str, str | int] = {
        "who": who.name if who else "anybody",
        "way": who.way if who else "open",
        **({"subject": who.subject} if who and who.subject else {}),
        "what": f"{endpoint.method} {endpoint.path}",
        **path,
        **getattr(request.state, "audited", {}),
        "status": status,
        "peer": peers.client(request.scope),
    }
    logger.info(" ".join(f"{name}={_text(value)}" for name, value in facts.items()), extra={"caller": facts["who"]})


def _text(value: str | int) -> str:
    return str(value) if isinstance(value, int) else json.dumps(value[:_LONGEST])
