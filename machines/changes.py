"""What an event can change beside the snapshot, and how long and how much may wait."""

from dataclasses import dataclass

import msgspec

from machines.events import Event
from machines.recollection import Pages


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


class Changes(msgspec.Struct):
    """What is to be committed. `exports` are (run, journal entries, whether the run has ended), `endings` are of runs
    that ended: (machine, outcome, how long it took in ns of event time). `carried` are runs that ended and whose spans
    their parents send. `pages` are the last pages of digests; of these the first is `regrown`: it stands for one that
    was there before."""

    journal: list[tuple[int, bytes]] = []
    exports: list[tuple[int, int, bool]] = []
    endings: list[tuple[str, str, int]] = []
    dead: list[Dead] = []
    held: list[Held] = []
    rewrite_held: bool = False
    pages: list[bytes] = []
    regrown: bool = False
    messages: list[Event] = []
    carried: list[int] = []

    def put_aside(self, pages: Pages, portion: bytes) -> None:
        """Put digests on the pages of a workflow."""
        grown = pages.put(portion)
        if grown and self.pages:
            self.pages[-1] = pages[-1]
        else:
            self.regrown = self.regrown or grown
            self.pages.append(pages[-1])
