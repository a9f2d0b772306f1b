"""Every rule about machine documents, with the place and the text that people get to read."""

import pytest

from tests.support.examination import told_problems

CHART = """machine: m
chart:
  states:
    a: {transitions: [{event: go, target: b}]}
    b: {final: true}
"""
_NOT_IN_B = ["6: the event 'go' is not taken while b is active, only in a"]


def test_the_chart_that_the_rules_are_tried_on_is_right() -> None:
    assert told_problems(CHART) == []


@pytest.mark.parametrize(
    ("facts", "problems"),
    [
        ("foo: 1", ["6: unknown key 'foo'"]),
        ("attribute: [x]", ["6: unknown key 'attribute'; did you mean 'attributes'?"]),
        ("version: 0", ["6: version must be at least 1"]),
        ("version: two", ["6: version must be a whole number, not 'two'"]),
        ("version: true", ["6: version must be a whole number, not true"]),
        ("starts_on: com.x", ["6: starts_on must be a list, not 'com.x'"]),
        ("starts_on: [1]", ["6: starts_on[0] must be text, not 1"]),
        ("starts_on: [x, x]", ["6: starts_on names 'x' twice"]),
        (
            "starts_on: [a b]",
            ["6: 'a b' is not an event type: write text such as com.example.order.placed, without spaces"],
        ),
        (
            "starts_on: ['x.']",
            ["6: the event type 'x.' ends with a dot: the part after the last dot names the chart's event"],
        ),
        (
            "starts_on: ['']",
            ["6: '' is not an event type: write text such as com.example.order.placed, without spaces"],
        ),
        ("attributes: [x, x]", ["6: attributes names 'x' twice"]),
        ("attributes: ['']", ["6: attributes[0] must not be empty"]),
        ("attributes: [workflow.id]", ["6: 'workflow.id': names with workflow. in front are Longspan's own"]),
        ('attributes: ["a\\tb"]', ["6: 'a\\tb' has characters that cannot be printed"]),
        ("export: full", ["6: export must be one of complete, progressive, not 'full'"]),
        ("trace: mine", ["6: trace must be one of own, continue, not 'mine'"]),
        ("events: {com.x.left: gone}", ["6: no state takes the event 'gone'; did you mean 'go'?"]),
        (
            "events: {'a b': go}",
            ["6: 'a b' is not an event type: write text such as com.example.order.placed, without spaces"],
        ),
        ("children: {a: all}", ["6: children.a must be a mapping, not 'all'"]),
        ("children: {a: {wait_for: 0, send: go}}", ["6: children.a.wait_for must be at least 1"]),
        ("children: {a: {wait_for: most}}", ["6: children.a.wait_for must be one of all, first, not 'most'"]),
        ("children: {a: {}}", ["6: no state takes the event 'children.done'"]),
        ("children: {a: {send: goo}}", ["6: no state takes the event 'goo'; did you mean 'go'?"]),
        ("children: {c: {send: go}}", ["6: there is no state 'c'"]),
        ("children: {b: {send: go}}", ["6: b is a final state: nobody waits there", *_NOT_IN_B]),
        (
            "children: {a: {send: go, expected: parts}}",
            ["6: 'parts' is not among the attributes, so nobody keeps it"],
        ),
        ("parent_ended: {ok: goo}", ["6: no state takes the event 'goo'; did you mean 'go'?"]),
        ("parent_ended: {late: go}", ["6: unknown key 'late' in parent_ended"]),
        ("deadlines: {a: 5m}", ["6: deadlines.a must be a mapping, not '5m'"]),
        ("deadlines: {a: {after: 5m}}", ["6: deadlines.a has no 'send'"]),
        ("deadlines: {a: {after: 5m, send: go, at: 1}}", ["6: unknown key 'at' in deadlines.a"]),
        (
            "deadlines: {a: {after: 5 minutes, send: go}}",
            ["6: '5 minutes' is not a duration: write a number and a unit, such as 500ms, 10s, 5m, 4h or 7d"],
        ),
        ("deadlines: {a: {after: 0s, send: go}}", ["6: 0s must be more than 0 and at most 10 years"]),
        ("deadlines: {m: {after: 9999d, send: go}}", ["6: 9999d must be more than 0 and at most 10 years"]),
        ("deadlines: {aa: {after: 5m, send: go}}", ["6: there is no state 'aa'; did you mean 'a'?"]),
        (
            "deadlines: {b: {after: 5m, send: go}}",
            [
                "6: b is a final state: nothing can be overdue there",
                "6: the event 'go' is not taken while b is active, only in a",
            ],
        ),
        ("deadlines: {a: {after: 5m, send: goo}}", ["6: no state takes the event 'goo'; did you mean 'go'?"]),
        ("outcomes: {b: fine}", ["6: outcomes.b must be one of ok, error, timeout, cancelled, not 'fine'"]),
        ("outcomes: {c: ok}", ["6: there is no state 'c'"]),
        ("outcomes: {a: ok}", ["6: a is not a final state, so no workflow ends in it"]),
    ],
)
def test_a_wrong_fact_is_told_with_its_line(facts: str, problems: list[str]) -> None:
    assert told_problems(CHART + facts + "\n") == [f"m.yaml:{problem}" for problem in problems]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("version: 1\n", ["1: the document has no 'machine'", "1: the document has no 'chart'"]),
        (
            CHART.replace("machine: m", "machine: my machine"),
            ["1: machine must be letters, digits, '.', '_' and '-', at most 128: 'my machine'"],
        ),
        ("machine: m\nchart: 5\n", ["2: chart must be a mapping, not 5"]),
        ("machine: m\nchart: {}\n", ["2: chart has no 'states'"]),
        ("machine: m\nchart: {states: {}}\n", ["2: chart.states must not be empty"]),
        (
            CHART.replace("event: go", "evnt: go"),
            ["4: unknown key 'evnt' in chart.states.a.transitions[0]; did you mean 'event'?"],
        ),
        (CHART.replace("b: {final: true}", "b:"), ["5: chart.states.b must be a mapping, not nothing"]),
        (CHART.replace("target: b", "target: bb"), ["4: there is no state 'bb' to go to; did you mean 'b'?"]),
        (
            CHART.replace("event: go", "event: ' '"),
            ["4: event is empty: leave it out for a transition that needs no event"],
        ),
        (
            CHART.replace("{final: true}", "{final: true, transitions: [{event: x, target: a}]}"),
            ["5: a final state has no transitions"],
        ),
        (
            CHART.replace("{final: true}", "{final: true, states: {c: {final: true}}}"),
            ["5: a final state has no states inside it"],
        ),
        (CHART.replace("a: {", "a: {parallel: true, "), ["4: a parallel state needs regions: states inside it"]),
        (
            CHART.replace("a: {", "a: {parallel: true, states: {c: {final: true}}, "),
            ["4: a region of a parallel state cannot be final: put a final state into the region"],
        ),
        (
            CHART.replace("a: {", "a: {history: {h: {transitions: [{target: b}]}}, "),
            ["4: history belongs to a state with states inside it"],
        ),
        (
            CHART.replace("a: {", "a: {states: {c: {initial: true}, d: {initial: true}}, "),
            ["4: only one state can be the initial one, not c, d"],
        ),
        (
            CHART.replace("a: {", "a: {states: {c: {}}, history: {h: {transitions: [{event: x, target: c}]}}, "),
            ["4: the default transition of a history state has neither event nor guard"],
        ),
        (
            CHART.replace("target: b}", "target: b, internal: true}"),
            ["4: an internal transition stays inside its state: b is not inside a"],
        ),
        (
            CHART.replace("target: b}", "target: b, initial: true}"),
            ["4: an initial transition has neither event nor guard"],
        ),
        (
            CHART.replace("event: go", "event: done.state.c"),
            ["4: there is no state 'c' that could finish"],
        ),
        (CHART + "    c: {transitions: [{event: go, target: b}]}\n", ["6: the state c can never be reached"]),
        (
            CHART.replace(", target: b", ", target: a"),
            [
                "2: no workflow could ever end: a top-level final state must be reachable",
                "5: the state b can never be reached",
            ],
        ),
        (
            CHART.replace("{final: true}", "{transitions: [{target: c}]}")
            + "    c: {transitions: [{target: b}, {event: x, target: d}]}\n    d: {final: true}\n",
            ["5: these transitions follow one another for ever: b -> c -> b"],
        ),
        (
            CHART.replace("a: {transitions: [", "a: {transitions: [{on: {raise: x}}, "),
            ["4: these transitions follow one another for ever: a -> a"],
        ),
        (
            CHART.replace("[{event: go", "[{event: on_go, target: b}, {event: go"),
            ["2: an event cannot be called on_go: it is the name of a callback of this chart"],
        ),
        (
            CHART + "    m: {transitions: [{event: go, target: b}]}\ndeadlines: {m: {after: 5m, send: go}}\n",
            ["6: the state m can never be reached", "7: m is the machine and a state: rename one of them"],
        ),
    ],
)
def test_a_wrong_chart_is_told_with_its_line(text: str, problems: list[str]) -> None:
    assert told_problems(text) == [f"m.yaml:{problem}" for problem in problems]


