"""The layout of a machine's drawing: where each box, label and line stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from machines.channels import Point
from machines.figure import Arrow, Shape
from machines.levels import Level, lay_out_level
from machines.passages import find_passages
from machines.sizes import Flow

_Pieces = dict[tuple[Arrow, Shape], list[Point]]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in px."""

    x: float
    y: float
    width: float
    height: float


@dataclass(slots=True)
class Layout:
    """Where everything stands, in px from the upper left corner.

    `boxes` are those of all shapes, outer ones first. `labels` and `routes` are by arrow; a route leads from its
    source to its target. `titles` are the corners under which the names of boxes with something inside
    stand, `loops` the boxes of what arrows lead to themselves.
    """

    flow: Flow
    width: float = 0
    height: float = 0
    boxes: dict[Shape, Box] = field(default_factory=dict)
    labels: dict[Arrow, Box] = field(default_factory=dict)
    routes: dict[Arrow, list[Point]] = field(default_factory=dict)
    loops: dict[Arrow, Box] = field(default_factory=dict)
    titles: dict[Shape, Point] = field(default_factory=dict)


def lay_out(root: Shape, arrows: Sequence[Arrow], flow: Flow) -> Layout:
    """The layout of a figure whose flow goes to the right or down. Levels are laid out from the innermost."""
    passages = find_passages(arrows)
    levels: dict[Shape, Level] = {}
    for shape in reversed(list(root.walk())):
        if shape.children or shape.parent is None:
            levels[shape] = lay_out_level(shape, passages, levels, flow)
    layout = Layout(flow)
    outer = levels[root]
    pieces: _Pieces = {}
    _put(root, (0.0, 0.0), (outer.main, outer.cross), levels, layout, pieces)
    layout.width, layout.height = layout.boxes[root].width, layout.boxes[root].height
    for passage in passages.all:
        on_the_way = [*passage.exits[1:], passage.level, *passage.entries[:-1]]
        points = [point for box in on_the_way for point in pieces[passage.arrow, box]]
        layout.routes[passage.arrow] = [_turn(flow, point) for point in points]
    for shape, arrow in passages.loops.items():
        layout.loops[arrow] = layout.boxes[shape]
    return layout


def _put(
    shape: Shape,
    corner: Point,
    extents: Point,
    levels: dict[Shape, Level],
    layout: Layout,
    pieces: _Pieces,
) -> None:
    """Put a shape and all that is inside it at a corner."""
    layout.boxes[shape] = _box(layout.flow, corner, extents)
    level = levels.get(shape)
    if level is None:
        return
    along, across = corner[0] + level.insets.main_start, corner[1] + level.insets.cross_start
    layout.titles[shape] = _turn(layout.flow, corner)
    for arrow, item in level.labels.items():
        layout.labels[arrow] = _box(layout.flow, (along + item.at, across + item.start), (item.main, item.cross))
    for arrow, (begin, path, end) in level.lines.items():
        points = [(along + main, across + cross) for main, cross in path]
        if begin is not None:
            points.insert(0, (corner[0] if begin == "near" else corner[0] + extents[0], points[0][1]))
        if end is not None:
            points.append((corner[0] if end == "near" else corner[0] + extents[0], points[-1][1]))
        pieces[arrow, shape] = points
    for item in level.items:
        if item.shape is not None:
            inner = along + item.at, across + item.start + item.inset
            _put(item.shape, inner, (item.main, item.span), levels, layout, pieces)


def _turn(flow: Flow, point: Point) -> Point:
    return point if flow == "right" else (point[1], point[0])


def _box(flow: Flow, corner: Point, extents: Point) -> Box:
    return Box(*_turn(flow, corner), *_turn(flow, extents))
