"""Workflows as the API tells of them, with what has to be read for that. It runs in the reader's threads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from api.description import Workflow, describe_workflow
from streams.client import Client
from streams.query import find_children
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


def describe_one(client: Client, service: "Service", partitions: int, view: WorkflowView) -> Workflow:
    """A workflow with its children. Raises redis.RedisError."""
    children = find_children(client, service.keys, partitions, view.id, MOST_CHILDREN)
    (trace,) = service.trace_ids.find(client, service.keys, [view])
    return describe_workflow(view, trace, service.now_ns() // 1_000_000, service.options.trace_link, children)
