"""What simulated systems tell, as entries of the ingress stream."""

import json
from collections.abc import Iterator

from longspan.plays import Happening, Play
from longspan.simulated_history import RISK_WORKFLOW
from longspan.simulated_system import Life
from machines.instants import format_instant

Fields = dict[bytes, bytes]

_SOURCE = "/longspan/simulated"


def tell(play: Play, workflow_id: str, number: int, happening: Happening, time_ns: int) -> Fields:
    """The entry of the `number`th thing, counted from 1, that happens in a workflow."""
    told = {
        "id": f"{workflow_id}.{happening.name or number}",
        "source": _SOURCE,
        "type": happening.type,
        "subject": name_subject(workflow_id, happening),
        "machine": play.part_machine if happening.part else play.machine,
        "time": format_instant(time_ns),
        "data": json.dumps(happening.data),
    }
    if happening.part:
        told["parent"] = workflow_id
    if play.numbered:
        told["sequence"] = str(number)
    return {name.encode(): value.encode() for name, value in told.items()}


def name_subject(workflow_id: str, happening: Happening) -> str:
    """The id of the workflow, or of its part, in which something happens."""
    return f"{workflow_id}.{happening.part}" if happening.part else workflow_id


def tell_life(life: Life) -> Iterator[tuple[int, Fields]]:
    """All events of a workflow, each with the instant, in nanoseconds since the epoch, from when on one knows of it."""
    for number, happening in enumerate(life.history.happenings(), 1):
        fields = tell(RISK_WORKFLOW, life.id, number, happening, life.told_ns(happening.at_seconds))
        yield life.seen_ns(happening.at_seconds), fields
