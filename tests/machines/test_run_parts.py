"""When what a run has closed is sent: at its end, in parts where it is long, at once where it is progressive."""

from machines.changes import Limits
from tests.support.folding import DOOR, Folding, make_event, make_machine

PROGRESSIVE = DOOR.replace("outcomes:", "export: progressive\n    outcomes:")


def _open_and_close(folding: Folding, times: int, since: int = 1) -> None:
    for number in range(times):
        folding.send("com.x.close" if (number + since) % 2 == 0 else "com.x.open", at=number + since)


def test_a_complete_run_is_sent_at_its_end() -> None:
    folding = Folding(make_machine(DOOR))
    folding.send("com.x.built")
    _open_and_close(folding, 4)
    assert folding.exports == []
    folding.send("com.x.tear_down", at=9)
    assert folding.exports == [(1, 7, True)]


def test_late_and_later_events_send_nothing_more() -> None:
    folding = Folding(make_machine(DOOR))
    folding.send("com.x.built")
    folding.send("com.x.tear_down", at=1)
    folding.send("com.x.open", at=2)
    folding.send("com.x.built", at=3)
    assert folding.exports == [(1, 3, True)]
    folding.send("com.x.tear_down", at=4)
    assert folding.exports == [(1, 3, True), (2, 3, True)]


def test_a_run_that_has_closed_many_spans_is_sent_in_parts() -> None:
    folding = Folding(make_machine(DOOR), limits=Limits(part_spans=3), stored=True)
    folding.send("com.x.built")
    _open_and_close(folding, 2)
    assert (folding.exports, folding.snapshot.pending_spans) == ([], 2)
    _open_and_close(folding, 1, since=3)
    assert (folding.exports, folding.snapshot.pending_spans) == ([(1, 5, False)], 0)
    _open_and_close(folding, 3, since=4)
    folding.send("com.x.tear_down", at=8)
    assert folding.exports == [(1, 5, False), (1, 8, False), (1, 9, True)]


def test_a_run_with_a_long_journal_is_sent_in_parts() -> None:
    folding = Folding(make_machine(DOOR), limits=Limits(part_bytes=1_000), stored=True)
    folding.send("com.x.built")
    folding.send("com.x.open", at=1, data={"note": "x" * 1_000})
    assert folding.exports == [(1, 3, False)]
    assert folding.snapshot.pending_bytes == 0
    folding.send("com.x.nonsense", at=2, data={"note": "x" * 1_000})
    assert folding.exports == [(1, 3, False), (1, 4, False)], "rejected events are on the trace too"


def test_states_inside_others_count_as_spans_of_their_own() -> None:
    text = """
        machine: nested
        starts_on: [com.x.started]
        chart:
          states:
            a:
              transitions: [{event: go, target: z}, {event: again, target: a}]
              states: {b: {states: {c: {}}}}
            z: {final: true}
    """
    folding = Folding(make_machine(text))
    folding.send("com.x.started")
    folding.send("com.x.again", at=1)
    assert folding.snapshot.pending_spans == 3


def test_a_progressive_run_is_sent_with_every_commit_until_its_end() -> None:
    folding = Folding(make_machine(PROGRESSIVE))
    folding.send("com.x.built")
    folding.send("com.x.open", at=1)
    folding.send("com.x.open", at=1)
    folding.send("com.x.nonsense", at=2)
    folding.send("com.x.burn", at=3)
    folding.send("com.x.open", at=4)
    assert folding.exports == [(1, 2, False), (1, 3, False), (1, 4, False), (1, 5, True)]
    assert folding.snapshot.progressive


def test_runs_that_end_and_begin_in_one_commit_are_both_sent() -> None:
    folding = Folding(make_machine(PROGRESSIVE))
    for number, event in enumerate(["built", "tear_down", "built"]):
        event_at = make_event(f"com.x.{event}", at=number)
        folding.workflow.receive(folding.interpreters, folding.limits, event_at, 0)
    assert folding.workflow.take().exports == [(1, 3, True), (2, 2, False)]
    assert folding.workflow.take().exports == []


def test_a_part_can_be_sent_because_of_its_age() -> None:
    folding = Folding(make_machine(DOOR))
    folding.send("com.x.built")
    folding.send("com.x.open", at=1)
    folding.workflow.export_part()
    assert folding.workflow.take().exports == [(1, 3, False)]
    assert folding.snapshot.pending_spans == folding.snapshot.pending_bytes == 0
