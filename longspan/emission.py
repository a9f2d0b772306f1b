"""Events as a person or a program writes them down, made into entries of the ingress stream."""

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from machines.entries import Prepared, parse_entry
from machines.errors import EventError
from machines.events import Event
from machines.instants import format_instant


@dataclass(frozen=True, slots=True)
class Refused:
    """A line, counted from 1, that is no event, and why."""

    line: int
    reason: str


def prepare(attributes: Mapping[str, str]) -> Prepared:
    """An event given attribute by attribute; `id` and `time` are added where they are missing. Raises EventError."""
    complete = {"id": str(uuid.uuid4()), "time": format_instant(time.time_ns()), **attributes}
    fields = {name.encode(): value.encode() for name, value in complete.items()}
    return Prepared(fields, _parse(fields))


def prepare_line(text: bytes) -> Prepared:
    """A structured CloudEvent in JSON; `id` and `time` are added where they are missing. Raises EventError."""
    try:
        members = _read_members(text)
    except msgspec.DecodeError as error:
        raise EventError("event", f"is not a JSON object: {error}") from None
    if "id" not in members:
        members["id"] = _raw(str(uuid.uuid4()))
    if "time" not in members:
        members["time"] = _raw(format_instant(time.time_ns()))
    fields = {b"event": msgspec.json.encode(members)}
    return Prepared(fields, _parse(fields))


def prepare_lines(lines: Iterable[bytes], first: int = 1) -> Iterator[Prepared | Refused]:
    """Each line that is not blank, in order; `first` is the number of the first."""
    for number, line in enumerate(lines, first):
        if line.strip():
            try:
                yield prepare_line(line)
            except EventError as error:
                yield Refused(number, str(error))


_read_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))


def _parse(fields: dict[bytes, bytes]) -> Event:
    return parse_entry(fields, f"{time.time_ns() // 1_000_000}-0")
