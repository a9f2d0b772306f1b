"""Recorded runs: the lines of a file as the journals that they were, whole or not at all."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from machines.errors import LineError
from machines.journal import Header, Record
from machines.recorded_line import Line


class RecordedRun(NamedTuple):
    """The journal of one run as a file holds it; `first` is the number of its first line."""

    workflow_id: str
    header: Header
    records: list[Record]
    first: int


def read_runs(lines: Iterable[Line | LineError]) -> Iterator[RecordedRun | LineError]:
    """The runs as they were recorded, one after the other, and what is wrong with lines.

    The lines of a run stand together and in order. A run of which a line is missing, doubled, displaced or unreadable
    is not told at all, since half of a journal would make other spans.
    """
    run: RecordedRun | None = None
    spoilt: tuple[str, int] | None = None
    for line in lines:
        if isinstance(line, LineError):
            yield line
            if run is not None and not any(record.outcome for record in run.records):
                spoilt = run.workflow_id, run.header.run
                reason = f"run {spoilt[1]} of {spoilt[0]} may go on in line {line.number}"
                yield LineError(run.first, "longspanrun", reason)
                run = None
            continue
        fate = line.fate
        if fate is None:
            yield LineError(line.number, "longspanrun", "is missing: this is an event, not a line of a recording")
            continue
        identity = line.event.subject, fate.run
        if identity == spoilt:
            continue
        if run is not None and identity != (run.workflow_id, run.header.run):
            yield run
            run = None
        expected = 1 if run is None else len(run.records) + 1
        if fate.index != expected:
            reason = f"is {fate.index}, but {expected} comes next of run {fate.run} of {line.event.subject}"
            yield LineError(line.number, "longspanindex", reason)
            run, spoilt = None, identity
        elif run is None:
            assert fate.header is not None, "the first line of a run has a header"
            run, spoilt = RecordedRun(identity[0], fate.header, [fate.record], line.number), None
        else:
            run.records.append(fate.record)
    if run is not None:
        yield run
