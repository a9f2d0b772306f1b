"""The elements of a drawing as SVG text. Colours are attributes, which any style sheet of a page overrules."""

import html
from collections.abc import Sequence
from math import hypot

from machines.channels import Point
from machines.figure import Arrow, Shape
from machines.layout import Box
from machines.lettering import LINE_PX, NAME_PX, TEXT_PX, label_lines, shorten_name
from machines.sizes import LOOP_PX, MARK_PX, Flow

INK, PAPER, FRAME, TEXT = "#1f2937", "#ffffff", "#64748b", "#334155"
_RADIUS, _HEAD, _HALF_HEAD = 6.0, 8.0, 3.6
_ASCENT = 0.78  # of a letter, in its size


def escape(text: str) -> str:
    """Text for SVG; what XML cannot hold becomes a space."""
    return html.escape("".join(char if char.isprintable() else " " for char in text))


def draw_shape(shape: Shape, box: Box, title: Point | None, flow: Flow) -> str:
    """A state with its name, or a mark. `title` is where a name above content stands."""
    around = shape.parent
    if shape.kind in ("initial", "history"):
        inside = _mark(shape, box)
        state = f' data-in="{escape(around.path)}"' if around is not None and around.path else ""
        return f'<g class="{shape.kind}"{state}>{inside}</g>'
    kind = "region" if shape.is_region and title is not None else shape.kind
    if shape.kind == "final":
        inside = _final(shape, box, flow)
    elif title is not None:
        inside = _frame(shape, box, title)
    else:
        inside = _state(shape, box)
    return f'<g class="{kind}" data-state="{escape(shape.path)}"><title>{escape(shape.path)}</title>{inside}</g>'


def draw_divider(region: Box, flow: Flow) -> str:
    """The dashed line between a parallel region and the one before it."""
    end = (region.x + region.width, region.y) if flow == "right" else (region.x, region.y + region.height)
    numbers = (region.x, region.y, *end)
    x1, y1, x2, y2 = (number_text(number) for number in numbers)
    return f'<line class="divider" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{FRAME}" stroke-dasharray="6 4"/>'


def draw_arrow(arrow: Arrow, route: Sequence[Point], label: Box | None, flow: Flow) -> str:
    """An arrow along its route, with its label on the line or to the right of it."""
    points = _simplify(route)
    texts = ""
    if label is not None:
        lines = label_lines(arrow.texts)
        texts = _lines(lines, label.x + label.width / 2, label.y, "middle")
        if flow == "down":
            texts = _lines(lines, label.x + 6, label.y + (label.height - LINE_PX * len(lines)) / 2, "start")
    return _arrow(arrow, f"{_path(_shorten(points))}", points[-2], points[-1], texts)


def draw_loop(arrow: Arrow, box: Box, flow: Flow) -> str:
    """An arrow from a state to itself: above it, or on its right where the flow goes down."""
    lines = label_lines(arrow.texts)
    if flow == "right":
        middle, far = box.x + box.width / 2, box.y - LOOP_PX
        points = [(middle - 12, box.y), (middle - 12, far), (middle + 12, far), (middle + 12, box.y)]
        texts = _lines(lines, middle, far - 4 - LINE_PX * len(lines), "middle")
    else:
        side, middle = box.x + box.width, box.y + box.height / 2
        far = side + LOOP_PX
        points = [(side, middle - 10), (far, middle - 10), (far, middle + 10), (side, middle + 10)]
        texts = _lines(lines, far + 5, middle - LINE_PX * len(lines) / 2, "start")
    return _arrow(arrow, _path(_shorten(points)), points[-2], points[-1], texts)


def number_text(number: float) -> str:
    """A number with one decimal at most."""
    return f"{number:.1f}".removesuffix(".0")


def _arrow(arrow: Arrow, path: str, before: Point, tip: Point, texts: str) -> str:
    told = " / ".join(arrow.texts) or "begins here"
    ends = f"{arrow.source.path} → {arrow.target.path}" if arrow.source.path else arrow.target.path
    attributes = f'data-from="{escape(arrow.source.path)}" data-to="{escape(arrow.target.path)}"'
    return (
        f'<g class="arrow" {attributes}><title>{escape(f"{ends}: {told}")}</title>'
        f'<path class="line" d="{path}" fill="none" stroke="{FRAME}" stroke-width="1.3"/>'
        f'<path class="head" d="{_head(before, tip)}" fill="{FRAME}"/>{texts}</g>'
    )


def _state(shape: Shape, box: Box) -> str:
    notes = label_lines(shape.notes)
    top = box.y + (box.height - LINE_PX * (1 + len(notes))) / 2
    middle = box.x + box.width / 2
    name = _text(shorten_name(shape.name), middle, top + _ASCENT * NAME_PX + 1, "name", "middle")
    return _rect(box, 8, PAPER) + name + _lines(notes, middle, top + LINE_PX + 1, "middle")


