"""Events for machines that are not loaded: parked, and applied in order once the catalog has them."""

from machines.changes import Limits
from tests.support.folding import DOOR, Folding, make_machine

LIMITS = Limits(early_wait_ms=1_000, reorder_wait_ms=100, waiting=5)
TWO = DOOR.replace("machine: door", "machine: door\n    version: 2")
DUE = DOOR.replace(
    "outcomes:", "deadlines: {opened: {after: 10s, send: burn}, door: {after: 1h, send: burn}}\n    outcomes:"
)


def _types(folding: Folding) -> list[tuple[str, str]]:
    return [(record.event.type, record.result) for record in folding.journal()[1]]


def test_the_start_of_an_unknown_machine_is_parked_with_what_follows_it() -> None:
    folding = Folding(limits=LIMITS, stored=True)
    assert folding.send("com.x.built", machine="door") == "machine-not-loaded"
    assert folding.send("com.x.open", at=1) == "early"
    assert folding.send("com.x.close", at=2, machine="door") == "machine-not-loaded"
    folding.load(make_machine(DOOR))
    folding.release()
    assert _types(folding) == [("com.x.built", "applied"), ("com.x.open", "applied"), ("com.x.close", "applied")]
    assert folding.snapshot.waiting == 0


def test_what_follows_a_parked_start_waits_as_long_as_the_start() -> None:
    folding = Folding(limits=LIMITS)
    folding.send("com.x.built", machine="door")
    folding.send("com.x.open", at=1)
    assert folding.workflow.expires_ms(LIMITS) is None
    folding.expire(10**9)
    assert folding.dead == []
    folding.load(make_machine(DOOR))
    folding.release()
    assert folding.states == ["opened"]


def test_parked_events_go_on_before_the_event_that_comes_next() -> None:
    folding = Folding(limits=LIMITS)
    folding.send("com.x.built", machine="door")
    folding.load(make_machine(DOOR))
    assert folding.send("com.x.open", at=1) == "applied"
    assert _types(folding) == [("com.x.built", "applied"), ("com.x.open", "applied")]


def test_only_so_many_events_are_parked() -> None:
    folding = Folding(limits=LIMITS)
    results = [folding.send("com.x.open", machine="door", at=number) for number in range(6)]
    assert results == ["machine-not-loaded"] * 5 + ["dead"]
    assert [(dead.reason, dead.field) for dead in folding.dead] == [("machine-not-loaded", "subject")]


def test_a_running_workflow_waits_for_its_own_version() -> None:
    folding = Folding(make_machine(DOOR), limits=LIMITS, stored=True)
    folding.send("com.x.built")
    folding.load(make_machine(TWO))
    assert folding.send("com.x.open", at=1) == "machine-not-loaded"
    assert folding.send("com.x.close", at=2) == "machine-not-loaded"
    folding.expire(10**9)
    assert (folding.dead, folding.snapshot.entries) == ([], 2)
    folding.load(make_machine(TWO), make_machine(DOOR))
    folding.release()
    assert _types(folding)[1:] == [("com.x.open", "applied"), ("com.x.close", "applied")]
    assert folding.journal()[0].version == 1


def test_a_gap_is_not_passed_while_the_version_is_missing() -> None:
    folding = Folding(make_machine(DOOR), limits=LIMITS, stored=True)
    folding.send("com.x.built", sequence=1)
    folding.send("com.x.open", at=2, sequence=3)
    folding.load(make_machine(TWO))
    folding.expire(10_000)
    assert folding.waiting == [("com.x.open", "machine-not-loaded")]
    folding.load(make_machine(DOOR))
    folding.release()
    assert folding.waiting == [("com.x.open", "out-of-sequence")]
    assert folding.workflow.expires_ms(LIMITS) == 10_100, "it waits for its number since the machine is back"
    folding.expire(10_100)
    assert folding.last().reason == "sequence 2 never came"


def test_a_deadline_that_was_parked_fires_only_where_its_state_is_still_active() -> None:
    folding = Folding(make_machine(DUE), limits=LIMITS, stored=True)
    folding.send("com.x.built")
    folding.send("com.x.open", at=1)
    folding.load()
    folding.send("com.x.close", at=5)
    assert folding.fire() == "machine-not-loaded"
    folding.load(make_machine(DUE))
    folding.release()
    assert folding.states == ["closed"]
    assert _types(folding)[-1] == ("com.x.close", "applied")


def test_a_deadline_that_was_parked_fires_when_the_machine_is_back() -> None:
    folding = Folding(make_machine(DUE), limits=LIMITS, stored=True)
    folding.send("com.x.built")
    folding.send("com.x.open", at=1)
    folding.load()
    for number in range(5):
        folding.send("com.x.nonsense", at=number)
    assert folding.fire() == "machine-not-loaded", "a deadline is never one too many"
    assert folding.fire() == "duplicate"
    folding.load(make_machine(DUE))
    folding.release()
    assert folding.snapshot.status == "error"
    assert _types(folding)[-1] == ("longspan.deadline", "applied")


def test_a_waiting_event_that_two_machines_start_on_by_now_is_a_dead_letter() -> None:
    folding = Folding(limits=LIMITS)
    folding.send("com.x.built")
    folding.load(make_machine(DOOR), make_machine(DOOR.replace("machine: door", "machine: gate")))
    assert folding.send("com.x.built", at=1, machine="door") == "applied"
    assert [dead.reason for dead in folding.dead] == ["ambiguous-machine"]
    assert folding.waiting == []
