"""The same id in several parents: what a name means where it is written."""

import pytest

from machines.documents import examine, read_document
from machines.interpreter import Interpreter

STAGES = """
machine: m
chart:
  states:
    one:
      transitions:
        - {event: fail, target: one.failed, internal: true}
        - {event: done.state.one, target: two, cond: "In('one.done')"}
        - {event: done.state.one, target: failed}
      states:
        busy: {transitions: [{event: next, target: done}]}
        done: {final: true}
        failed: {final: true}
    two:
      transitions:
        - {event: done.state.two, target: done, cond: "In('done')"}
        - {event: done.state.two, target: failed}
      states:
        busy: {transitions: [{event: next, target: done}, {event: fail, target: failed}]}
        done: {final: true}
        failed: {final: true}
    done: {final: true}
    failed: {final: true}
"""


def _steps(text: str, *events: str) -> list[str]:
    interpreter = Interpreter(read_document(text, "yaml", "m").chart, remember=False)
    answer = interpreter.start({}, {})
    steps = list(answer.steps)
    for event in events:
        answer = interpreter.send(answer.situation, event, {}, {})
        steps += answer.steps
    return steps


def test_a_name_means_the_state_beside_first() -> None:
    assert _steps(STAGES, "next")[2:] == ["-one.busy", "*one.done", "-one", "+two", "+two.busy"]


def test_a_dotted_path_means_one_state_wherever_it_is_written() -> None:
    assert _steps(STAGES, "fail")[2:] == ["-one.busy", "*one.failed", "-one", "*failed"]


def test_a_guard_asks_for_the_state_that_is_beside_its_own() -> None:
    """`In('done')` on stage two means the top-level state, which is not active: the second transition is taken."""
    assert _steps(STAGES, "next", "next")[-1] == "*failed"
    assert _steps(STAGES.replace("In('done')", "In('two.done')"), "next", "next")[-1] == "*done"


def test_a_name_that_only_a_child_has_means_the_child() -> None:
    text = STAGES.replace("- {event: fail", "- {event: again, target: busy, internal: true}\n        - {event: fail", 1)
    assert _steps(text, "again")[2:] == ["-one.busy", "+one.busy"]


def test_a_name_that_could_be_several_states_is_refused() -> None:
    text = STAGES + "    away: {transitions: [{event: x, target: busy}]}\n"
    assert "m:24: busy could be one.busy or two.busy: write its path" in map(str, examine(text, "yaml", "m").problems)


def test_guards_inside_actions_are_read_the_same_way() -> None:
    text = STAGES.replace("busy: {", "busy: {exit: {if: {cond: In('busy'), then: {raise: x}}}, ")
    assert examine(text, "yaml", "m").problems == []


def test_an_id_that_looks_like_one_made_unique_is_refused() -> None:
    text = STAGES + "    one__busy: {final: true}\n"
    assert "m:24: the id one__busy is taken by another state: rename one of them" in map(
        str, examine(text, "yaml", "m").problems
    )


@pytest.mark.parametrize("event", ["done.state.one", "done.state.*"])
def test_a_chart_without_repeated_ids_is_left_as_it_is(event: str) -> None:
    text = f"""
machine: m
chart:
  states:
    one:
      transitions: [{{event: {event}, target: end}}]
      states: {{a: {{transitions: [{{event: go, target: b}}]}}, b: {{final: true}}}}
    end: {{final: true}}
"""
    assert list(read_document(text, "yaml", "m").chart.paths) == ["one", "a", "b", "end"]
    assert _steps(text, "go")[-1] == "*end"


def test_problems_name_states_as_the_document_does() -> None:
    text = STAGES.replace("target: one.failed, internal: true", "target: two.failed, internal: true")
    assert "m:7: an internal transition stays inside its state: two.failed is not inside one" in map(
        str, examine(text, "yaml", "m").problems
    )
    text = STAGES.replace("In('one.done')", "In('one.done') and x")
    assert "m:8: \"In('one.done') and x\": x is not known; there are data, attributes, _event and the datamodel" in map(
        str, examine(text, "yaml", "m").problems
    )
