"""Spans received against spans expected: what differs, in words."""

from collections.abc import Iterable, Mapping
from typing import Any

from longspan.received import ReceivedSpan

Span = Mapping[str, Any]
SHOWN = 12


def received_span(span: ReceivedSpan) -> dict[str, Any]:
    """A received span in the oracle's form."""
    assert not span.dropped_attributes, f"{span.name}: attributes were dropped"
    assert not span.dropped_links, f"{span.name}: links were dropped"
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "tracestate": span.tracestate,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "attributes": dict(span.attributes),
        "events": [(event.name, event.time_ns, dict(event.attributes)) for event in span.events],
        "links": [(link.trace_id, link.span_id, link.tracestate) for link in span.links],
        "dropped_events": span.dropped_events,
        "status": span.status,
        "message": span.message,
    }


def differences(
    expected: Iterable[Span], received: Iterable[ReceivedSpan], *, repeatable: Iterable[str] = ()
) -> list[str]:
    """What is wrong with `received`, a line each; empty where it is what was expected, each span exactly once by id.

    `repeatable` are span ids whose answer was lost: these may come again, but identical to the last byte.
    """
    wrong: list[str] = []
    may_repeat = set(repeatable)
    first: dict[str, ReceivedSpan] = {}
    for span in received:
        known = first.get(span.span_id)
        if known is None:
            first[span.span_id] = span
            continue
        if known.encoded != span.encoded or known.resource != span.resource or known.scope != span.scope:
            wrong.append(f"{_name(received_span(span))}: came twice and not identical")
        elif span.span_id not in may_repeat:
            wrong.append(f"{_name(received_span(span))}: came twice although no answer was lost")
    wanted = {span["span_id"]: span for span in expected}
    for span_id, wanted_span in wanted.items():
        if span_id not in first:
            wrong.append(f"{_name(wanted_span)}: never came")
        else:
            wrong += _fields(wanted_span, received_span(first[span_id]))
    wrong += [f"{_name(received_span(span))}: nobody expects it" for i, span in first.items() if i not in wanted]
    return wrong


def report(wrong: list[str]) -> str:
    """The first of the differences, and how many there are."""
    more = [f"... and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    return "\n".join([f"{len(wrong)} differences", *wrong[:SHOWN], *more])


def _name(span: Span) -> str:
    attributes = span["attributes"]
    path = attributes.get("workflow.state")
    visit = f" visit {attributes['workflow.visit']}" if path else ""
    run = f"{attributes.get('workflow.id')} run {attributes.get('workflow.run')}"
    return f"{run} {path or span['name']}{visit} [{span['span_id']}]"


def _fields(expected: Span, received: Span) -> list[str]:
    wrong = []
    for field, wanted in expected.items():
        got = received[field]
        if field == "attributes":
            got = {name: list(value) if isinstance(value, tuple) else value for name, value in got.items()}
            wrong += [
                f"{_name(expected)}: attribute {name} is {_show(got, name)}, expected {_show(wanted, name)}"
                for name in sorted({*wanted, *got})
                if _show(got, name) != _show(wanted, name)
            ]
        elif field == "events":
            wrong += _events(expected, wanted, got)
        elif got != wanted:
            wrong.append(f"{_name(expected)}: {field} is {got!r}, expected {wanted!r}")
    return wrong


def _show(attributes: Mapping[str, Any], name: str) -> str:
    return f"{type(attributes[name]).__name__} {attributes[name]!r}" if name in attributes else "missing"


def _events(expected: Span, wanted: list[Any], got: list[Any]) -> list[str]:
    wrong = []
    if len(wanted) != len(got):
        place = next(
            (i for i, (one, other) in enumerate(zip(wanted, got, strict=False)) if one[:2] != other[:2]), "the end"
        )
        return [f"{_name(expected)}: {len(got)} events, expected {len(wanted)}; they differ from {place} on"]
    for index, (one, other) in enumerate(zip(wanted, got, strict=True)):
        attributes = dict(other[2])
        if one[2].get("workflow.event.reason", "") is None and attributes.get("workflow.event.reason"):
            attributes["workflow.event.reason"] = None  # any reason will do
        if (other[0], other[1], attributes) != (one[0], one[1], one[2]):
            wrong.append(f"{_name(expected)}: event {index} is {other!r}, expected {one!r}")
    return wrong
