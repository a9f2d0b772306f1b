"""Files folded anew: time is what the file tells, turns are those that were recorded, and memory ends."""

import msgspec

from machines.catalog import Catalog
from machines.changes import Limits
from machines.events import REDRIVE
from machines.history import History, Machines
from machines.machine import Machine
from machines.recorded_line import Line
from machines.recording import read_lines, write_run
from machines.refolding import Refolding
from tests.support.folding import START_NS, Folding, make_event, make_machine

JOB = """
    machine: job
    version: 1
    starts_on: [com.x.started]
    deadlines: {work: {after: 1h, send: stop}}
    outcomes: {stopped: timeout}
    chart:
      states:
        work:
          transitions: [{event: tick, target: pause}, {event: end, target: done}, {event: stop, target: stopped}]
        pause: {transitions: [{event: tick, target: work}, {event: end, target: done}]}
        done: {final: true}
        stopped: {final: true}
"""
TWO = JOB.replace("version: 1", "version: 2").replace("after: 1h", "after: 5s")


def recorded(folding: Folding) -> list[Line]:
    header, records = folding.journal()
    lines = list(read_lines(write_run(header, records)))
    assert all(isinstance(line, Line) for line in lines)
    return [line for line in lines if isinstance(line, Line)]


def fold(lines: list[Line], *machines: Machine, as_recorded: bool = True) -> History:
    refolding = Refolding([Machines(Catalog(machines), as_recorded=as_recorded)])
    for line in lines:
        refolding.feed(line)
    ((history,),) = refolding.finish()
    return history


def told(history: History) -> list[tuple[int, list[str], str | None]]:
    (run,) = history.runs
    return [(run.header.version, record.steps, record.outcome) for record in run.records]


def test_a_shorter_deadline_fires_between_the_arrivals_that_were_recorded() -> None:
    folding = Folding(make_machine(JOB))
    folding.arrive("com.x.started", 0)
    folding.arrive("com.x.end", 10)
    lines = recorded(folding)
    same = fold(lines, make_machine(JOB))
    assert (told(same)[-1], same.departures) == ((1, ["-work", "*done"], "ok"), 0)
    new = fold(lines, make_machine(TWO))
    assert [steps for _, steps, _ in told(new)] == [["+work"], ["-work", "*stopped"], []]
    assert new.departures == 1
    assert new.runs[0].records[1].event.time_ns == START_NS + 5 * 10**9


def test_a_run_takes_the_version_that_it_was_recorded_with_where_that_is_wanted() -> None:
    folding = Folding(make_machine(JOB))
    folding.arrive("com.x.started", 0)
    both = make_machine(JOB), make_machine(TWO)
    assert told(fold(recorded(folding), *both))[0][0] == 1
    assert told(fold(recorded(folding), *both, as_recorded=False))[0][0] == 2


def test_a_gap_that_was_waited_for_is_not_waited_for_again() -> None:
    folding = Folding(make_machine(JOB), limits=Limits(reorder_wait_ms=100))
    folding.send("com.x.started", sequence=1)
    folding.send("com.x.tick", at=1, sequence=5)
    folding.expire(folding.now_ms + 1_000)
    folding.send("com.x.end", at=2, sequence=6)
    assert "never came" in (folding.journal()[1][1].reason or "")
    history = fold(recorded(folding), make_machine(JOB))
    assert history.departures == 0
    again = [(record.steps, record.reason) for record in history.runs[0].records]
    assert again == [(record.steps, record.reason) for record in folding.journal()[1]]


def test_an_event_that_was_redriven_is_taken_once_by_machines_that_take_it_at_first() -> None:
    folding = Folding(make_machine(JOB))
    folding.send("com.x.started")
    folding.send("com.x.pause", at=1)
    two = make_machine(TWO.replace("event: tick, target: pause", "event: pause, target: pause"))
    folding.load(make_machine(JOB), two)
    redriven = msgspec.structs.replace(make_event("com.x.pause", at=1), extensions={REDRIVE: "2"})
    assert folding.receive(redriven) == "applied"
    lines = recorded(folding)
    assert fold(lines, make_machine(JOB), two).departures == 0
    new = fold(lines, two, as_recorded=False)
    assert [steps for _, steps, _ in told(new)] == [["+work"], ["-work", "+pause"]]


def plain(subject: str, name: str, at: float) -> Line:
    event = make_event(f"com.x.{name}", at=at, id=f"{subject}-{at}")
    return Line(1, msgspec.structs.replace(event, subject=subject, position=""))


def test_deadlines_fire_until_the_latest_time_that_the_file_tells() -> None:
    refolding = Refolding([Machines(Catalog([make_machine(TWO)]))])
    for line in (plain("a", "started", 0), plain("b", "started", 5), plain("c", "started", 4)):
        refolding.feed(line)
    ended = {history.subject: history.runs[0].ended for (history,) in refolding.finish()}
    assert ended == {"a": True, "b": False, "c": False}


def test_workflows_that_have_ended_are_forgotten_and_what_comes_for_them_is_told() -> None:
    refolding = Refolding([Machines(Catalog([make_machine(JOB)]))], kept=1)
    gone: list[str] = []
    for subject in ("a", "b", "c"):
        refolding.feed(plain(subject, "started", 0))
        (history,) = refolding.feed(plain(subject, "end", 1))
        assert [run.ended for run in history.take_ended()] == [True]
        gone += [history.subject for (history,) in refolding.let_go()]
    assert gone == ["a", "b"]
    refolding.feed(plain("a", "tick", 2))
    refolding.feed(plain("c", "tick", 2))
    left = {history.subject: history for (history,) in refolding.finish()}
    assert [dead.reason for dead in left["a"].dead] == ["early"]
    assert (left["c"].dead, left["c"].late) == ([], 1)
