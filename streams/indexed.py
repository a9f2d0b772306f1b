"""What the indexes and schedules of a partition say of a workflow: a commit writes only what changed."""

import msgspec

from machines.changes import Limits
from machines.workflow import Workflow
from streams.indexes import Listing, list_as
from streams.schedule import FIRED, score

PART_AGE_MS = 24 * 3_600_000
_SKEW_MS = 3_600_000  # by which the clocks of workers differ at most


class Schedule(msgspec.Struct, frozen=True, gc=False):
    """When there is something to do for a workflow by itself; times in milliseconds."""

    run: int
    running: bool
    expires_ms: int | None
    due_ms: int | None
    parked: bool


class Indexed(msgspec.Struct, frozen=True):
    """What they say."""

    schedule: Schedule
    in_parts: bool
    listing: Listing | None

    def fired(self) -> "Indexed":
        """The same, once a deadline of the workflow has fired."""
        return msgspec.structs.replace(self, schedule=msgspec.structs.replace(self.schedule, due_ms=FIRED))

    def expired(self) -> "Indexed":
        """The same, once its waiting is not listed any more."""
        return msgspec.structs.replace(self, schedule=msgspec.structs.replace(self.schedule, expires_ms=None))

    def comes_of_age_unseen(self, now_ms: int) -> bool:
        """Whether a run that begins as it did may never be found when it is a day old (streams/ageing.py)."""
        age_ms = now_ms - (self.listing.facts.started_ns // 1_000_000 if self.listing else 0)
        return not -_SKEW_MS < age_ms < PART_AGE_MS - _SKEW_MS


def index(workflow: Workflow, limits: Limits) -> Indexed:
    """What they are to say of a workflow."""
    snapshot, waits = workflow.snapshot, bool(workflow.held)
    schedule = Schedule(
        snapshot.run,
        snapshot.status == "running",
        workflow.expires_ms(limits) if waits else None,
        score(workflow) if snapshot.deadlines else None,
        waits and workflow.is_parked,
    )
    return Indexed(schedule, snapshot.in_parts or snapshot.progressive, list_as(snapshot))
