"""Workflows: one of them, and pages of them."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.description import Workflow
from api.endpoint import Answer, Call, Endpoint, json_response, problem_answer
from api.filters import Filters, read_filters
from api.problems import Problem, not_found, wrong_parameter
from api.responses import json_if_changed, next_link, watch_link
from api.service import Service
from api.views import MOST_CHILDREN, describe, describe_one
from api.watch_tokens import encode_positions
from streams.client import Client
from streams.errors import CursorError
from streams.lookup import look_up
from streams.query import Query, find_page

LONGEST_PAGE = 1_000
WATCH = "/watch"


class Paging(Filters, frozen=True, kw_only=True):
    """What `GET /workflows` takes."""

    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE, description="How many at most; a page may be short.")] = 100
    cursor: Annotated[str, Meta(max_length=10_000, description="`next` of the page before.")] | None = None


class PageLinks(msgspec.Struct, frozen=True):
    """Paths: `next` of the next page, null at the end; `watch` of the events that tell what comes after this answer."""

    next: str | None
    watch: str


class WorkflowPage(msgspec.Struct, frozen=True):
    """Workflows that fit, and the cursor of the next page: null at the end. A page may be short and still have one."""

    workflows: list[Workflow]
    next: str | None
    links: PageLinks


def read_workflow(client: Client, service: Service, partitions: int, workflow_id: str) -> Workflow:
    """A workflow in full. Raises Problem 404, SnapshotError, redis.RedisError."""
    found = look_up(client, service.keys, partitions, workflow_id, MOST_CHILDREN) if partitions else None
    if found is None:
        raise no_workflow(workflow_id)
    return describe_one(service, found)


def no_workflow(workflow_id: str) -> Problem:
    """404 for an id of which nothing is known."""
    return not_found("workflow", workflow_id, "no event of it was applied, or it ended long ago and was removed")


async def _get(call: Call) -> Response:
    service = call.service
    partitions = await service.partitions()
    workflow = await service.reader.run(read_workflow, service, partitions, call.path["id"])
    return json_if_changed(call.request, workflow)


async def _list(call: Call) -> Response:
    partitions = await call.service.partitions()
    if not partitions:
        return json_response(WorkflowPage([], None, PageLinks(None, watch_link(call.request, WATCH))))
    try:
        return await call.service.reader.run(_tell_page, call, partitions, read_filters(call.query))
    except CursorError as error:
        raise wrong_parameter("cursor", f"is wrong: {error}") from None


def _tell_page(client: Client, call: Call, partitions: int, query: Query) -> Response:
    """In the reader's thread also encode: a large page would hold up the loop."""
    service, paging = call.service, call.query
    now_ms = service.now_ns() // 1_000_000
    page = find_page(client, service.keys, partitions, query, limit=paging.limit, cursor=paging.cursor, now_ms=now_ms)
    link = next_link(call.request, page.next) if page.next is not None else None
    links = PageLinks(link, watch_link(call.request, WATCH, encode_positions(page.positions)))
    return json_response(WorkflowPage(describe(client, service, page.views), page.next, links))


_NOT_THERE = problem_answer(404, "There is no such workflow.")

ENDPOINTS = (
    Endpoint(
        "GET",
        "/workflows",
        "Workflows that fit all filters, newest start first; with `state`, newest entry into it first.",
        _list,
        "read",
        (Answer(200, "A page.", WorkflowPage),),
        query=Paging,
    ),
    Endpoint(
        "GET",
        "/workflows/{id}",
        "One workflow. Its `ETag` changes when the answer does: ask again with `If-None-Match`.",
        _get,
        "read",
        (Answer(200, "The workflow.", Workflow), Answer(304, "It has not changed."), _NOT_THERE),
    ),
)
