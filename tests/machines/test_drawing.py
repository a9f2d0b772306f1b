"""Drawings: whatever the chart, boxes do not meet, labels are on no box, and all of it can be seen."""

import json
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machines.catalog import EXAMPLES, load_catalog
from machines.documents import examine, read_document
from machines.drawing import ARROWS_LIMIT, STATES_LIMIT, choose_layout, draw_svg
from machines.errors import DrawingLimitError
from machines.figure import Arrow, Shape, figure
from machines.layout import Box, Layout, lay_out
from machines.machine import Machine
from machines.sizes import Flow
from tests.machines.random_charts import ACTIONS, TRANSITIONS, charts_that_end
from tests.support.generated_charts import machines

FLOWS: tuple[Flow, ...] = ("right", "down")
SHIPPED = list(load_catalog([str(EXAMPLES)]))
SLACK = 0.01
FEW = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def parse(drawn: str) -> ElementTree.Element:
    """The drawing as a tree."""
    return ElementTree.fromstring(drawn)  # noqa: S314  it is our own drawing


def meet(first: Box, second: Box) -> bool:
    """Whether two boxes have an area in common."""
    across = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
    down = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
    return across > SLACK and down > SLACK


def holds(outer: Box, inner: Box) -> bool:
    """Whether a box is within another."""
    return (
        inner.x >= outer.x - SLACK
        and inner.y >= outer.y - SLACK
        and inner.x + inner.width <= outer.x + outer.width + SLACK
        and inner.y + inner.height <= outer.y + outer.height + SLACK
    )


def check(root: Shape, arrows: list[Arrow], layout: Layout) -> None:
    """AssertionError where something lies where it must not."""
    whole = Box(0, 0, layout.width, layout.height)
    boxes = layout.boxes
    leaves = [shape for shape in root.walk() if not shape.children]
    for shape in root.walk():
        if shape.parent is not None:
            assert holds(boxes[shape.parent], boxes[shape]), shape.path
        for first, second in combinations(shape.children, 2):
            assert not meet(boxes[first], boxes[second]), (first.path, second.path)
    for first_label, second_label in combinations(layout.labels.values(), 2):
        assert not meet(first_label, second_label)
    for arrow, label in layout.labels.items():
        assert holds(whole, label)
        assert not any(meet(label, boxes[leaf]) for leaf in leaves), arrow.texts
    for arrow in arrows:
        if arrow in layout.loops:
            continue
        route = layout.routes[arrow]
        assert touches(boxes[arrow.source], route[0]), (arrow.source.path, arrow.target.path)
        assert touches(boxes[arrow.target], route[-1]), (arrow.source.path, arrow.target.path)
        for (x1, y1), (x2, y2) in pairwise(route):
            assert abs(x1 - x2) < 1 or abs(y1 - y2) < 1, "lines go along and across"
            part = Box(min(x1, x2), min(y1, y2), abs(x1 - x2), abs(y1 - y2))
            assert holds(whole, part)
            assert not any(crosses(part, boxes[leaf]) for leaf in leaves), (arrow.source.path, arrow.target.path)


def touches(box: Box, point: tuple[float, float]) -> bool:
    """Whether a point is on the border of a box."""
    x, y = point
    beside = min(abs(x - box.x), abs(x - box.x - box.width)) < 1 and box.y - 1 <= y <= box.y + box.height + 1
    return beside or (min(abs(y - box.y), abs(y - box.y - box.height)) < 1 and box.x - 1 <= x <= box.x + box.width + 1)


def crosses(part: Box, box: Box) -> bool:
    """Whether a part of a line goes through a box."""
    inside = Box(box.x + 1, box.y + 1, box.width - 2, box.height - 2)
    across = min(part.x + part.width, inside.x + inside.width) - max(part.x, inside.x)
    down = min(part.y + part.height, inside.y + inside.height) - max(part.y, inside.y)
    return across >= 0 and down >= 0


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("machine", SHIPPED, ids=lambda machine: machine.name)
def test_a_shipped_machine_is_laid_out_without_anything_in_the_way(machine: Machine, flow: Flow) -> None:
    root, arrows = figure(machine)
    check(root, arrows, lay_out(root, arrows, flow))


@FEW
@given(machine=machines(guarded=True), flow=st.sampled_from(FLOWS))
def test_no_generated_machine_has_boxes_labels_and_lines_in_each_others_way(machine: Machine, flow: Flow) -> None:
    root, arrows = figure(machine)
    check(root, arrows, lay_out(root, arrows, flow))


