"""Children of workflows, found through the index of parents."""

from collections.abc import Sequence

from streams.client import Client
from streams.indexes import CHILDREN
from streams.keys import Keys
from streams.status import WorkflowView, read_views
from streams.walks import Spelled


def find_children(
    client: Client, keys: Keys, partitions: int, parents: Sequence[str], most: int
) -> list[list[WorkflowView]]:
    """The newest children of each workflow, newest start first, at most so many each. Raises redis.RedisError."""
    if not parents:
        return []
    listed = [Spelled(client, keys, partitions, CHILDREN, parent) for parent in parents]
    commands = [one.newest(most) for one in listed]
    replies = iter(client.call_all((command for some in commands for command in some), raise_on_error=False))
    found = [
        [
            (candidate.partition, candidate.position.workflow_id.decode(errors="replace"))
            for candidate in one.merge([next(replies) for _ in some], most)
        ]
        for one, some in zip(listed, commands, strict=True)
    ]
    views = iter(read_views(client, keys, [place for places in found for place in places]))
    return [[view for view in [next(views) for _ in places] if view is not None] for places in found]
