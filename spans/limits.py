"""OpenTelemetry's span limits, applied to finished spans: the same journal loses the same things, always."""

from collections.abc import Mapping
from itertools import islice

import msgspec
from opentelemetry.sdk.trace import SpanLimits

from machines.attributes import AttributeValue
from spans.planned import PlannedEvent, PlannedSpan

_MOST_EVENT_ATTRIBUTES = 3  # id, result and reason


def keep_within(limits: SpanLimits, span: PlannedSpan) -> PlannedSpan:
    """The span as the limits allow it, with dropped counts; the same object where nothing exceeds them.

    Of events the oldest are dropped, as OpenTelemetry's SDK does. Of links the oldest stay, and of attributes the first
    as its specification says: they are Longspan's own, then the declared ones.
    """
    attributes, events, links = span.attributes, span.events, span.links
    changes: dict[str, object] = {}
    if limits.max_span_attributes is not None and len(attributes) > limits.max_span_attributes:
        changes["dropped_attributes"] = len(attributes) - limits.max_span_attributes
        attributes = dict(islice(attributes.items(), limits.max_span_attributes))
    if limits.max_span_attribute_length is not None:
        attributes = {name: _cut(value, limits.max_span_attribute_length) for name, value in attributes.items()}
    if attributes is not span.attributes:
        changes["attributes"] = attributes
    if limits.max_events is not None and len(events) > limits.max_events:
        excess = len(events) - limits.max_events
        changes["dropped_events"] = span.dropped_events + excess
        changes["events"] = events = events[excess:]
    if _limits_events(limits):
        changes["events"] = [_keep_event_within(limits, event) for event in events]
    if limits.max_links is not None and len(links) > limits.max_links:
        changes["dropped_links"] = span.dropped_links + len(links) - limits.max_links
        changes["links"] = links[: limits.max_links]
    return msgspec.structs.replace(span, **changes) if changes else span


def _limits_events(limits: SpanLimits) -> bool:
    most = limits.max_event_attributes
    return limits.max_attribute_length is not None or (most is not None and most < _MOST_EVENT_ATTRIBUTES)


def _keep_event_within(limits: SpanLimits, event: PlannedEvent) -> PlannedEvent:
    if not event.attributes:
        return event
    kept: Mapping[str, str] = event.attributes
    most = limits.max_event_attributes
    if most is not None:
        kept = dict(islice(kept.items(), most))
    if limits.max_attribute_length is not None:
        kept = {name: value[: limits.max_attribute_length] for name, value in kept.items()}
    dropped = len(event.attributes) - len(kept)
    return PlannedEvent(event.name, event.time_ns, dict(kept), dropped)


def _cut(value: AttributeValue, length: int) -> AttributeValue:
    if isinstance(value, str):
        return value[:length]
    if isinstance(value, list) and isinstance(value[0], str):
        return [str(element)[:length] for element in value]
    return value
