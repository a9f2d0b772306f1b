"""Each form of a machine document says the same."""

from pathlib import Path

import pytest

from machines.documents import Form, read_document
from machines.machine import Deadline, Machine
from machines.python_form import examine_class

YAML = """
machine: door
version: 3
starts_on: [com.example.door.installed]
attributes: [house, floor]
export: progressive
trace: continue
events: {com.example.door.slammed: close}
deadlines: {open.wide: {after: 5m, send: close}, door: {after: 7d, send: remove}}
outcomes: {removed: cancelled}
chart:
  states:
    shut:
      transitions:
        - {event: open, target: open}
        - {event: remove, target: removed}
    open:
      transitions:
        - {event: close, target: shut}
        - {event: remove, target: removed}
      states:
        ajar: {transitions: [{event: push, target: wide}]}
        wide: {transitions: [{event: pull, target: ajar}]}
    removed: {final: true}
"""
JSON = """
{"machine": "door", "version": 3, "starts_on": ["com.example.door.installed"], "attributes": ["house", "floor"],
 "export": "progressive", "trace": "continue", "events": {"com.example.door.slammed": "close"},
 "deadlines": {"open.wide": {"after": "5m", "send": "close"}, "door": {"after": "7d", "send": "remove"}},
 "outcomes": {"removed": "cancelled"},
 "chart": {"states": {
   "shut": {"transitions": [{"event": "open", "target": "open"}, {"event": "remove", "target": "removed"}]},
   "open": {
     "transitions": [{"event": "close", "target": "shut"}, {"event": "remove", "target": "removed"}],
     "states": {"ajar": {"transitions": [{"event": "push", "target": "wide"}]},
                "wide": {"transitions": [{"event": "pull", "target": "ajar"}]}}},
   "removed": {"final": true}}}}
"""
SCXML = """<?xml version="1.0" encoding="UTF-8"?>
<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:longspan="urn:longspan:machine" version="1.0" initial="shut">
  <longspan:machine>
    machine: door
    version: 3
    starts_on: [com.example.door.installed]
    attributes: [house, floor]
    export: progressive
    trace: continue
    events: {com.example.door.slammed: close}
    deadlines: {open.wide: {after: 5m, send: close}, door: {after: 7d, send: remove}}
    outcomes: {removed: cancelled}
  </longspan:machine>
  <state id="shut">
    <transition event="open" target="open"/>
    <transition event="remove" target="removed"/>
  </state>
  <state id="open">
    <transition event="close" target="shut"/>
    <transition event="remove" target="removed"/>
    <state id="ajar"><transition event="push" target="wide"/></state>
    <state id="wide"><transition event="pull" target="ajar"/></state>
  </state>
  <final id="removed"/>
</scxml>
"""
PYTHON = """
from statemachine import State
from machines import WorkflowChart

class Door(WorkflowChart[object]):
    machine = "door"
    version = 3
    starts_on = ("com.example.door.installed",)
    attributes = ("house", "floor")
    export = "progressive"
    trace = "continue"
    chart_events = {"com.example.door.slammed": "close"}
    deadlines = {"open.wide": {"after": "5m", "send": "close"}, "door": {"after": "7d", "send": "remove"}}
    outcomes = {"removed": "cancelled"}

    shut = State(initial=True)
    class open(State.Compound):
        ajar = State(initial=True)
        wide = State()
        push = ajar.to(wide)
        pull = wide.to(ajar)
    removed = State(final=True)

    close = open.to(shut)
    remove = shut.to(removed) | open.to(removed)
    open_ = shut.to(open, event="open")
"""
SMALL = "machine: m\nchart:\n  states:\n    a: {transitions: [{event: go, target: b}]}\n    b: {final: true}\n"


def _facts(machine: Machine) -> dict[str, object]:
    chart = machine.chart
    return {
        "name": machine.name,
        "version": machine.version,
        "starts_on": machine.starts_on,
        "attributes": machine.attributes,
        "export": machine.export,
        "trace": machine.trace,
        "events": machine.events,
        "deadlines": machine.deadlines,
        "outcomes": machine.outcomes,
        "paths": list(chart.paths.items()),
        "order": list(chart.order.items()),
        "final": chart.final,
        "top_final": chart.top_final,
        "depends_on_data": chart.depends_on_data,
        "reusable": chart.reusable,
    }


def test_the_yaml_form_gives_every_fact() -> None:
    assert _facts(read_document(YAML, "yaml", "door.yaml")) == {
        "name": "door",
        "version": 3,
        "starts_on": ("com.example.door.installed",),
        "attributes": ("house", "floor"),
        "export": "progressive",
        "trace": "continue",
        "events": {"com.example.door.slammed": "close"},
        "deadlines": {"open.wide": Deadline(300 * 10**9, "close"), "door": Deadline(7 * 86_400 * 10**9, "remove")},
        "outcomes": {"removed": "cancelled"},
        "paths": [
            ("shut", "shut"),
            ("open", "open"),
            ("ajar", "open.ajar"),
            ("wide", "open.wide"),
            ("removed", "removed"),
        ],
        "order": [("shut", 0), ("open", 1), ("ajar", 2), ("wide", 3), ("removed", 4)],
        "final": frozenset({"removed"}),
        "top_final": frozenset({"removed"}),
        "depends_on_data": False,
        "reusable": True,
    }


@pytest.mark.parametrize(("text", "form"), [(JSON, "json"), (SCXML, "scxml")])
def test_the_other_document_forms_load_to_the_same_facts(text: str, form: Form) -> None:
    assert _facts(read_document(text, form, "x")) == _facts(read_document(YAML, "yaml", "x"))


def test_the_python_form_loads_to_the_same_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "door_in_python.py").write_text(PYTHON)
    monkeypatch.syspath_prepend(str(tmp_path))
    reading = examine_class("door_in_python:Door")
    assert reading.problems == []
    assert reading.machine is not None
    assert _facts(reading.machine) == _facts(read_document(YAML, "yaml", "x"))
    assert reading.machine.origin == "door_in_python:Door"


def test_what_is_left_out_has_its_default() -> None:
    machine = read_document(SMALL, "yaml", "m.yaml")
    assert (machine.name, machine.version, machine.origin) == ("m", 1, "m.yaml")
    assert (machine.export, machine.trace) == ("complete", "own")
    assert machine.starts_on == machine.attributes == ()
    assert not machine.events
    assert not machine.deadlines
    assert not machine.outcomes


def test_scxml_without_facts_takes_its_name_from_the_chart() -> None:
    machine = read_document('<scxml name="x"><final id="a"/></scxml>', "scxml", "x.scxml")
    assert (machine.name, machine.version) == ("x", 1)


def test_yaml_words_of_other_dialects_stay_text() -> None:
    text = "machine: m\nchart:\n  states:\n    on: {transitions: [{event: off, target: yes}]}\n    yes: {final: true}\n"
    assert list(read_document(text, "yaml", "m").chart.paths) == ["on", "yes"]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_document(b"\xef\xbb\xbf" + SMALL.encode(), "yaml", "m").name == "m"
    assert read_document("\ufeff" + SMALL, "yaml", "m").name == "m"
