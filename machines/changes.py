"""What an event can change beside the snapshot, and how long and how much may wait."""

from dataclasses import dataclass, field

import msgspec

from machines.events import Event


class Held(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that waits: for what, and since when (milliseconds, the worker's clock)."""

    event: Event
    reason: str
    since_ms: int


class Dead(msgspec.Struct, frozen=True, gc=False):
    """An event that could not be applied: `reason` is a code to filter by, `detail` a sentence."""

    event: Event
    reason: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how many events may wait, and when a run is sent in parts.

    `parent_wait_ms` is how long a child waits for its parent, `children` how many one trace takes of one parent, and
    `depth` how many levels of them.
    """

    early_wait_ms: int = 300_000
    reorder_wait_ms: int = 30_000
    waiting: int = 1_000
    parent_wait_ms: int = 30_000
    children: int = 10_000
    depth: int = 8
    part_spans: int = 2_000
    part_bytes: int = 4_000_000


@dataclass(slots=True)
class Changes:
    """What is to be committed. `exports` are (run, journal entries, whether the run has ended), `endings` are of runs
    that ended: (machine, outcome, how long it took in ns of event time). `carried` are runs that ended and whose spans
    their parents send."""

    journal: list[tuple[int, bytes]] = field(default_factory=list)
    exports: list[tuple[int, int, bool]] = field(default_factory=list)
    endings: list[tuple[str, str, int]] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    rewrite_held: bool = False
    pages: list[bytes] = field(default_factory=list)
    messages: list[Event] = field(default_factory=list)
    carried: list[int] = field(default_factory=list)
