"""What is known of a chart: its paths in document order, and whether it looks at data. It must never say no wrongly."""

from typing import Any

import pytest
from statemachine import HistoryState, State, StateChart

from machines import WorkflowChart
from machines.charts import depends_on_data, describe_chart
from machines.documents import read_document


def _depends(chart: str) -> bool:
    indented = "".join(f"  {line}\n" for line in chart.strip("\n").split("\n"))
    return read_document(f"machine: m\nchart:\n{indented}", "yaml", "m").chart.depends_on_data


PLAIN = """
states:
  a: {transitions: [{event: go, target: b}]}
  b: {final: true}
"""
NESTED = """
states:
  p:
    parallel: true
    transitions: [{event: done.state.p, target: end}]
    states:
      x: {states: {x1: {transitions: [{event: x, target: x2}]}, x2: {final: true}}}
      y: {states: {y1: {transitions: [{event: y, target: y2}]}, y2: {final: true}}}
  end: {final: true}
"""


@pytest.mark.parametrize("chart", [PLAIN, NESTED, PLAIN.replace("target: b", "target: b, cond: In('a')")])
def test_a_document_of_states_and_events_alone_does_not_depend_on_data(chart: str) -> None:
    assert not _depends(chart)


@pytest.mark.parametrize(
    "chart",
    [
        PLAIN.replace("target: b", "target: b, cond: data.x"),
        PLAIN.replace("target: b", "target: b, unless: data.x"),
        PLAIN.replace("target: b", "target: b, cond: \"In('a') and data.x\""),
        PLAIN.replace("target: b", "target: b, cond: _event.data.x"),
        PLAIN.replace("target: b", "target: b, cond: [\"In('a')\", data.x]"),
        PLAIN.replace("target: b", "target: b, on: {raise: x}"),
        PLAIN.replace("target: b", "target: b, before: {raise: x}"),
        PLAIN.replace("target: b", "target: b, after: {raise: x}"),
        PLAIN.replace("a: {", "a: {enter: {raise: x}, "),
        PLAIN.replace("a: {", "a: {exit: {raise: x}, "),
        PLAIN.replace("final: true", "final: true, donedata: {content: '1'}"),
        "datamodel: {n: 0}" + PLAIN,
        NESTED.replace("x: {states", "x: {history: {h: {transitions: [{target: x1}]}}, states"),
        NESTED.replace("event: x,", "event: x, cond: data.x,"),
    ],
)
def test_guards_actions_variables_and_history_make_a_document_depend_on_data(chart: str) -> None:
    assert _depends(chart)


class Plain(WorkflowChart[Any]):
    a = State(initial=True)
    b = State(final=True)
    go = a.to(b)


class Listener:
    def on_enter_state(self) -> None: ...


def _subclass(**members: object) -> type[StateChart[Any]]:
    metaclass: Any = type(Plain)
    made: type[StateChart[Any]] = metaclass("Sub", (Plain,), members)
    return made


def test_a_class_of_states_and_events_alone_does_not_depend_on_data() -> None:
    assert not depends_on_data(Plain)
    assert not depends_on_data(_subclass(machine="x", attributes=("y",), deadlines={}))


@pytest.mark.parametrize(
    "name",
    [
        "on_go", "before_go", "after_go", "on_enter_a", "on_exit_a", "on_enter_state", "on_exit_state", "on_transition",
        "before_transition", "after_transition", "prepare_event", "on_invoke_state", "anything", "send",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "make", [lambda: lambda self: None, lambda: property(lambda self: 1), lambda: staticmethod(print)]
)
def test_code_of_any_kind_in_a_class_makes_it_depend_on_data(name: str, make: Any) -> None:
    assert depends_on_data(_subclass(**{name: make()}))


def test_guards_callbacks_and_listeners_of_a_class_make_it_depend_on_data() -> None:
    class Guarded(WorkflowChart[Any]):
        a = State(initial=True)
        b = State(final=True)
        go = a.to(b, cond="ready")
        ready = True

    class Decorated(WorkflowChart[Any]):
        a = State(initial=True)
        b = State(final=True)
        go = a.to(b)

        def count(self) -> None: ...

        go.on(count)

    class Inline(WorkflowChart[Any]):
        a = State(initial=True, enter=lambda: None)
        b = State(final=True)
        go = a.to(b)

    class Nested(WorkflowChart[Any]):
        class a(State.Compound):  # noqa: N801  the state's id
            c = State(initial=True)

            def on_enter_c(self) -> None: ...

        b = State(final=True)
        go = a.to(b)

    class Remembering(WorkflowChart[Any]):
        class a(State.Compound):  # noqa: N801  the state's id
            c = State(initial=True)
            d = State()
            h = HistoryState()
            on = c.to(d)

        b = State(final=True)
        go = a.to(b) | b.from_(a)

    class Mixin:
        def on_enter_a(self) -> None: ...

    class Mixed(Mixin, Plain):
        pass

    for chart_class in (Guarded, Decorated, Inline, Nested, Remembering, Mixed, _subclass(listeners=[Listener])):
        assert depends_on_data(chart_class), chart_class


def test_paths_and_order_follow_the_document_across_nesting() -> None:
    text = "machine: m\nchart:\n" + "".join(f"  {line}\n" for line in NESTED.strip("\n").split("\n"))
    chart = read_document(text, "yaml", "m").chart
    assert list(chart.paths.values()) == ["p", "p.x", "p.x.x1", "p.x.x2", "p.y", "p.y.y1", "p.y.y2", "end"]
    assert sorted(chart.order, key=chart.order.__getitem__) == list(chart.paths)
    assert chart.final == {"x2", "y2", "end"}
    assert chart.top_final == {"end"}
    assert chart.events == {"x", "y", "done.state.p"}


def test_an_id_that_had_to_be_made_unique_is_shown_as_it_was_written() -> None:
    chart = describe_chart(Plain, reusable=True, local_ids={"a": "first"})
    assert chart.paths == {"a": "first", "b": "b"}


def test_the_journal_does_not_import_the_library(tmp_path: object) -> None:
    import subprocess
    import sys

    code = "import machines.journal, sys; sys.exit('statemachine' in sys.modules or 'jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
