"""The layers of one level of a drawing: what stands beside what, and what a line passes on its way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from machines.figure import Shape
from machines.passages import Port, Side

_SWEEPS = 8


@dataclass(eq=False, slots=True)
class Item:
    """What takes up room in a level: a shape with its loop, a label, a port of the border, or a line on its way.

    `main` and `cross` are its extents along and across the flow, `at` and `start` where it begins. Lines may end on
    its sides between `inset` and `inset + span`; `fixed` are the places of those that end at what is inside it. A
    `leading` item stands first in its layer.
    """

    main: float
    cross: float
    shape: Shape | None = None
    port: tuple[Port, Side] | None = None
    inset: float = 0
    span: float = 0
    fixed: dict[Port, float] = field(default_factory=dict)
    layer: int = 0
    order: int = 0
    start: float = 0
    at: float = 0
    bend: bool = False
    leading: bool = False


@dataclass(eq=False, slots=True)
class Line:
    """A line between two items, `tail` in the nearer layer; `back` where its arrow points to `tail`.

    With `turns`, both ends are in one layer, and the line goes to its label in the next one and back.
    """

    tail: Item
    head: Item
    tail_port: Port | None
    head_port: Port | None
    label: Item | None = None
    back: bool = False
    turns: bool = False


@dataclass(eq=False, slots=True)
class Link:
    """A part of a line between neighbouring layers; the offsets are across the flow, from the start of each item."""

    line: Line
    left: Item
    right: Item
    left_offset: float = 0
    right_offset: float = 0
    left_port: Port | None = None
    right_port: Port | None = None


def assign_layers(items: Sequence[Item], lines: Sequence[Line], *, together: bool) -> None:
    """Give every item its layer: behind all that leads to it. `together` puts all shapes into one layer."""
    base = 1 if any(item.port is not None and item.port[1] == "near" for item in items) else 0
    after: dict[Item, list[tuple[Item, int]]] = {}
    missing = dict.fromkeys(items, 0)
    for line in lines:
        if not line.turns:
            after.setdefault(line.tail, []).append((line.head, 2 if line.label else 1))
            missing[line.head] += 1
    ready = [item for item in items if not missing[item]]
    for item in ready:
        item.layer = 0 if item.port is not None and item.port[1] == "near" else base
    for item in ready:
        for head, distance in after.get(item, ()):
            head.layer = max(head.layer, item.layer + distance, base)
            missing[head] -= 1
            if not missing[head]:
                ready.append(head)
    shapes = [item for item in items if item.shape is not None]
    if together and shapes:
        common = max(item.layer for item in shapes)
        for item in shapes:
            item.layer = common
    beyond = 2 if any(line.turns for line in lines) else 1
    last = max((item.layer for item in shapes), default=base) + beyond
    ends = [item for item in items if item.port is not None and item.port[1] == "far"]
    last = max([last, *(item.layer for item in ends)])
    for item in ends:
        item.layer = last


def divide(lines: Iterable[Line], thickness: float) -> tuple[list[Item], list[Link]]:
    """Labels and bends for what reaches over several layers: the new items, and the parts of all lines."""
    added: list[Item] = []
    links: list[Link] = []
    for line in lines:
        if line.turns and line.label is not None:
            line.label.layer = line.tail.layer + 1
            added.append(line.label)
            links.append(Link(line, line.tail, line.label, left_port=line.tail_port))
            links.append(Link(line, line.head, line.label, left_port=line.head_port))
            continue
        stations = [line.tail]
        named = line.head.layer - 1 if line.back else line.tail.layer + 1
        for layer in range(line.tail.layer + 1, line.head.layer):
            on_the_way = line.label if line.label is not None and layer == named else Item(0, thickness, bend=True)
            on_the_way.layer = layer
            stations.append(on_the_way)
        added += stations[1:]
        stations.append(line.head)
        parts = [Link(line, left, right) for left, right in pairwise(stations)]
        parts[0].left_port, parts[-1].right_port = line.tail_port, line.head_port
        links += parts
    return added, links


def order_layers(items: Iterable[Item], links: Sequence[Link]) -> list[list[Item]]:
    """The items of each layer in an order in which few lines cross."""
    layers: dict[int, list[Item]] = {}
    for item in items:
        layers.setdefault(item.layer, []).append(item)
    ordered = [layers.get(layer, []) for layer in range(max(layers, default=-1) + 1)]
    before: dict[Item, list[Link]] = {}
    after: dict[Item, list[Link]] = {}
    for link in links:
        before.setdefault(link.right, []).append(link)
        after.setdefault(link.left, []).append(link)
    _number(ordered)
    best, fewest = [list(layer) for layer in ordered], _crossings(ordered, after)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for layer in ordered if forward else reversed(ordered):
            _sort(layer, before if forward else after, forward)
            _number([layer])
        crossings = _crossings(ordered, after)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in ordered], crossings
    _number(best)
    return best


def _number(layers: Iterable[list[Item]]) -> None:
    for layer in layers:
        for order, item in enumerate(layer):
            item.order = order


def _position(item: Item, port: Port | None) -> float:
    """Where a line ends in its layer's order: a port inside a box counts by its place there."""
    return item.order + (item.fixed[port] / item.cross - 0.5 if port in item.fixed else 0.0)


def _sort(layer: list[Item], near: dict[Item, list[Link]], forward: bool) -> None:
    wanted: dict[Item, float] = {}
    for item in layer:
        ends = [
            _position(link.left, link.left_port) if forward else _position(link.right, link.right_port)
            for link in near.get(item, ())
        ]
        wanted[item] = sum(ends) / len(ends) if ends else item.order
    if not any(item.shape is not None and item.shape.is_region for item in layer):
        layer.sort(key=lambda item: (not item.leading, wanted[item], item.order))


def _crossings(layers: Iterable[list[Item]], after: dict[Item, list[Link]]) -> int:
    count = 0
    for layer in layers:
        links = [link for item in layer for link in after.get(item, ())]
        ends = [(_position(link.left, link.left_port), _position(link.right, link.right_port)) for link in links]
        for index, (left, right) in enumerate(ends):
            count += sum((left - other) * (right - beyond) < 0 for other, beyond in ends[:index])
    return count
