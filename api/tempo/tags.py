"""Names and values of tags: those that the traces which a search finds really have."""

from collections.abc import Iterable, Iterator

from api.tempo.fields import INTRINSICS, KIND, SCOPES, STATUSES, Field, Keyword, Scope, Value, canonical, values
from api.tempo.search import Finding, FoundTrace
from machines.catalog import Catalog
from spans.planned import PlannedSpan

LOOKED_AT = 100  # traces
OWN = (
    "workflow.id",
    "workflow.machine",
    "workflow.open",
    "workflow.outcome",
    "workflow.run",
    "workflow.state",
    "workflow.version",
    "workflow.visit",
)
_TIMES = ("span:duration", "trace:duration", "event:timeSinceStart")


def tag_names(finding: Finding, catalog: Catalog | None, resource: Iterable[str]) -> dict[Scope, list[str]]:
    """Names by scope, of the spans that were found; with `catalog` also those that its machines declare."""
    names: dict[Scope, set[str]] = {"resource": set(resource), "intrinsic": set(INTRINSICS)}
    spans = names["span"] = set(OWN if catalog is not None else ())
    events = names["event"] = set()
    for machine in catalog or ():
        spans.update(machine.attributes)
    for _, span in _found(finding):
        spans.update(span.attributes)
        for event in span.events:
            events.update(event.attributes or ())
    return {scope: sorted(names[scope]) for scope in SCOPES if names.get(scope)}


def fixed_values(field: Field) -> list[Value] | None:
    """The values of a field that can have few, and none of what is a time; None of any other."""
    name = canonical(field.name) if field.scope == "intrinsic" else ""
    if name == "span:status":
        return [Keyword(status) for status in STATUSES]
    if name == "span:kind":
        return [KIND]
    return [] if name in _TIMES else None


def tag_values(field: Field, finding: Finding, limit: int) -> list[Value]:
    """The values of a field, in the order in which the spans that were found have them; at most `limit`."""
    seen: dict[tuple[type, Value], Value] = {}
    for trace, span in _found(finding):
        for value in values(field, span, trace.whole):
            seen[type(value), value] = value
        if len(seen) >= limit:
            break
    return list(seen.values())[:limit]


def _found(finding: Finding) -> Iterator[tuple[FoundTrace, PlannedSpan]]:
    return ((trace, span) for trace in finding.traces for span in trace.matched)
