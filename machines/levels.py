"""One level of a drawing, the inside of one shape: its items in layers, the lines between, and what leaves it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from machines.channels import Point, route
from machines.figure import Arrow, Shape
from machines.layers import Item, Line, assign_layers, divide, order_layers
from machines.passages import Passages, Port, Side
from machines.placement import Gap, place
from machines.sizes import Flow, Inner, Insets, frame_insets, label_item, shape_item, title_width
from machines.straightening import straighten

_GAP = Gap(lines=10.0, shapes=18.0)
_LINE = 1.0


class Piece(NamedTuple):
    """A part of an arrow's route. `begin` and `end` say on which side of the level's border it does so, if it does."""

    begin: Side | None
    points: list[Point]
    end: Side | None


@dataclass(slots=True)
class Level:
    """The inside of a shape, laid out within `insets`; `main` and `cross` are its extents with them."""

    insets: Insets
    main: float = 0
    cross: float = 0
    items: list[Item] = field(default_factory=list)
    title: Item | None = None
    labels: dict[Arrow, Item] = field(default_factory=dict)
    lines: dict[Arrow, Piece] = field(default_factory=dict)
    ports: dict[Port, float] = field(default_factory=dict)


class _Builder:
    """Collects the items and lines of one level."""

    def __init__(self, shape: Shape, passages: Passages, levels: Mapping[Shape, Level], flow: Flow) -> None:
        self.shape, self.flow = shape, flow
        self.level = Level(frame_insets(shape, flow))
        self.lines: dict[Line, tuple[Arrow, Side | None, Side | None]] = {}
        self.places: dict[Shape | Port, Item] = {}
        self._passages = passages
        for child in shape.children:
            found = levels.get(child)
            inner = None if found is None else Inner(found.main, found.cross, found.ports)
            sides: dict[Side, int] = {}
            for _, side in passages.ports.get(child, ()):
                sides[side] = sides.get(side, 0) + 1
            self.places[child] = shape_item(child, flow, inner, sides, passages.loops.get(child))
        for port, side in passages.ports.get(shape, ()):
            self._port(port, side)

    def join(self) -> None:
        """Add what is joined in this level."""
        for passage in self._passages.joined.get(self.shape, ()):
            arrow = passage.arrow
            label = label_item(arrow, self.flow, turns=passage.turns)
            tail = self.places[passage.tail] if passage.tail is not None else self._port((arrow, "exit"), "near")
            head = self.places[passage.head] if passage.head is not None else self._port((arrow, "entry"), "far")
            line = Line(tail, head, (arrow, "exit"), (arrow, "entry"), label, turns=passage.turns)
            if passage.exit_side == "near":
                line = Line(head, tail, (arrow, "entry"), (arrow, "exit"), label, back=True)
            begin: Side | None = "near" if passage.tail is None else None
            self.lines[line] = arrow, begin, "far" if passage.head is None else None
            if label is not None and arrow.texts:
                self.level.labels[arrow] = label

    def lead_through(self) -> None:
        """Add what comes from a child and leaves this level, and what enters it for a child."""
        for passage in self._passages.all:
            for inner, outer in zip(passage.exits, passage.exits[1:], strict=False):
                if outer is self.shape:
                    self._lead(inner, (passage.arrow, "exit"), passage.exit_side)
            for outer, inner in zip(passage.entries, passage.entries[1:], strict=False):
                if outer is self.shape:
                    self._lead(inner, (passage.arrow, "entry"), passage.entry_side)

    def _lead(self, child: Shape, port: Port, side: Side) -> None:
        arrow, end = port
        inside, border = self.places[child], self.places[port]
        back = (end == "exit") == (side == "near")
        line = (
            Line(inside, border, port, None, back=back)
            if side == "far"
            else Line(border, inside, None, port, back=back)
        )
        self.lines[line] = (arrow, None, side) if end == "exit" else (arrow, side, None)

    def _port(self, port: Port, side: Side) -> Item:
        return self.places.setdefault(port, Item(0.0, _LINE, port=(port, side), span=_LINE))


def lay_out_level(shape: Shape, passages: Passages, levels: Mapping[Shape, Level], flow: Flow) -> Level:
    """The inside of one shape; the levels of its children are there already."""
    builder = _Builder(shape, passages, levels, flow)
    builder.join()
    builder.lead_through()
    level, items = builder.level, list(builder.places.values())
    is_parallel = shape.kind == "parallel"
    if shape.parent is not None and flow == "down":
        level.title = Item(0.0, title_width(shape), leading=True)
    assign_layers(items, list(builder.lines), together=is_parallel)
    added, links = divide(builder.lines, _LINE)
    level.items = [*items, *added] if level.title is None else [level.title, *items, *added]
    layers = order_layers(level.items, links)
    place(layers, links, _GAP, tight=is_parallel)
    straighten(layers, links, _GAP)
    first = min((item.start for item in level.items), default=0.0)
    for item in level.items:
        item.start = 0.0 if item.leading else item.start - first
    extent = max((item.start + item.cross for item in level.items), default=0.0)
    regions = [item for item in items if item.shape is not None and item.shape.is_region]
    for region in regions:
        region.main = max(other.main for other in regions)
    routes, length = route(layers, links)
    for line, (arrow, begin, end) in builder.lines.items():
        level.lines[arrow] = Piece(begin, routes[line], end)
    insets = level.insets
    level.main, level.cross = (
        insets.main_start + length + insets.main_end,
        insets.cross_start + extent + insets.cross_end,
    )
    if shape.parent is not None and flow == "right":
        level.main = max(level.main, title_width(shape))
    for item in items:
        if item.port is not None:
            level.ports[item.port[0]] = insets.cross_start + item.start + _LINE / 2
    return level
