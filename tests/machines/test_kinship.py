"""The rules for families in each form of a machine, and what they are where the document says nothing."""

from typing import ClassVar

from statemachine import State

from machines.documents import read_document
from machines.machine import ChildrenRule
from machines.python_form import WorkflowChart, read_class
from tests.support.folding import make_machine

PLAIN = """
    machine: plain
    chart:
      states:
        a: {transitions: [{event: go, target: b}]}
        b: {final: true}
"""
SCXML = """
<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:longspan="urn:longspan:machine" name="batch">
  <longspan:machine>
    attributes: [shards]
    children:
      waiting: {wait_for: 3, expected: shards}
    parent_ended: {error: stop}
  </longspan:machine>
  <state id="waiting">
    <transition event="children.done" target="over"/>
    <transition event="stop" target="over"/>
  </state>
  <final id="over"/>
</scxml>
"""


class Batch(WorkflowChart[object]):
    """A parent in Python."""

    machine = "batch"
    attributes = ("shards",)
    children: ClassVar = {"waiting": {"wait_for": 3, "expected": "shards", "send": "gathered"}}
    parent_ended: ClassVar = {"error": "stop"}
    waiting = State(initial=True)
    over = State(final=True)
    gathered = waiting.to(over)
    stop = waiting.to(over)


def test_the_rules_are_read_from_scxml_and_from_code() -> None:
    told = read_document(SCXML, "scxml", "batch.scxml")
    assert told.children == {"waiting": ChildrenRule(3, "shards", "children.done")}
    assert told.parent_ended == {"error": "stop"}
    code = read_class(Batch)
    assert code.machine is not None, code.problems
    assert code.machine.children == {"waiting": ChildrenRule(3, "shards", "gathered")}
    assert code.machine.parent_ended == {"error": "stop"}


def test_where_a_document_says_nothing_a_time_out_reaches_down_to_charts_that_know_it() -> None:
    assert (make_machine(PLAIN).children, make_machine(PLAIN).parent_ended) == ({}, {})
    timed = PLAIN.replace("event: go", "event: timeout")
    assert make_machine(timed).parent_ended == {"timeout": "timeout"}
    assert make_machine(timed.replace("    chart:", "    parent_ended: {}\n    chart:")).parent_ended == {}


def test_the_counts_that_a_rule_waits_for_have_words() -> None:
    text = PLAIN.replace("    chart:", "    children: {a: {wait_for: WORD, send: go}}\n    chart:")
    rules = [make_machine(text.replace("WORD", word)).children["a"].wait_for for word in ("all", "first", "7")]
    assert rules == [None, 1, 7]
