"""Events as CloudEvents: the fields of a stream entry, and the JSON format."""

import json

from machines.events import Event
from machines.instants import format_instant


def event_attributes(event: Event) -> dict[str, str]:
    """The CloudEvents attributes of an event as text, `data` as JSON text; what is not set is left out."""
    optional = {
        "machine": event.machine,
        "traceparent": event.traceparent,
        "tracestate": event.tracestate,
        "sequence": None if event.sequence is None else str(event.sequence),
        "parent": event.parent,
        "data": event.data,
    }
    attributes = {"id": event.id, "type": event.type, "subject": event.subject, "time": format_instant(event.time_ns)}
    if event.source:
        attributes["source"] = event.source
    attributes.update({name: value for name, value in optional.items() if value is not None})
    return attributes | (event.extensions or {})


def event_fields(event: Event) -> dict[bytes, bytes]:
    """The fields of an ingress entry that reads back as the same event."""
    return {name.encode(): value.encode() for name, value in event_attributes(event).items()}


def structured(event: Event) -> dict[str, object]:
    """The event as a structured CloudEvent (CloudEvents 1.0, JSON format), ready for `json.dumps`."""
    attributes: dict[str, object] = {"specversion": "1.0", **event_attributes(event)}
    if event.sequence is not None:
        attributes["sequence"] = event.sequence
    if event.data is not None:
        attributes["data"] = json.loads(event.data)
    return attributes
