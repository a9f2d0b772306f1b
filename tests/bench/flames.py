"""What a flame graph of py-spy says: its frames, and in which functions the time went."""

import re
from collections import Counter
from collections.abc import Sequence
from html import unescape
from typing import NamedTuple

_FRAME = re.compile(
    r"<title>(?P<name>[^<]*) \([\d,]+ samples?, [^<]*</title>"
    r'<rect [^>]*?y="(?P<row>\d+)"[^>]*? fg:x="(?P<begin>\d+)" fg:w="(?P<width>\d+)"'
)


class Frame(NamedTuple):
    """A function as it was called in one place: its row in the graph, and its samples from `begin` on."""

    row: int
    begin: int
    width: int
    name: str


def read_frames(svg: str) -> list[Frame]:
    """The frames from the first row on; raises ValueError where the text is no flame graph."""
    found = [
        Frame(int(match["row"]), int(match["begin"]), int(match["width"]), unescape(match["name"]))
        for match in _FRAME.finditer(svg)
    ]
    if not found:
        raise ValueError("it has no frames: nothing ran while the profiler looked")
    rows = {row: number for number, row in enumerate(sorted({frame.row for frame in found}))}
    return sorted(frame._replace(row=rows[frame.row]) for frame in found)


def hottest(frames: Sequence[Frame], count: int) -> str:
    """A list of the functions where most of the time went, without and with what they called."""
    whole = frames[0].width
    own: Counter[str] = Counter()
    with_called: Counter[str] = Counter()
    counted: dict[str, list[Frame]] = {}
    for frame in frames[1:]:
        called = sum(other.width for other in frames if other.row == frame.row + 1 and _is_within(other, frame))
        own[frame.name] += frame.width - called
        above = counted.setdefault(frame.name, [])
        if not any(_is_within(frame, other) for other in above):  # it calls itself: counted already
            with_called[frame.name] += frame.width
            above.append(frame)
    lines = ["itself  with what it calls  function"]
    for name, samples in own.most_common(count):
        lines.append(f"{samples / whole:6.1%}  {with_called[name] / whole:18.1%}  {name}")
    return "\n".join(lines)


def _is_within(inner: Frame, outer: Frame) -> bool:
    return outer.begin <= inner.begin and inner.begin + inner.width <= outer.begin + outer.width
