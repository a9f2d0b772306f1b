"""Under which trace the spans of a run are found, known from the beginning of its journal."""

from machines.journal import Header, Record
from spans.ids import trace_id
from spans.trace_context import read_caller


def own_trace(namespace: str, workflow_id: str, header: Header, first: Record) -> str:
    """The trace id, in 32 hexadecimal digits, that the spans of a run carry; `first` is its journal's first record."""
    if header.trace == "continue":
        caller = read_caller(first.event.traceparent, first.event.tracestate)
        if caller is not None:
            return caller.trace_id
    return f"{trace_id(namespace, header.machine, workflow_id, header.run):032x}"
