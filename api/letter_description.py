"""Dead letters as the status API describes them: the same names in `longspan deadletters --json`."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.description import Instant
from machines.events import read_data
from machines.instants import format_instant
from streams.deadletters import DeadLetter


class Awaited(msgspec.Struct, frozen=True):
    """The machine that a parked event waits for; `version` is null where any would do."""

    machine: str
    version: int | None


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event that was set aside `at` that time for a `reason`. `field` is the attribute at fault, `detail` a
    sentence, `position` where the event stood in its stream.

    What is `parked` goes on by itself when the machine that it `waits_for` is loaded. Where no event could be read
    `entry` holds what came, as text.
    """

    id: str
    at: Instant
    reason: str
    field: str
    detail: str
    position: str
    parked: bool
    waits_for: Awaited | None = None
    subject: str | None = None
    type: str | None = None
    machine: str | None = None
    event_id: str | None = None
    source: str | None = None
    time: Instant | None = None
    data: Annotated[dict[str, Any], Meta(description="What the event carries.")] | None = None
    entry: dict[str, str] | None = None

    @property
    def sendable(self) -> bool:
        """Whether there is anything in it that a redrive could send."""
        return not self.parked and (self.subject is not None or bool(self.entry))


def describe_letter(letter: DeadLetter) -> Letter:
    """A dead letter or a parked event."""
    event, parked = letter.event, letter.parked
    told: dict[str, Any] = {}
    if event is not None:
        told = {
            "subject": event.subject,
            "type": event.type,
            "machine": event.machine,
            "event_id": event.id,
            "source": event.source,
            "time": format_instant(event.time_ns),
            "data": read_data(event) if event.data else None,
        }
    elif letter.entry is not None:
        told = {"entry": {_text(name): _text(value) for name, value in letter.entry.items()}}
    return Letter(
        id=letter.id,
        at=format_instant(letter.at_ms * 1_000_000),
        reason=letter.reason,
        field=letter.field,
        detail=letter.detail,
        position=letter.position,
        parked=parked is not None,
        waits_for=Awaited(parked.machine, parked.version) if parked is not None else None,
        **told,
    )


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
