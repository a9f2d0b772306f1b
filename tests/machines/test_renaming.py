"""Renamed events and states: old names mean the new ones, for charts, for running workflows, and in what is refused."""

import json
from pathlib import Path

import msgspec
import pytest

from machines.catalog import load_catalog
from machines.events import REDRIVE
from machines.problems import MachineDocumentError
from spans.plan import plan
from tests.support.folding import Folding, make_event, make_machine

ONE = """
    machine: job
    starts_on: [com.x.begun]
    deadlines: {work.load: {after: 1h, send: stop}}
    chart:
      states:
        work:
          transitions: [{event: stop, target: ended}]
          states:
            load: {initial: true, transitions: [{event: loaded, target: check}]}
            check: {transitions: [{event: checked, target: ended}]}
        ended: {final: true}
"""
RENAMED = (
    "renamed: {events: {com.x.begun: com.x.started, loaded: read}, states: {work: labour, work.load: labour.read}}"
)
TWO = """
    machine: job
    version: 2
    starts_on: [com.x.started]
    deadlines: {labour.read: {after: 1h, send: stop}}
    %s
    chart:
      states:
        labour:
          transitions: [{event: stop, target: ended}]
          states:
            read: {initial: true, transitions: [{event: read, target: check}]}
            check: {transitions: [{event: checked, target: ended}, {event: sealed, target: ended}]}
        ended: {final: true}
"""


def test_events_of_the_old_names_do_what_the_new_ones_do() -> None:
    folding = Folding(make_machine(TWO % RENAMED))
    assert folding.send("com.x.begun") == "applied"
    assert folding.send("com.x.loaded", at=1) == "applied"
    assert folding.states == ["labour", "labour.check"]
    assert folding.last().event.type == "com.x.loaded", "the journal keeps what came"


@pytest.mark.parametrize("loaded", [True, False])
def test_a_redriven_workflow_moves_into_the_renamed_states(loaded: bool) -> None:
    folding = Folding(make_machine(ONE), stored=True)
    folding.send("com.x.begun")
    due = folding.snapshot.deadlines["work.load"]
    assert folding.send("com.x.read", at=1) == "rejected"
    folding.load(make_machine(TWO % RENAMED), *[make_machine(ONE)] * loaded)
    redriven = msgspec.structs.replace(make_event("com.x.paint", at=2), extensions={REDRIVE: "2"})
    assert folding.receive(redriven) == "rejected"
    assert folding.states == ["labour", "labour.read"]
    assert folding.snapshot.deadlines == {"labour.read": due}
    assert folding.last().steps == ["-work.load", "-work", "+labour", "+labour.read"]
    folding.send("com.x.loaded", at=3)
    folding.send("com.x.sealed", at=4)
    header, records = folding.journal()
    spans = plan("test", "wf-1", header, records).spans
    assert [span.path for span in spans] == ["work.load", "work", "labour.read", "labour.check", "labour", ""]


@pytest.mark.parametrize(
    ("renamed", "said"),
    [
        ("{states: {work: labor}}", "test.yaml:6: there is no state 'labor'; did you mean 'labour'?"),
        ("{states: {labour.check: labour.read}}", "test.yaml:6: there still is a state 'labour.check'"),
        ("{events: {loaded: reed}}", "test.yaml:6: no state takes the event 'reed'; did you mean 'read'?"),
        ("{events: {checked: read}}", "test.yaml:6: 'checked' is an event of this machine"),
        ("{events: {com.x.started: read}}", "test.yaml:6: 'com.x.started' is an event of this machine"),
        ("{events: {a: b, b: read}}", "test.yaml:6: 'b' is renamed itself"),
        ("{event: {a: read}}", "test.yaml:6: unknown key 'event' in renamed; did you mean 'events'?"),
        ("{states: [work]}", "test.yaml:6: renamed.states must be a mapping"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(renamed: str, said: str) -> None:
    with pytest.raises(MachineDocumentError) as refused:
        make_machine(TWO % f"renamed: {renamed}")
    assert said in str(refused.value)


CLASS = """
from statemachine import State
from machines.python_form import WorkflowChart

class Job(WorkflowChart):
    machine = "job"
    renamed = {"events": {"loaded": "read"}}
    a = State(initial=True)
    b = State(final=True)
    read = a.to(b)
"""
SCXML = """<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:longspan="urn:longspan:machine" name="job" initial="a">
<longspan:machine>renamed: {events: {loaded: read}}</longspan:machine>
<state id="a"><transition event="read" target="b"/></state><final id="b"/></scxml>"""
CHART = {"states": {"a": {"transitions": [{"event": "read", "target": "b"}]}, "b": {"final": True}}}


@pytest.mark.parametrize("form", ["json", "scxml", "python"])
def test_every_form_can_say_it(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(tmp_path / f"job.{form}")
    if form == "python":
        (tmp_path / "job_of_renaming.py").write_text(CLASS)
        monkeypatch.syspath_prepend(str(tmp_path))
        source = "job_of_renaming:Job"
    else:
        document = json.dumps({"machine": "job", "renamed": {"events": {"loaded": "read"}}, "chart": CHART})
        Path(source).write_text(SCXML if form == "scxml" else document)
    (machine,) = load_catalog([source])
    assert machine.renamed_events == {"loaded": "read"}
    assert machine.chart_event("com.x.loaded") == "read"
