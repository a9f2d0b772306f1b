"""One workflow with what is told of it, in one round trip wherever it can be."""

from typing import NamedTuple

from machines.journal import Header, Record
from machines.snapshot import decode_snapshot
from streams.beginnings import read_beginning, read_beginnings
from streams.client import Client
from streams.errors import or_else
from streams.indexes import CHILDREN
from streams.keys import Keys, partition_of
from streams.status import WorkflowView
from streams.troubles import Trouble, ask_trouble, read_trouble
from streams.walks import Spelled

_FIRST = 1  # the run that is asked for before anybody knows which is the last


class Found(NamedTuple):
    """A workflow, the ids of those that are part of it (newest start first), how its last run began (None where none
    has, or its journal cannot be read), and what is wrong with polling it, where it runs."""

    view: WorkflowView
    children: list[str]
    beginning: tuple[Header, Record] | None
    trouble: Trouble | None = None


def look_up(client: Client, keys: Keys, partitions: int, workflow_id: str, most_children: int) -> Found | None:
    """The workflow of one id, or None. Raises SnapshotError, redis.RedisError."""
    partition = partition_of(workflow_id, partitions)
    owned = keys.of(partition)
    listed = Spelled(client, keys, partitions, CHILDREN, workflow_id)
    stored, head, told, *replies = client.call_all(
        [
            ("GET", owned.workflow(workflow_id)),
            ("LRANGE", owned.journal(workflow_id, _FIRST), 0, 1),
            ask_trouble(owned, workflow_id),
            *listed.newest(most_children),
        ],
        raise_on_error=False,
    )
    if isinstance(stored, Exception):
        raise stored
    if stored is None:
        return None
    view = WorkflowView(workflow_id, partition, decode_snapshot(stored))
    if view.snapshot.run == _FIRST:
        beginning = read_beginning(or_else(head, []), workflow_id)
    else:
        (beginning,) = read_beginnings(client, [(owned, workflow_id, view.snapshot.run)])
    children = [found.position.workflow_id.decode(errors="replace") for found in listed.merge(replies, most_children)]
    trouble = read_trouble(told) if view.snapshot.status == "running" else None
    return Found(view, children, beginning, trouble)
