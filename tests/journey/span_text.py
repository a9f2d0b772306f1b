"""Spans as an indented text that a person can review: every field that is on the wire is in it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from longspan.received import ReceivedSpan
from machines.instants import format_instant


def span_text(spans: Iterable[ReceivedSpan]) -> str:
    """All spans by trace, children below their parents in order of start."""
    children: dict[str, list[ReceivedSpan]] = {}
    known = {span.span_id: span for span in spans}
    for span in known.values():
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    resources = {_pairs(span.resource) for span in known.values()}
    scopes = {" ".join(span.scope) for span in known.values()}
    lines = [f"resource {resource}" for resource in sorted(resources)]
    lines += [f"scope {scope}" for scope in sorted(scopes)]
    for root in sorted(children.get("", []), key=_order):
        lines += ["", f"trace {root.trace_id}", *_tree(root, children, "  ")]
    return "\n".join(lines) + "\n"


def _order(span: ReceivedSpan) -> tuple[int, int, str, int]:
    visit = span.attributes.get("workflow.visit", 0)
    return span.start_ns, span.end_ns, str(span.attributes.get("workflow.state", "")), int(str(visit))


def _tree(span: ReceivedSpan, children: Mapping[str, list[ReceivedSpan]], indent: str) -> Iterator[str]:
    status = f"{span.status}: {span.message}" if span.message else span.status
    yield f"{indent}{span.name} [{span.span_id}] {status}"
    inner = indent + "    "
    if span.parent_id and span.parent_id not in {parent for parent in children if parent}:
        yield f"{inner}parent elsewhere {span.parent_id}"
    yield f"{inner}{format_instant(span.start_ns)} to {format_instant(span.end_ns)}"
    if span.kind != 1 or span.tracestate:
        yield f"{inner}kind {span.kind} tracestate {span.tracestate!r}"
    yield f"{inner}{_pairs(span.attributes)}"
    for event in span.events:
        yield f"{inner}* {format_instant(event.time_ns)} {event.name} {_pairs(event.attributes)}".rstrip()
    for link in span.links:
        yield f"{inner}~ link {link.trace_id} {link.span_id} {link.tracestate} {_pairs(link.attributes)}".rstrip()
    dropped = span.dropped_attributes, span.dropped_events, span.dropped_links
    if any(dropped):
        yield f"{inner}dropped {dropped[0]} attributes, {dropped[1]} events, {dropped[2]} links"
    for child in sorted(children.get(span.span_id, []), key=_order):
        yield from _tree(child, children, indent + "  ")


def _pairs(attributes: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_value(attributes[name])}" for name in sorted(attributes))


def _value(value: Any) -> str:
    return repr(value) if isinstance(value, str) and (not value or " " in value) else str(value)