@FEW
@given(document=charts_that_end(TRANSITIONS, ACTIONS), flow=st.sampled_from(FLOWS))
def test_neither_has_any_valid_chart_between_random_states(document: dict[str, Any], flow: Flow) -> None:
    reading = examine(json.dumps(document).encode(), "json", "m")
    if reading.machine is not None:
        root, arrows = figure(reading.machine)
        check(root, arrows, lay_out(root, arrows, flow))


@FEW
@given(st.data())
def test_forty_states_with_arrows_everywhere_are_still_in_nobodys_way(data: st.DataObject) -> None:
    names = [f"s{number}" for number in range(39)]
    states: dict[str, Any] = {}
    for index, name in enumerate(names):
        targets = data.draw(st.lists(st.sampled_from(names), max_size=2))
        following = names[index + 1] if index + 1 < len(names) else "end"
        states[name] = {"transitions": [{"event": "go", "target": target} for target in (following, *targets)]}
    document = {"machine": "m", "chart": {"states": {**states, "end": {"final": True}}}}
    root, arrows = figure(read_document(json.dumps(document), "json", "m"))
    flow = data.draw(st.sampled_from(FLOWS))
    check(root, arrows, lay_out(root, arrows, flow))


@pytest.mark.parametrize("machine", SHIPPED, ids=lambda machine: machine.name)
def test_every_state_and_transition_is_in_the_drawing_under_its_path(machine: Machine) -> None:
    drawn = parse(draw_svg(machine))
    paths = [path for one in drawn.iter() if (path := one.get("data-state"))]
    assert paths == list(machine.chart.paths.values())
    _, arrows = figure(machine)
    assert len([one for one in drawn.iter() if one.get("class") == "arrow"]) == len(arrows)
    assert drawn.get("viewBox") == f"0 0 {drawn.get('width')} {drawn.get('height')}"


def test_the_same_machine_is_drawn_the_same_every_time() -> None:
    for machine, other in zip(SHIPPED, load_catalog([str(EXAMPLES)]), strict=True):
        assert draw_svg(machine) == draw_svg(other)


def test_what_a_document_says_is_text_in_the_drawing_and_nothing_else() -> None:
    evil = '"><script>alert(1)</script><g onload="x'
    document = {
        "machine": "m",
        "chart": {
            "states": {
                "<b>&\"'": {"transitions": [{"event": "a<b", "target": "end", "cond": f"data.x == {evil!r}"}]},
                "end": {"final": True},
            }
        },
    }
    drawn = draw_svg(read_document(json.dumps(document), "json", "m"))
    tree = parse(drawn)
    names = {one.tag.rpartition("}")[2] for one in tree.iter()}
    assert names <= {"svg", "title", "rect", "g", "text", "path", "circle", "line"}
    assert not [name for one in tree.iter() for name in one.attrib if name.startswith("on")]
    assert "a<b" in "".join(tree.itertext())


def test_regions_stand_side_by_side_with_a_dashed_line_between() -> None:
    (machine,) = [machine for machine in SHIPPED if machine.name == "ci-pipeline"]
    drawn = parse(draw_svg(machine, 100.0))
    regions = [one[1] for one in drawn.iter() if one.get("class") == "region"]
    assert len({region.get("y") for region in regions}) == 1
    lines = [one for one in drawn.iter() if one.get("class") == "divider"]
    assert [line.get("x1") for line in lines] == [region.get("x") for region in regions[1:]]
    assert all(line.get("stroke-dasharray") for line in lines)


def test_the_flow_goes_down_where_it_would_be_too_wide_to_the_right() -> None:
    (machine,) = [machine for machine in SHIPPED if machine.name == "order"]
    root, arrows = figure(machine)
    assert choose_layout("order", root, arrows, 2_000.0).flow == "right"
    assert choose_layout("order", root, arrows, 1_000.0).flow == "down"


def test_a_chart_with_too_much_in_it_is_not_drawn_and_that_is_said() -> None:
    states = {f"s{n}": {"transitions": [{"event": "go", "target": f"s{n + 1}"}]} for n in range(STATES_LIMIT)}
    text = json.dumps({"machine": "m", "chart": {"states": {**states, f"s{STATES_LIMIT}": {"final": True}}}})
    with pytest.raises(DrawingLimitError, match=f"at most {STATES_LIMIT} and {ARROWS_LIMIT}"):
        draw_svg(read_document(text, "json", "m"))


def test_the_drawing_in_the_documentation_is_that_of_the_shipped_machine() -> None:
    drawn = Path(__file__).parents[2] / "docs" / "machines" / "order.svg"
    (machine,) = [machine for machine in SHIPPED if machine.name == "order"]
    assert drawn.read_text() == draw_svg(machine)
