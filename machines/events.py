"""Events: CloudEvents 1.0 about one workflow, as they come in and as they are kept."""

import msgspec

from machines.place import Place

REDRIVE = "longspanredrive"  # the extension attribute of an event that is sent again: the machine version to apply it


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event about one workflow, checked.

    `time_ns` counts nanoseconds since the epoch. `data` is the JSON text of an object as it came, so nothing that the
    producer wrote is changed. `position` is the id of the ingress entry, `<ms>-<seq>`. `place` is what the start of a
    child was told of where it stands: Longspan alone sets it.
    """

    id: str
    source: str
    type: str
    subject: str
    machine: str | None
    time_ns: int
    data: str | None
    position: str
    traceparent: str | None = None
    tracestate: str | None = None
    sequence: int | None = None
    parent: str | None = None
    extensions: dict[str, str] | None = None
    place: Place | None = None

    @property
    def redriven_to(self) -> int | None:
        """The machine version that is to apply the event once more; None unless it was redriven."""
        version = self.extensions.get(REDRIVE) if self.extensions else None
        return int(version) if version and version.isascii() and version.isdigit() else None

    @property
    def identity(self) -> tuple[str, str, int | None]:
        """What names the event: the same source and id again change nothing, unless redriven to a version."""
        return self.source, self.id, self.redriven_to


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Event)
encode_event = _encoder.encode
decode_event = _decoder.decode
_data_decoder = msgspec.json.Decoder(dict[str, object])


def read_data(event: Event) -> dict[str, object]:
    """The event's data as an object; empty where it has none."""
    return _data_decoder.decode(event.data) if event.data else {}


def error_text(data: dict[str, object]) -> str | None:
    """What `error` in the data says of a failure, or None."""
    error = data.get("error")
    return error if isinstance(error, str) and error else None
