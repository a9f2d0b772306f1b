"""Fields of TraceQL: attributes by scope, and intrinsics, as a planned span within its trace has them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, cast

from machines.attributes import AttributeValue
from spans.otlp import SCOPE_NAME, SCOPE_VERSION
from spans.planned import PlannedEvent, PlannedSpan

Scope = Literal["", "span", "resource", "event", "link", "instrumentation", "intrinsic"]
SCOPES: tuple[Scope, ...] = ("resource", "span", "event", "link", "instrumentation", "intrinsic")


class Keyword(str):
    """A value that is written without quotes: of a status or a kind."""


Value = str | bool | int | float
STATUSES = ("unset", "ok", "error")
KIND = Keyword("internal")


class Field(NamedTuple):
    """A field: `scope` is empty where any has it, `name` that of an attribute or the intrinsic as it was written."""

    scope: Scope
    name: str


class Whole(NamedTuple):
    """What the spans of one trace share. Times in ns; ids in hexadecimal digits."""

    trace_id: str
    root_name: str
    start_ns: int
    end_ns: int
    resource: Mapping[str, AttributeValue]

    @property
    def service(self) -> str:
        """The name of the service that all its spans are of."""
        return str(self.resource.get("service.name", ""))

    def including(self, other: "Whole") -> "Whole":
        """With another part of the same trace."""
        return self._replace(start_ns=min(self.start_ns, other.start_ns), end_ns=max(self.end_ns, other.end_ns))


Reading = Callable[[PlannedSpan, Whole], Sequence[Value]]


def _events(read: Callable[[PlannedEvent, PlannedSpan], Value]) -> Reading:
    return lambda span, _: [read(event, span) for event in span.events]


_BY_NAME: dict[str, Reading] = {
    "span:name": lambda span, _: (span.name,),
    "span:status": lambda span, _: (Keyword(span.status),),
    "span:statusMessage": lambda span, _: (span.message,) if span.message else (),
    "span:kind": lambda *_: (KIND,),
    "span:duration": lambda span, _: (span.end_ns - span.start_ns,),
    "span:id": lambda span, _: (f"{span.span_id:016x}",),
    "span:parentID": lambda span, _: () if span.parent_id is None else (f"{span.parent_id:016x}",),
    "trace:duration": lambda _, whole: (whole.end_ns - whole.start_ns,),
    "trace:rootName": lambda _, whole: (whole.root_name,),
    "trace:rootService": lambda _, whole: (whole.service,),
    "trace:id": lambda _, whole: (whole.trace_id,),
    "event:name": _events(lambda event, _: event.name),
    "event:timeSinceStart": _events(lambda event, span: event.time_ns - span.start_ns),
    "link:traceID": lambda span, _: [link.trace_id for link in span.links],
    "link:spanID": lambda span, _: [link.span_id for link in span.links],
    "instrumentation:name": lambda *_: (SCOPE_NAME,),
    "instrumentation:version": lambda *_: (SCOPE_VERSION,),
}
_OLDER_NAMES = {
    "name": "span:name",
    "status": "span:status",
    "statusMessage": "span:statusMessage",
    "kind": "span:kind",
    "duration": "span:duration",
    "traceDuration": "trace:duration",
    "rootName": "trace:rootName",
    "rootServiceName": "trace:rootService",
}
INTRINSICS = sorted([*_BY_NAME, *_OLDER_NAMES])


def canonical(name: str) -> str:
    """An intrinsic's name with its scope."""
    return _OLDER_NAMES.get(name, name)


def values(field: Field, span: PlannedSpan, whole: Whole) -> Sequence[Value]:
    """What a span has in a field; of lists, and of its events and links, each element."""
    if field.scope == "intrinsic":
        return _BY_NAME[canonical(field.name)](span, whole)
    if field.scope == "event":
        told = [event.attributes or {} for event in span.events]
        return [attributes[field.name] for attributes in told if field.name in attributes]
    if field.scope in ("", "span") and field.name in span.attributes:
        return elements(span.attributes[field.name])
    if field.scope in ("", "resource") and field.name in whole.resource:
        return elements(whole.resource[field.name])
    return ()


def elements(value: AttributeValue) -> Sequence[Value]:
    """The elements of a list, or the one value."""
    return cast(Sequence[Value], value) if isinstance(value, list) else (value,)