def test_a_deadline_whose_event_is_taken_elsewhere_is_told() -> None:
    text = """machine: m
deadlines: {a: {after: 5m, send: late}, p.x: {after: 5m, send: tick}}
chart:
  states:
    a: {transitions: [{event: go, target: p}]}
    p:
      parallel: true
      transitions: [{event: late, target: c}]
      states:
        x: {}
        y: {transitions: [{event: tick, target: y}]}
    c: {final: true}
"""
    assert told_problems(text) == ["m.yaml:2: the event 'late' is not taken while a is active, only in p"]


def test_an_outcome_of_a_final_state_that_ends_only_its_parent_is_told() -> None:
    text = """machine: m
chart:
  states:
    a:
      transitions: [{event: done.state.a, target: b}]
      states: {c: {transitions: [{event: go, target: d}]}, d: {final: true}}
    b: {final: true}
outcomes: {a.d: error}
"""
    assert told_problems(text) == ["m.yaml:8: a.d only ends a, not the workflow"]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = CHART.replace("target: b", "target: bb").replace("event: go", "event: send") + (
        "foo: 1\nstarts_on: ['a b']\nattributes: [workflow.x]\ndeadlines: {c: {after: 1, send: gone}}\n"
        "outcomes: {c: ok}\nexport: never\n"
    )
    assert told_problems(text) == [
        "m.yaml:4: there is no state 'bb' to go to; did you mean 'b'?",
        "m.yaml:4: an event cannot be called send: python-statemachine uses the name itself",
        "m.yaml:6: unknown key 'foo'",
        "m.yaml:7: 'a b' is not an event type: write text such as com.example.order.placed, without spaces",
        "m.yaml:8: 'workflow.x': names with workflow. in front are Longspan's own",
        "m.yaml:9: deadlines.c.after must be text, not 1",
        "m.yaml:10: there is no state 'c'",
        "m.yaml:11: export must be one of complete, progressive, not 'never'",
    ]
