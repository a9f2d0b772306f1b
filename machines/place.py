"""Where a run stands among others: in whose trace, and under which span of its parent."""

import msgspec


class Top(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Whose trace it is: the topmost parent's run.

    `traceparent` and `tracestate` are its caller's, where that machine says `trace: continue`.
    """

    machine: str
    id: str
    run: int
    traceparent: str | None = None
    tracestate: str | None = None


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a run stands among others.

    `parent`, `machine` and `run` name the parent's run. `state` and `visit` are the parent's innermost active state
    when it heard of the child (of several the one entered last); `""` and 0 stand for its workflow span.
    `not_before_ns` is when that span begins (event time, clamped as spans are). `depth` is 1 for the child of a
    topmost parent. `apart` says why the run has a trace of its own all the same, which is then linked; else None.
    """

    parent: str
    machine: str
    run: int
    state: str
    visit: int
    depth: int
    not_before_ns: int
    top: Top
    apart: str | None = None
