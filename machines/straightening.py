"""Lines without needless corners: what is left free once everything stands in order is used to make them straight."""

from collections.abc import Sequence

from machines.layers import Item, Line, Link
from machines.placement import Gap, distance

_END = 7.0  # how near to a corner of its box, or to another line, a line may end


def straighten(layers: Sequence[list[Item]], links: Sequence[Link], gap: Gap) -> None:
    """Move bends and labels of each line, and its ends on boxes, to where the line needs no corner."""
    ways: dict[Line, list[Link]] = {}
    for link in links:
        if not link.line.turns:
            ways.setdefault(link.line, []).append(link)
    for way in ways.values():
        _align(way, layers, gap)
    crowded: dict[tuple[Item, bool], int] = {}
    for link in links:
        for side in ((link.left, True), (link.right, False)):
            crowded[side] = crowded.get(side, 0) + 1
    for link in links:
        begin, end = link.left.start + link.left_offset, link.right.start + link.right_offset
        if crowded[link.left, True] == 1 and link.left_port not in link.left.fixed:
            link.left_offset += _slide(link.left, link.left_offset, end - begin)
            begin = link.left.start + link.left_offset
        if crowded[link.right, False] == 1 and link.right_port not in link.right.fixed:
            link.right_offset += _slide(link.right, link.right_offset, begin - end)


def _align(way: Sequence[Link], layers: Sequence[list[Item]], gap: Gap) -> None:
    """All that a line passes at one height: that of an end, if there is room for it."""
    passed = [(link.right, link.right_offset) for link in way[:-1]]
    if not passed:
        return
    lowest, highest = float("-inf"), float("inf")
    for item, offset in passed:
        layer = layers[item.layer]
        if item.order > 0:
            before = layer[item.order - 1]
            lowest = max(lowest, before.start + before.cross + distance(before, item, gap) + offset)
        if item.order + 1 < len(layer):
            after = layer[item.order + 1]
            highest = min(highest, after.start - distance(item, after, gap) - item.cross + offset)
    if lowest > highest:
        return
    first, last = way[0], way[-1]
    ends = first.left.start + first.left_offset, last.right.start + last.right_offset
    fitting = [end for end in ends if lowest <= end <= highest]
    middle = sum(item.start + offset for item, offset in passed) / len(passed)
    height = fitting[0] if fitting else min(max(middle, lowest), highest)
    for item, offset in passed:
        item.start = height - offset


def _slide(item: Item, offset: float, by: float) -> float:
    """How far the only line on a side of a box may move along it toward `by`."""
    if item.shape is None or item.span <= 2 * _END or item.shape.kind != "state":
        return 0.0
    wanted = min(max(offset + by, item.inset + _END), item.inset + item.span - _END)
    return wanted - offset
