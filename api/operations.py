"""Operations: whether the process lives, whether it is ready, and its metrics."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
from starlette.responses import Response

from api.endpoint import Answer, Call, Endpoint, json_response
from api.exposition import render
from api.findings import Finding
from api.metrics import Metrics
from api.readiness import examine, examine_pollers
from api.service import Service
from streams.client import Client
from streams.counts import Counts
from streams.errors import ServerError, trouble
from streams.keys import Keys
from streams.pollers import Attendance, find_duty
from streams.survey import Survey

ANSWER_SECONDS = 2.0  # until a probe or a scrape does without what Redis would have said
STALLED_SECONDS = 60.0  # a command waits at most 10 s for Redis: where nothing ends for so long, threads are stuck
_TEXT = "text/plain"

T = TypeVar("T")


class Readiness(msgspec.Struct, frozen=True):
    """Whether this process can serve, and a finding for each check: one that is `fail` keeps it from serving."""

    ready: bool
    checks: list[Finding]


async def _live(call: Call) -> Response:
    if call.service.reader.stalled_seconds(asyncio.get_running_loop().time()) < STALLED_SECONDS:
        return Response("ok\n", media_type=_TEXT)
    return Response("requests wait, and none is answered\n", 503, media_type=_TEXT)


async def _ready(call: Call) -> Response:
    service = call.service
    seen = await _ask(service, service.overview.survey)
    checks = list(examine(None, seen)) if isinstance(seen, str) else list(examine(seen))
    duty = find_duty(service.catalog)
    if duty.machines and isinstance(seen, Survey) and seen.partitions:
        attendance = await _ask(service, partial(service.overview.attendance, duty=duty))
        checks += [examine_pollers(attendance)] if isinstance(attendance, Attendance) else []
    ready = all(finding.verdict != "fail" for finding in checks)
    return json_response(Readiness(ready, checks), 200 if ready else 503, {"Cache-Control": "no-store"})


async def _measure(call: Call) -> Response:
    service, accept = call.service, call.request.headers.get("accept", "")
    now_ms = service.now_ns() // 1_000_000
    seen = await _ask(service, service.overview.survey)
    counted: Counts | str = ""
    if isinstance(seen, Survey):
        counted = await _ask(service, partial(service.overview.count, now_ms=now_ms))
    told = Metrics(
        service,
        seen if isinstance(seen, Survey) else None,
        counted if isinstance(counted, Counts) else None,
        now_ms,
    )
    text, content_type = await asyncio.to_thread(render, told, accept)
    return Response(text, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


async def _ask(service: Service, look: Callable[[Client, Keys, float], T]) -> T | str:
    """What Redis says, or why it says nothing."""
    now = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await service.reader.run_apart(look, service.keys, now)
    except TimeoutError:
        return f"Redis does not answer within {ANSWER_SECONDS:g} s"
    except ServerError as error:
        return trouble(error)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/livez",
        "Whether the process lives: one that does not is to be killed.",
        _live,
        None,
        (
            Answer(200, "It lives, whatever Redis and the workers do.", None, _TEXT),
            Answer(503, "Requests have waited for a minute, and none was answered.", None, _TEXT),
        ),
    ),
    Endpoint(
        "GET",
        "/readyz",
        "Whether the process can serve, and how the work goes.",
        _ready,
        None,
        (
            Answer(200, "It can. Findings that say `warn` are about workers, pollers or the endpoint.", Readiness),
            Answer(503, "It cannot: Redis does not answer it.", Readiness),
        ),
    ),
    Endpoint(
        "GET",
        "/metrics",
        "Metrics for Prometheus.",
        _measure,
        "read",
        (Answer(200, "Prometheus' text format, or OpenMetrics for who asks for it.", None, _TEXT),),
    ),
)
