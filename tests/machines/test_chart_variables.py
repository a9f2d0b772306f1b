"""Guards and variables: what a chart that looks at data sees, keeps and refuses."""

from collections.abc import Mapping

from statemachine import State

from machines.charts import describe_chart
from machines.interpreter import Interpreter
from machines.python_form import WorkflowChart
from tests.support.interpretation import make_interpreter, refusal, walk

COUNTING = """
    machine: counting
    attributes: [label]
    chart:
      datamodel: {count: "0", kept: "'none'"}
      states:
        a:
          transitions:
            - {event: go, target: b, cond: data.n > 2}
            - {event: go, target: c, cond: attributes.label == 'x'}
            - {event: add, on: {assign: {location: count, expr: count + data.n}}}
            - {event: keep, on: {assign: {location: kept, expr: data.order}}}
            - {event: rename, on: {assign: {location: kept, expr: _event.name}}}
            - {event: same, target: c, cond: kept == data.order}
            - {event: rich, target: c, cond: kept.amount > 5}
            - {event: loud, on: [{send: {event: add}}, {send: {event: nobody}}, {send: {event: go}}]}
            - {event: shout, target: c, on: {raise: {event: go}}}
        b: {transitions: [{event: back, target: a}]}
        c: {final: true}
"""


class Careless(WorkflowChart[object]):
    """A chart whose code changes what it keeps, and then fails."""

    machine = "careless"
    calm = State(initial=True)
    over = State(final=True)
    add = calm.to(calm, on="append")
    stop = calm.to(over)

    def append(self, data: Mapping[str, object]) -> None:
        """Keep an item, or keep it and fail."""
        self.model.__dict__.setdefault("items", []).append(data["item"])
        if data["item"] == "bad":
            raise ValueError("bad item")


def test_guards_read_data_and_attributes() -> None:
    counting = make_interpreter(COUNTING)
    assert walk(counting, ("go", {"n": 3})).steps == ("-a", "+b")
    assert walk(counting, ("go", {"n": 2, "label": "x"})).steps == ("-a", "*c")
    start = walk(counting).situation
    assert refusal(counting, start, "go", {"n": 2, "label": "y"}) == "no transition for 'go' in a"


def test_a_guard_that_fails_refuses_the_event_with_the_reason() -> None:
    counting = make_interpreter(COUNTING)
    start = walk(counting).situation
    reason = "the chart failed: TypeError: '>' not supported between instances of 'NoneType' and 'int'"
    assert refusal(counting, start, "go") == reason
    assert walk(counting, ("go", {"n": 3})).steps == ("-a", "+b")


def test_variables_are_kept_and_start_anew_with_each_workflow() -> None:
    counting = make_interpreter(COUNTING)
    added = walk(counting, ("add", {"n": 2}), ("add", {"n": 3}))
    assert added.situation.variables == {"count": 5, "kept": "none"}
    assert walk(counting).situation.variables == {"count": 0, "kept": "none"}


def test_guards_see_kept_values_as_they_see_data() -> None:
    counting = make_interpreter(COUNTING)
    order: dict[str, object] = {"order": {"amount": 9, "tags": ["a"]}}
    kept = walk(counting, ("keep", order))
    assert kept.situation.variables["kept"] == order["order"]
    assert counting.send(kept.situation, "rich", {}, {}).ended
    assert counting.send(kept.situation, "same", order, {}).ended
    tags = walk(counting, ("keep", {"order": ["a", "b"]})).situation
    assert counting.send(tags, "same", {"order": ["a", "b"]}, {}).ended
    assert type(walk(counting, "rename").situation.variables["kept"]) is str


def test_a_value_that_no_snapshot_holds_refuses_the_event() -> None:
    counting = make_interpreter(COUNTING)
    start = walk(counting).situation
    reason = "the chart failed: TypeError: variable count holds an integer beyond 64 bit"
    assert refusal(counting, start, "add", {"n": 2**64}) == reason
    assert start.variables["count"] == 0


def test_an_event_of_the_charts_own_that_it_does_not_take_refuses_the_whole_event() -> None:
    counting = make_interpreter(COUNTING)
    start = walk(counting).situation
    said = refusal(counting, start, "loud", {"n": 3})
    assert said == "no transition for 'nobody' in a, which the chart itself sent"
    added = counting.send(start, "add", {"n": 1}, {})
    assert (added.steps, added.situation.variables["count"]) == ((), 1)


def test_what_one_workflow_left_unsaid_does_not_reach_the_next() -> None:
    counting = make_interpreter(COUNTING)
    start = walk(counting).situation
    assert counting.send(start, "shout", {}, {}).ended  # its own `go` comes when everything is over
    assert counting.send(start, "add", {"n": 1}, {}).steps == ()


def test_code_that_fails_leaves_no_trace_in_what_was_kept() -> None:
    careless = Interpreter(describe_chart(Careless, reusable=False))
    kept = careless.send(careless.start({}, {}).situation, "add", {"item": "good"}, {}).situation
    assert kept.variables == {"items": ["good"]}
    assert refusal(careless, kept, "add", {"item": "bad"}) == "the chart failed: ValueError: bad item"
    assert kept.variables == {"items": ["good"]}
