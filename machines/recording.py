"""Recorded streams: one CloudEvent a line, with what became of it; a run's journal reads back exactly."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from machines.cloudevents import event_attributes
from machines.errors import LineError
from machines.journal import Header, Record
from machines.recorded_line import MARKS, Line, Marks, read_line

__all__ = ["Line", "read_lines", "write_run"]


def write_run(header: Header, records: Iterable[Record], first: int = 1) -> Iterator[bytes]:
    """The lines of a run, each with its line break. `first` is the index of the first of these records in the run."""
    for index, record in enumerate(records, first):
        yield _write(header, record, index)


def _write(header: Header, record: Record, index: int) -> bytes:
    event, told = record.event, event_attributes(record.event)
    line: dict[str, object] = {"specversion": "1.0"}
    line.update((name, value) for name, value in told.items() if name not in MARKS)
    if event.sequence is not None:
        line["sequence"] = event.sequence
    text = event.data
    if text is not None:
        line["data"] = msgspec.Raw(text.replace("\n", " ").encode())
    begins = index == 1
    marks = Marks(
        run=header.run,
        index=index,
        result=record.result,
        position=event.position,
        steps=" ".join(record.steps) or None,
        reason=record.reason,
        outcome=record.outcome,
        version=header.version if begins else record.version,
        attributes=_names(header.attributes if begins else record.attributes),
        place=None if event.place is None else msgspec.json.encode(event.place).decode(),
        text=text if text is not None and ("\n" in text or text.strip() != text) else None,
    )
    if begins:
        marks.format, marks.machine, marks.export, marks.trace = (
            header.format,
            header.machine,
            header.export,
            header.trace,
        )
    line.update(msgspec.to_builtins(marks))
    return msgspec.json.encode(line) + b"\n"


def _names(names: Sequence[str] | None) -> str | None:
    return None if names is None else msgspec.json.encode(names).decode()


def read_lines(lines: Iterable[bytes | LineError]) -> Iterator[Line | LineError]:
    """Every line that is not blank, or what is wrong with it; what is known to be wrong already is passed on."""
    for number, text in enumerate(lines, 1):
        if isinstance(text, LineError):
            yield text
        elif not text.isspace() and text:
            try:
                yield read_line(text, number)
            except LineError as error:
                yield error
