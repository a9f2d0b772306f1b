"""Reading the body of a request: no more than may be, and no longer."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from api.allowance import Share
from api.problems import Problem

BODY_SECONDS = 30.0


async def read_body(request: Request, limit: int, share: Share, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body, of at most `limit` bytes.

    Raises Problem 413 where it is longer, 408 where it has not come within `seconds`, 400 where the client went away,
    503 where other requests hold too much.
    """
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise _too_long(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_long(limit)
                share.take(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        detail = f"the body did not come within {seconds:g} seconds"
        raise Problem(408, "Request Timeout", detail, field="body", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(400, "Bad Request", "the body ended before its end", field="body") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_long(limit: int) -> Problem:
    return Problem(413, "Content Too Large", f"the body is longer than {limit:,} bytes: send it in parts", field="body")
