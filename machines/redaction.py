"""Redaction: fields of events that a recording must not tell, replaced before they are written."""

import json
from collections.abc import Sequence

import msgspec

from machines.events import Event, read_data
from machines.journal import Record

REDACTED = "[redacted]"


def redact(record: Record, fields: Sequence[str]) -> Record:
    """The record without what stands in these fields: of `data` by path (`customer.email`), or extension attributes.

    A field that is not there is passed over; in a list it is looked for in every item.
    """
    event = record.event
    data = read_data(event)
    found = [field for field in fields if _replace(data, field.split("."))]
    extensions = event.extensions
    if extensions and not extensions.keys().isdisjoint(fields):
        extensions = {name: REDACTED if name in fields else value for name, value in extensions.items()}
    if not found and extensions is event.extensions:
        return record
    text = json.dumps(data, ensure_ascii=False) if found else event.data
    return msgspec.structs.replace(record, event=_changed(event, text, extensions))


def _changed(event: Event, data: str | None, extensions: dict[str, str] | None) -> Event:
    return msgspec.structs.replace(event, data=data, extensions=extensions)


def _replace(inside: object, path: Sequence[str]) -> bool:
    if isinstance(inside, list):
        return sum(_replace(item, path) for item in inside) > 0
    if not isinstance(inside, dict) or path[0] not in inside:
        return False
    if len(path) > 1:
        return _replace(inside[path[0]], path[1:])
    inside[path[0]] = REDACTED
    return True
