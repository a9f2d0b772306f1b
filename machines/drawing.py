"""A machine's chart as SVG, drawn in Python alone: states, what leads from one to another, and where it begins."""

from machines.errors import DrawingLimitError
from machines.figure import Arrow, Shape, figure
from machines.layout import Layout, lay_out
from machines.machine import Machine
from machines.strokes import PAPER, draw_arrow, draw_divider, draw_loop, draw_shape, escape, number_text

STATES_LIMIT, ARROWS_LIMIT = 120, 240  # a second of work at most
WIDEST_PX = 1_100.0  # what fits beside nothing else on a page
_FONT = "ui-sans-serif, system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"


def draw_svg(machine: Machine, widest_px: float = WIDEST_PX) -> str:
    """The machine's chart as one `<svg>` element, which needs nothing else and runs nothing.

    Its flow goes to the right if that is at most `widest_px` wide or not wider than one that goes down. Each state is
    a group with its path in `data-state`. Raises DrawingLimitError.
    """
    root, arrows = figure(machine)
    return _write(machine, choose_layout(machine.name, root, arrows, widest_px), arrows)


def choose_layout(name: str, root: Shape, arrows: list[Arrow], widest_px: float) -> Layout:
    """The layout of a figure that fits the width, or else the narrower one. Raises DrawingLimitError."""
    states = sum(1 for shape in root.walk() if shape.path)
    if states > STATES_LIMIT or len(arrows) > ARROWS_LIMIT:
        raise DrawingLimitError(name, states, len(arrows), (STATES_LIMIT, ARROWS_LIMIT))
    right = lay_out(root, arrows, "right")
    if right.width <= widest_px:
        return right
    down = lay_out(root, arrows, "down")
    return down if down.width < right.width else right


def _write(machine: Machine, layout: Layout, arrows: list[Arrow]) -> str:
    width, height = number_text(layout.width), number_text(layout.height)
    told = escape(f"{machine.name}, version {machine.version}: its states and what leads from one to another")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="{escape(_FONT)}">',
        f"<title>{told}</title>",
        f'<rect class="paper" width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    shown = [(shape, box) for shape, box in layout.boxes.items() if shape.parent is not None]
    parts += [draw_shape(shape, box, layout.titles.get(shape), layout.flow) for shape, box in shown]
    for shape, _ in shown:
        if shape.kind == "parallel":
            regions = sorted((layout.boxes[child] for child in shape.children), key=lambda box: (box.x, box.y))
            parts += [draw_divider(region, layout.flow) for region in regions[1:]]
    for arrow in arrows:
        loop = layout.loops.get(arrow)
        if loop is not None:
            parts.append(draw_loop(arrow, loop, layout.flow))
        else:
            parts.append(draw_arrow(arrow, layout.routes[arrow], layout.labels.get(arrow), layout.flow))
    return "\n".join([*parts, "</svg>"]) + "\n"
