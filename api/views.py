"""Workflows as the API tells of them, with what has to be read for that. It runs in the reader's threads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from api.description import Workflow, describe_workflow
from spans.own_trace import own_trace
from streams.client import Client
from streams.lookup import Found
from streams.status import WorkflowView

if TYPE_CHECKING:
    from api.service import Service

MOST_CHILDREN = 100  # that a workflow tells of


def describe(client: Client, service: "Service", views: Sequence[WorkflowView]) -> list[Workflow]:
    """Workflows with traces and links, without their children. Raises redis.RedisError."""
    now_ms = service.now_ns() // 1_000_000
    traces = service.trace_ids.find(client, service.keys, views)
    return [
        describe_workflow(view, trace, now_ms, service.options.trace_link)
        for view, trace in zip(views, traces, strict=True)
    ]


def describe_one(service: "Service", found: Found) -> Workflow:
    """A workflow with its children."""
    begun, options = found.beginning, service.options
    trace = None if begun is None else own_trace(options.namespace, found.view.id, *begun)
    now_ms = service.now_ns() // 1_000_000
    return describe_workflow(found.view, trace, now_ms, options.trace_link, found.children, found.trouble)
