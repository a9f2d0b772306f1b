"""The sizes of what a drawing of a machine shows, along and across its flow."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from machines.figure import Arrow, Shape
from machines.layers import Item
from machines.lettering import LINE_PX, NAME_PX, TEXT_PX, label_lines, shorten_name, text_width
from machines.passages import Port, Side

Flow = Literal["right", "down"]

MARK_PX = {"initial": 12.0, "history": 24.0, "final": 20.0}  # diameters
LOOP_PX = 14.0  # how far a loop stands off its box
_PORT_PX = 10.0


class Insets(NamedTuple):
    """What a frame takes on each side of what is inside it."""

    main_start: float
    main_end: float
    cross_start: float
    cross_end: float


class Inner(NamedTuple):
    """What is inside a shape, laid out: its extents, and where its border is crossed."""

    main: float
    cross: float
    ports: Mapping[Port, float]


def frame_insets(shape: Shape, flow: Flow) -> Insets:
    """The frame around what is inside a shape, with room for its name."""
    if shape.parent is None:
        return Insets(16, 16, 16, 16)
    name = 30.0
    if shape.kind == "parallel":
        return Insets(0, 0, name, 0) if flow == "right" else Insets(18, 0, 0, 0)
    return Insets(10, 10, name, 12) if flow == "right" else Insets(18, 6, 12, 12)


def shape_item(shape: Shape, flow: Flow, inner: Inner | None, sides: Mapping[Side, int], loop: Arrow | None) -> Item:
    """A shape with the loop beside it. `sides` says how many lines end on each, `loop` is its arrow to itself."""
    width, height = _leaf(shape, flow)
    main, cross = (width, height) if flow == "right" else (height, width)
    item = Item(main, max(cross, _PORT_PX * (1 + max(sides.values(), default=0))), shape=shape)
    if inner is not None:
        item.main, item.cross = inner.main, inner.cross
    item.span = item.cross
    if loop is not None:
        wide, high = label_size(loop)
        beside = LOOP_PX + (high if flow == "right" else wide) + 8
        item.main = max(item.main, 44, wide if flow == "right" else high)
        item.cross += beside
        item.inset = beside if flow == "right" else 0.0
    if inner is not None:
        item.fixed = {port: item.inset + offset for port, offset in inner.ports.items()}
    return item


def label_item(arrow: Arrow, flow: Flow, *, turns: bool) -> Item | None:
    """The label of an arrow, which stands on its line or to the right of it. None where there is nothing to say."""
    if not arrow.texts and not turns:
        return None
    width, height = label_size(arrow)
    item = Item(width + 8, height + 4) if flow == "right" else Item(height + 6, width + 12)
    item.inset = item.cross if flow == "right" else 0.0
    if turns:
        item.cross += _PORT_PX
        item.span = _PORT_PX
    return item


def label_size(arrow: Arrow) -> tuple[float, float]:
    """Width and height of an arrow's label."""
    lines = label_lines(arrow.texts)
    return max((text_width(line, TEXT_PX) for line in lines), default=0.0), LINE_PX * len(lines)


def title_width(shape: Shape) -> float:
    """The room for the name of a box that has something inside."""
    return text_width(shorten_name(shape.name), NAME_PX) + 24


def _leaf(shape: Shape, flow: Flow) -> tuple[float, float]:
    """Width and height of a shape in which there is nothing."""
    if shape.kind in ("initial", "history"):
        return MARK_PX[shape.kind], MARK_PX[shape.kind]
    width = text_width(shorten_name(shape.name), NAME_PX)
    if shape.kind == "final":
        mark = MARK_PX["final"]
        return (mark + 6 + width, 24.0) if flow == "right" else (max(mark, width), mark + 6 + LINE_PX)
    notes = [text_width(line, TEXT_PX) for line in label_lines(shape.notes)]
    return max(60.0, width + 28, *(note + 20 for note in notes)), 36.0 + LINE_PX * len(notes)
