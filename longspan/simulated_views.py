"""What the simulated system answers: its own record of a workflow, and a page of its collection."""

import msgspec

from longspan.simulated_history import StageName, Status
from longspan.simulated_system import Life
from machines.instants import format_instant


class Entity(msgspec.Struct, frozen=True, rename="camel"):
    """A stage that has begun. Times are RFC 3339; what has not happened yet is null."""

    name: StageName
    status: Status
    start_time: str
    processing_time: str | None
    end_time: str | None
    error_message: str | None


class Workflow(msgspec.Struct, frozen=True, rename="camel"):
    """A workflow: its stages that have begun, in order. It is Initializing until its first stage begins."""

    id: str
    status: Status
    portfolio: str
    region: str
    submitted_time: str
    start_time: str | None
    end_time: str | None
    error_message: str | None
    entities: list[Entity]


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """Workflows by id; `next` is the path of the page that follows, null on the last one."""

    workflows: list[Workflow]
    next: str | None


class Trouble(msgspec.Struct, frozen=True):
    """What was wrong with a request."""

    status: int
    title: str


def view_workflow(life: Life, now_ns: int, ahead_ns: int = 0) -> Workflow:
    """The record at an instant; its times are told `ahead_ns` later than they are, which a fault may ask for."""

    def tell(at_seconds: float) -> str:
        return format_instant(life.told_ns(at_seconds) + ahead_ns)

    def is_past(at_seconds: float) -> bool:
        return life.seen_ns(at_seconds) <= now_ns

    entities = [
        Entity(
            stage.name,
            stage.outcome
            if is_past(stage.ended_seconds)
            else "Processing"
            if is_past(stage.processing_seconds)
            else "Initializing",
            tell(stage.initializing_seconds),
            tell(stage.processing_seconds) if is_past(stage.processing_seconds) else None,
            tell(stage.ended_seconds) if is_past(stage.ended_seconds) else None,
            stage.error if is_past(stage.ended_seconds) else None,
        )
        for stage in life.history.stages
        if is_past(stage.initializing_seconds)
    ]
    ended = is_past(life.history.length_seconds)
    return Workflow(
        life.id,
        entities[-1].status if ended else "Processing" if entities else "Initializing",
        life.history.portfolio,
        life.history.region,
        tell(0),
        entities[0].start_time if entities else None,
        entities[-1].end_time if ended else None,
        entities[-1].error_message if ended else None,
        entities,
    )