def _frame(shape: Shape, box: Box, title: Point) -> str:
    name = _text(shorten_name(shape.name), title[0] + 12, title[1] + 19, "name", "start")
    return _rect(box, 10, "none" if shape.is_region else "#f8fafc", "none" if shape.is_region else FRAME) + name


def _final(shape: Shape, box: Box, flow: Flow) -> str:
    radius = MARK_PX["final"] / 2
    if flow == "right":
        x, y = box.x + radius, box.y + box.height / 2
        name = _text(shorten_name(shape.name), x + radius + 6, y + 4.5, "name", "start")
    else:
        x, y = box.x + box.width / 2, box.y + radius
        name = _text(shorten_name(shape.name), x, box.y + box.height - 4, "name", "middle")
    ring = _circle(x, y, radius - 1, f'class="ring" fill="{PAPER}" stroke="{INK}" stroke-width="1.5"')
    return ring + _circle(x, y, radius - 5, f'class="dot" fill="{INK}"') + name


def _mark(shape: Shape, box: Box) -> str:
    x, y, radius = box.x + box.width / 2, box.y + box.height / 2, MARK_PX[shape.kind] / 2
    if shape.kind == "initial":
        return _circle(x, y, radius - 1, f'class="dot" fill="{INK}"')
    ring = _circle(x, y, radius - 1, f'class="ring" fill="{PAPER}" stroke="{INK}" stroke-width="1.3"')
    return ring + _text(shape.name, x, y + 4, "note", "middle")


def _circle(x: float, y: float, radius: float, look: str) -> str:
    return f'<circle cx="{number_text(x)}" cy="{number_text(y)}" r="{number_text(radius)}" {look}/>'


def _rect(box: Box, radius: int, fill: str, stroke: str = FRAME) -> str:
    x, y, width, height = (number_text(number) for number in (box.x, box.y, box.width, box.height))
    place = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}"'
    return f'<rect class="box" {place} fill="{fill}" stroke="{stroke}" stroke-width="1.3"/>'


def _text(text: str, x: float, y: float, kind: str, anchor: str) -> str:
    size, colour = (NAME_PX, INK) if kind == "name" else (TEXT_PX, TEXT)
    place = f'x="{number_text(x)}" y="{number_text(y)}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place} font-size="{size}" fill="{colour}">{escape(text)}</text>'


def _lines(lines: Sequence[str], x: float, top: float, anchor: str) -> str:
    return "".join(
        _text(line, x, top + LINE_PX * index + _ASCENT * TEXT_PX + 2, "note", anchor)
        for index, line in enumerate(lines)
    )


def _simplify(route: Sequence[Point]) -> list[Point]:
    """A route without points that are no corners. One that has no extent is left with two."""
    points: list[Point] = []
    for point in route:
        if points and hypot(points[-1][0] - point[0], points[-1][1] - point[1]) < 0.1:
            continue
        while len(points) > 1 and _in_line(points[-2], points[-1], point):
            points.pop()
        points.append(point)
    return points if len(points) > 1 else [*points, *points]


def _in_line(first: Point, second: Point, third: Point) -> bool:
    return abs((second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])) < 0.1


def _shorten(points: list[Point]) -> list[Point]:
    """Points whose last is inside the arrowhead, so that the line does not show beyond its tip."""
    return [*points[:-1], _toward(points[-1], points[-2], _HEAD - 2)]


def _toward(point: Point, other: Point, distance: float) -> Point:
    length = hypot(other[0] - point[0], other[1] - point[1])
    share = min(1.0, distance / length) if length else 0.0
    return point[0] + (other[0] - point[0]) * share, point[1] + (other[1] - point[1]) * share


def _path(points: Sequence[Point]) -> str:
    """A path with round corners."""
    parts = [f"M{_pair(points[0])}"]
    for index in range(1, len(points) - 1):
        before, corner, after = points[index - 1 : index + 2]
        radius = min(_RADIUS, *(hypot(corner[0] - end[0], corner[1] - end[1]) / 2 for end in (before, after)))
        begin, end = _toward(corner, before, radius), _toward(corner, after, radius)
        parts.append(f"L{_pair(begin)}Q{_pair(corner)} {_pair(end)}")
    return "".join([*parts, f"L{_pair(points[-1])}"])


def _head(before: Point, tip: Point) -> str:
    length = hypot(tip[0] - before[0], tip[1] - before[1]) or 1.0
    along, across = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    x, y = tip[0] - along * _HEAD, tip[1] - across * _HEAD
    left, right = (x - across * _HALF_HEAD, y + along * _HALF_HEAD), (x + across * _HALF_HEAD, y - along * _HALF_HEAD)
    return f"M{_pair(tip)}L{_pair(left)}L{_pair(right)}Z"


def _pair(point: Point) -> str:
    return f"{number_text(point[0])} {number_text(point[1])}"
