"""Where the items of ordered layers stand across the flow: near what they are joined with, and never overlapping."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from machines.layers import Item, Link

_SWEEPS = 24
_STRAIGHT, _HALF, _PLAIN = 8.0, 3.0, 1.0  # how much a line wants to be straight: between bends, at one, at none


class Gap(NamedTuple):
    """The room between neighbours in a layer: between lines, and beside anything else."""

    lines: float
    shapes: float


def place(layers: Sequence[list[Item]], links: Sequence[Link], gap: Gap, *, tight: bool) -> None:
    """Set the start of every item and the offsets of every link. `tight`: regions touch."""
    _spread(links)
    before: dict[Item, list[Link]] = {}
    after: dict[Item, list[Link]] = {}
    for link in links:
        before.setdefault(link.right, []).append(link)
        after.setdefault(link.left, []).append(link)
    for layer in layers:
        _settle(layer, dict.fromkeys(layer, (0.0, 0.001)), gap, tight)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        both = sweep >= _SWEEPS - 2
        for layer in layers if forward else reversed(layers):
            wanted = {}
            for item in layer:
                near = [(link, True) for link in before.get(item, ())] if forward or both else []
                near += [(link, False) for link in after.get(item, ())] if both or not forward else []
                wanted[item] = _wish(item, near)
            _settle(layer, wanted, gap, tight)


def _spread(links: Sequence[Link]) -> None:
    """Share the sides of each item among the links that end there, in the order of their other ends."""
    sides: dict[tuple[Item, bool], list[Link]] = {}
    for link in links:
        sides.setdefault((link.left, True), []).append(link)
        sides.setdefault((link.right, False), []).append(link)
    for (item, is_left), ends in sides.items():
        ends.sort(key=lambda link: (link.right if is_left else link.left).order)
        for index, link in enumerate(ends):
            port = link.left_port if is_left else link.right_port
            share = item.inset + item.span * (index + 1) / (len(ends) + 1)
            offset = item.fixed.get(port, share) if port is not None else share
            if is_left:
                link.left_offset = offset
            else:
                link.right_offset = offset


def _wish(item: Item, near: Iterable[tuple[Link, bool]]) -> tuple[float, float]:
    """Where an item would make its lines straight, and how much that matters."""
    total = weight = 0.0
    for link, comes_in in near:
        other = link.left if comes_in else link.right
        importance = (_PLAIN, _HALF, _STRAIGHT)[link.left.bend + link.right.bend]
        there = other.start + (link.left_offset if comes_in else link.right_offset)
        total += importance * (there - (link.right_offset if comes_in else link.left_offset))
        weight += importance
    return (total / weight, weight) if weight else (item.start, 0.001)


def _settle(layer: Sequence[Item], wanted: dict[Item, tuple[float, float]], gap: Gap, tight: bool) -> None:
    """As near as possible to what is wanted, in order and apart: neighbours that push each other become one block."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, members
    offsets: list[float] = []
    reached = 0.0
    for index, item in enumerate(layer):
        offsets.append(reached)
        mean, weight, members = wanted[item][0] - reached, wanted[item][1], 1
        if index + 1 < len(layer):
            reached += item.cross + distance(item, layer[index + 1], gap, tight)
        while blocks and (blocks[-1][0] > mean or (tight and _touch(layer[index - members], layer[index]))):
            earlier, more, others = blocks.pop()
            mean = (earlier * more + mean * weight) / (more + weight)
            weight, members = more + weight, members + others
        blocks.append((mean, weight, members))
    index = 0
    for mean, _, members in blocks:
        for item in layer[index : index + members]:
            item.start = mean + offsets[index]
            index += 1


def distance(item: Item, following: Item, gap: Gap, tight: bool = False) -> float:
    """The room between neighbours in a layer."""
    if tight and _touch(item, following):
        return 0.0
    thin = item.shape is None and following.shape is None
    return gap.lines if thin else gap.shapes


def _touch(item: Item, following: Item) -> bool:
    return item.shape is not None and item.shape.is_region and following.shape is not None
