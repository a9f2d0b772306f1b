"""Moving a running workflow to another version of its machine: where it stands must exist there, whole."""

import msgspec
import pytest

from machines.events import REDRIVE
from machines.snapshot import Situation, decode_snapshot, encode_snapshot
from machines.succession import MisfitError, move
from tests.support.folding import SECOND_NS, START_NS, Folding, make_event, make_machine

ONE = """
    machine: job
    starts_on: [com.x.started]
    deadlines: {job: {after: 1h, send: stop}, work: {after: 10s, send: stop}, "work.load": {after: 5s, send: stop}}
    chart:
      datamodel: {count: "0"}
      states:
        work:
          states:
            load: {initial: true, transitions: [{event: next, target: check}]}
            check: {transitions: [{event: next, target: load}]}
          history: {latest: {}}
          transitions: [{event: pause, target: paused}, {event: split, target: both}, {event: stop, target: ended}]
        paused: {transitions: [{event: resume, target: latest}, {event: stop, target: ended}]}
        both:
          parallel: true
          states:
            left:
              states: {go: {initial: true, transitions: [{event: l, target: done}]}, done: {final: true}}
              transitions: [{event: swap, target: right}]
            right: {states: {go: {initial: true, transitions: [{event: r, target: done}]}, done: {final: true}}}
          transitions: [{event: stop, target: ended}]
        ended: {final: true}
"""
TWO = ONE.replace("machine: job", "machine: job\n    version: 2")


def at(*events: str) -> Folding:
    """A job of version 1 after these events."""
    folding = Folding(make_machine(ONE), stored=True)
    folding.send("com.x.started")
    for number, event in enumerate(events, 1):
        assert folding.send(f"com.x.{event}", at=number) == "applied"
    return folding


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("events", [[], ["next"], ["next", "pause"], ["split"], ["split", "l"]])
def test_the_same_chart_takes_the_workflow_over_as_it_is(events: list[str], loaded: bool) -> None:
    snapshot = at(*events).snapshot
    before = decode_snapshot(encode_snapshot(snapshot))
    move(snapshot, make_machine(TWO), make_machine(ONE) if loaded else None)
    assert snapshot.version == 2
    snapshot.version = 1
    assert snapshot == before


@pytest.mark.parametrize("loaded", [True, False])
def test_states_are_found_by_path_though_their_ids_differ(loaded: bool) -> None:
    # A second `load` makes the library's ids of both unique: work__load.
    more = TWO.replace(
        "paused: {", "shop: {states: {load: {}}, transitions: [{event: stop, target: ended}]}\n        paused: {"
    )
    more = more.replace("{event: split,", "{event: shop, target: shop}, {event: split,")
    snapshot = at().snapshot
    assert snapshot.situation.configuration == ("work", "load")
    move(snapshot, make_machine(more), make_machine(ONE) if loaded else None)
    assert snapshot.situation.configuration == ("work", "work__load")
    assert set(snapshot.states) == {"work", "work.load"}
    move(snapshot, make_machine(ONE), make_machine(more) if loaded else None)
    assert snapshot.situation.configuration == ("work", "load")


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize(
    ("events", "old", "new", "fault"),
    [
        (["next"], "check", "verify", "has no state work.check"),
        (["pause"], "paused", "resting", "has no state paused"),
        ([], "load: {initial: true, transitions:", "load: {initial: true, states: {deep: {}}, transitions:",
         "has states inside work.load of which one must be active, and none is"),
        (["split"], "right: {states", "middle: {}\n            right: {states",
         "has a region both.middle, which is not active"),
        (["split", "l"], "both:\n          parallel: true", "both:",
         "has states inside both of which one must be active, and 2 is"),
        (["split", "l"], "[{event: l, target: done}]}, done: {final: true}", "[{event: l, target: done}]}, done: {}",
         "has both.left.done as another kind of state"),
        (["next", "pause"], "history: {latest", "history: {last", "has no history state latest"),
        ([], 'datamodel: {count: "0"}', 'datamodel: {count: "0", total: "0"}',
         "has a variable total, for which the workflow has no value"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_and_nothing_moves(
    events: list[str], old: str, new: str, fault: str, loaded: bool
) -> None:
    assert old in TWO
    text = TWO.replace(old, new).replace("target: check", f"target: {new}" if old == "check" else "target: check")
    text = text.replace("target: paused", f"target: {new}" if old == "paused" else "target: paused")
    text = text.replace("target: latest", "target: last" if "last" in new else "target: latest")
    folding = at(*events)
    before = encode_snapshot(folding.snapshot)
    with pytest.raises(MisfitError, match=f"^job version 2 {fault}"):
        move(folding.snapshot, make_machine(text), make_machine(ONE) if loaded else None)
    assert encode_snapshot(folding.snapshot) == before


def test_deadlines_stay_as_they_were_set_but_for_those_that_the_version_does_not_have() -> None:
    snapshot = at().snapshot
    later = TWO.replace("after: 10s", "after: 20s").replace(', "work.load": {after: 5s, send: stop}', "")
    move(snapshot, make_machine(later), None)
    assert snapshot.deadlines == {"job": START_NS + 3_600 * SECOND_NS, "work": START_NS + 10 * SECOND_NS}


def test_a_deadline_that_only_the_new_version_has_is_set_when_its_state_is_entered_the_next_time() -> None:
    folding = at()
    more = make_machine(
        TWO.replace("{job:", '{"work.check": {after: 7s, send: stop}, paused: {after: 8s, send: stop}, job:')
    )
    folding.send("com.x.next", at=1)
    folding.load(more)
    move(folding.snapshot, more, None)
    assert "work.check" not in folding.snapshot.deadlines
    folding.send("com.x.pause", at=2)
    assert folding.snapshot.deadlines["paused"] == START_NS + 10 * SECOND_NS


def test_a_misfit_is_the_reason_of_the_rejected_record() -> None:
    folding = at("pause")
    folding.load(make_machine(ONE), make_machine(TWO.replace("paused", "resting")))
    event = msgspec.structs.replace(make_event("com.x.resume", at=9), extensions={REDRIVE: "2"})
    assert folding.receive(event) == "rejected"
    assert (folding.last().reason, folding.last().version) == ("job version 2 has no state paused", None)
    assert folding.snapshot.version == 1


def test_history_that_points_to_a_state_that_is_gone_does_not_fit() -> None:
    snapshot = at("next", "pause").snapshot
    assert snapshot.situation.history == {"latest": ["check"]}
    gone = TWO.replace("check", "verify")
    with pytest.raises(MisfitError, match=r"has no state (work\.)?check"):
        move(snapshot, make_machine(gone), None)


def test_an_active_state_whose_surroundings_are_not_active_does_not_fit() -> None:
    snapshot = at().snapshot
    snapshot.situation = Situation(("load",))
    snapshot.states = {"work.load": 0}
    with pytest.raises(MisfitError, match="must be active, and none is"):
        move(snapshot, make_machine(TWO), make_machine(ONE))
