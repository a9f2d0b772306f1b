"""Workflows that an index of their partition lists, and what is done with those that cannot be read."""

from collections.abc import Sequence

from machines.errors import SnapshotError
from machines.workflow import Workflow
from streams.commit import Commit
from streams.residence import Residence

BATCH = 500  # workflows that are seen to in one go
POSTPONE_MS = 60_000  # for a workflow that cannot be read or changed


def load_listed(
    residence: Residence, partition: int, members: Sequence[bytes], commit: Commit, index: bytes, now_ms: int
) -> list[Workflow]:
    """The workflows that an index names; one that cannot be read is put off in it. Raises redis.RedisError."""
    loaded = residence.fetch({partition: [member.decode(errors="replace") for member in members]})
    workflows = []
    for (_, workflow_id), workflow in loaded.items():
        if isinstance(workflow, SnapshotError):
            commit.add("ZADD", index, "zset", str(now_ms + POSTPONE_MS), workflow_id)
        else:
            workflows.append(workflow)
    return workflows
