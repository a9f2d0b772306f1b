"""The SCXML form: what is refused, and on which line."""

import pytest

from machines.documents import read_document
from machines.interpreter import Interpreter
from machines.scxml import SCXML_NAMESPACE
from tests.support.examination import told_problems

INCIDENT = """<?xml version="1.0"?>
<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:longspan="urn:longspan:machine" version="1.0" initial="triage">
  <longspan:machine>
    machine: incident
    version: 2
    deadlines:
      incident: {after: 7d, send: expire}
    outcomes: {abandoned: cancelled}
  </longspan:machine>
  <datamodel><data id="n" expr="0"/></datamodel>
  <state id="triage">
    <transition event="accepted" target="handling"/>
    <transition event="expire" target="abandoned"/>
  </state>
  <state id="handling" initial="investigating">
    <transition event="hold" target="on_hold"/>
    <history id="where_it_was"><transition target="investigating"/></history>
    <state id="investigating">
      <transition event="found" target="mitigating" cond="data.ok &amp;&amp; n &lt; 3"/>
    </state>
    <state id="mitigating"><transition event="fixed" target="closed"/></state>
  </state>
  <state id="on_hold"><transition event="resume" target="where_it_was"/></state>
  <final id="closed"/>
  <final id="abandoned"/>
</scxml>
"""


def test_history_brings_a_workflow_back_to_where_it_was() -> None:
    machine = read_document(INCIDENT, "scxml", "m.scxml")
    interpreter = Interpreter(machine.chart)
    answer = interpreter.start({}, {})
    for event in ("accepted", "found", "hold", "resume"):
        answer = interpreter.send(answer.situation, event, {"ok": True}, {})
    assert set(answer.situation.configuration) == {"handling", "mitigating"}
    assert answer.steps == ("-on_hold", "+handling", "+handling.mitigating")


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        (
            "version: 2",
            "version: two\n    foo: 1",
            ["5: version must be a whole number, not 'two'", "6: unknown key 'foo'"],
        ),
        ("{abandoned: cancelled}", "{gone: ok}", ["8: there is no state 'gone'"]),
        ("send: expire}", "send: expired}", ["7: no state takes the event 'expired'; did you mean 'expire'?"]),
        ("version: 2", "chart: 2", ["5: the chart is the SCXML document: leave `chart` out here"]),
        ("version: 2", "- x", ["5: this is not YAML: while parsing a block mapping, did not find expected key"]),
        (
            '<transition event="fixed"',
            '<transitoin event="fixed"',
            ["21: <transitoin> cannot stand in <state>; did you mean 'transition'?"],
        ),
        (
            'event="fixed" target',
            'event="fixed" tarrget',
            ["21: <transition> has no attribute 'tarrget'; did you mean 'target'?"],
        ),
        ('<final id="closed"/>', "<final/>", ["24: <final> has no 'id'"]),
        ('id="closed"', 'id="triage"', ["24: the id 'triage' is already taken in line 11"]),
        ('target="closed"', 'target="cloosed"', ["21: there is no state 'cloosed' to go to; did you mean 'closed'?"]),
        ('initial="triage"', 'initial="triag"', ["2: there is no state 'triag' to begin with"]),
        (
            "n &lt; 3",
            "m &lt; 3",
            ["19: 'data.ok and m < 3': m is not known; there are data, attributes, _event and the datamodel"],
        ),
        (
            '<state id="triage">',
            '<state id="triage"><invoke type="x"/>',
            ["11: invoke starts another process: let its events come in, or make it a workflow with `parent`"],
        ),
        (
            '<state id="triage">',
            '<state id="triage"><onentry><script>x</script></onentry>',
            ["11: script runs code: use assign, if and foreach"],
        ),
        (
            '<state id="triage">',
            '<state id="triage"><onentry><send event="x" delay="5s"/></onentry>',
            ["11: send with a delay lives in one worker's memory: use deadlines"],
        ),
        ('<state id="triage">', '<state id="triage"><onentry><raise/></onentry>', ["11: <raise> has no 'event'"]),
        (
            '<final id="closed"/>',
            '<x:final xmlns:x="urn:x" id="closed"/>',
            ["24: <urn:x final> cannot stand in <scxml>; did you mean 'final'?"],
        ),
        ('<final id="closed"/>', '<final id="closed"/><longspan:machine/>', ["24: <longspan:machine> occurs twice"]),
        (
            '<final id="abandoned"/>\n',
            "",
            ["8: there is no state 'abandoned'", "13: there is no state 'abandoned' to go to"],
        ),
        ("</state>", "</stat>", ["14: this is not XML: mismatched tag"]),
        ('<?xml version="1.0"?>', '<!DOCTYPE x [<!ENTITY a "b">]>', ["1: a document type (DOCTYPE) is not allowed"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, problems: list[str]) -> None:
    assert old in INCIDENT
    assert told_problems(INCIDENT.replace(old, new, 1), "scxml") == [f"m.scxml:{problem}" for problem in problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "m.scxml:1: this is not XML: no element found"),
        ("<html/>", "m.scxml:1: the document's element must be <scxml xmlns='" + SCXML_NAMESPACE + "'>, not <html>"),
        ('<scxml><final id="a"/></scxml>', "m.scxml:1: the machine has no name: give <scxml> the attribute name"),
        ("<a>" * 1000, "m.scxml:1: nested deeper than 64 levels"),
        (
            '<scxml xmlns="http://www.w3.org/2005/07/scxml" name="x"><machine/><final id="a"/></scxml>',
            "m.scxml:1: <machine> must be <longspan:machine xmlns:longspan='urn:longspan:machine'>",
        ),
    ],
)
def test_what_is_no_scxml_is_refused(text: str, problem: str) -> None:
    assert told_problems(text, "scxml") == [problem]


def test_a_start_inside_a_state_still_gets_its_variables() -> None:
    text = """<scxml name="x" initial="inner"><datamodel><data id="n" expr="5"/></datamodel>
      <state id="first"><transition event="go" target="end" cond="n == 5"/></state>
      <state id="outer"><transition event="go" target="first"/><state id="inner"/></state><final id="end"/></scxml>"""
    interpreter = Interpreter(read_document(text, "scxml", "x").chart)
    answer = interpreter.start({}, {})
    assert answer.situation.variables == {"n": 5}
    for _ in range(2):
        answer = interpreter.send(answer.situation, "go", {}, {})
    assert answer.finals == ("end",)
