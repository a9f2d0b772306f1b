"""How children join their parents: waiting for them, the place that they get, and when they stand alone."""

import msgspec

from machines.changes import Limits
from machines.family import stand_alone
from machines.messages import CHILD_ENDED, CHILD_STARTED
from machines.place import Place, Top
from tests.support.families import Families
from tests.support.folding import SECOND_NS, START_MS, START_NS, make_machine
from tests.support.shards import BATCH, MACHINES, family, start


def test_a_child_waits_for_its_parents_answer_and_is_told_its_place() -> None:
    families = family()
    assert families.send("s", "shard", at=2, parent="b") == "parent-not-started"
    assert families.snapshot("s").status == "waiting"
    assert families.snapshot("s").waiting == 1
    families.settle()
    top = Top("batch", "b", 1)
    place = Place("b", "batch", 1, "waiting", 1, 1, START_NS + SECOND_NS, top)
    snapshot = families.snapshot("s")
    assert (snapshot.status, snapshot.parent, snapshot.place) == ("running", "b", place)
    (first,) = families.journal("s")[1]
    assert (first.event.place, first.reason) == (place, None)
    assert families.told("b") == [("batch", "applied"), ("planned", "applied"), (CHILD_STARTED, "applied")]
    assert families.snapshot("b").children.started == 1
    assert not families.workflow("s").held


def test_what_comes_behind_a_child_that_waits_is_applied_in_its_order() -> None:
    families = family()
    assert families.send("s", "odd", at=1) == "early"
    families.send("s", "shard", at=2, parent="b")
    assert families.send("s", "shard", at=3) == "early"
    assert families.send("s", "shard", at=4, parent="elsewhere") == "early"
    families.settle()
    assert [told[0] for told in families.told("s")] == ["shard", "odd", "shard", "shard"]
    assert families.snapshot("s").place is not None
    assert [message.type for message in families.sent].count(CHILD_STARTED) == 1


def test_a_child_whose_parent_does_not_come_begins_alone_and_says_why() -> None:
    families = Families(*MACHINES, limits=Limits(parent_wait_ms=5_000))
    families.send("s", "shard", parent="b")
    families.settle()
    assert families.workflow("s").expires_ms(families.limits) == START_MS + 5_000
    families.pass_ms(4_999)
    assert families.snapshot("s").status == "waiting"
    families.pass_ms(1)
    why = "b did not answer within 5s (LONGSPAN_PARENT_WAIT)"
    assert families.snapshot("s").place == stand_alone("b", why)
    assert families.journal("s")[1][0].reason == why


def test_a_parent_that_comes_in_time_has_its_children_join() -> None:
    families = Families(*MACHINES)
    start(families, "s-1", "s-2")
    assert families.snapshot("b").status == "waiting"
    families.send("b", "batch", at=3)
    families.settle()
    for name in ("s-1", "s-2"):
        place = families.snapshot(name).place
        assert place is not None
        assert (place.state, place.visit, place.apart) == ("planning", 1, None)
    assert families.snapshot("b").children.started == 2


def test_early_events_do_not_run_out_while_their_start_waits_for_its_parent() -> None:
    families = Families(*MACHINES, limits=Limits(early_wait_ms=1_000, parent_wait_ms=5_000))
    families.send("s", "finish", at=1)
    families.send("s", "shard", parent="b")
    families.pass_ms(4_000)
    families.pass_ms(1_000)
    assert families.dead == []
    assert [told[0] for told in families.told("s")] == ["shard", "finish"]


def test_children_of_a_parent_that_is_not_there_when_too_many_wait_begin_at_once() -> None:
    families = Families(*MACHINES, limits=Limits(waiting=2))
    start(families, "s-1", "s-2", "s-3")
    places = [families.snapshot(name).place for name in ("s-1", "s-2", "s-3")]
    apart = [place.apart for place in places if place is not None]
    assert apart == ["too many events wait for b (LONGSPAN_WAITING_LIMIT)"]
    assert families.dead == []


def test_a_message_for_a_parent_that_never_came_is_let_go_in_silence() -> None:
    families = Families(*MACHINES, limits=Limits(early_wait_ms=2_000, parent_wait_ms=1_000))
    start(families, "s")
    families.pass_ms(1_000)
    families.send("s", "finish", at=3)
    families.settle()
    assert families.snapshot("b").waiting == 2
    families.pass_ms(2_000)
    families.settle()
    assert (families.dead, families.snapshot("b").waiting) == ([], 0)
    assert families.snapshot("s").status == "ok"


def test_a_start_that_is_its_own_parent_begins_alone() -> None:
    families = Families(*MACHINES)
    families.send("s", "shard", parent="s")
    assert families.journal("s")[1][0].reason == "a workflow is no part of itself"
    assert families.snapshot("s").place == stand_alone("s", "a workflow is no part of itself")


def test_two_that_are_each_others_parents_both_begin_alone() -> None:
    families = Families(*MACHINES)
    families.send("s-1", "shard", parent="s-2")
    families.send("s-2", "shard", parent="s-1")
    families.settle()
    families.pass_ms(30_000)
    families.settle()
    assert [families.snapshot(name).status for name in ("s-1", "s-2")] == ["running", "running"]
    families.send("s-1", "timeout", at=5)
    families.settle()
    assert families.snapshot("s-2").status == "running", "it never heard of its parent's run"


def test_a_child_that_comes_after_its_parents_end_stands_alone_and_knows_its_parent() -> None:
    families = family()
    families.send("b", "fail", at=5)
    families.send("s", "shard", at=6, parent="b")
    families.settle()
    place = families.snapshot("s").place
    assert place == Place("b", "batch", 1, "", 0, 1, START_NS, Top("batch", "b", 1), "b had ended with error")
    assert families.told("b")[-1] == (CHILD_STARTED, "late")
    families.send("s", "finish", at=7)
    families.settle()
    assert (families.carried, [export[0] for export in families.exports]) == ([], ["b", "s"])


def test_a_child_that_is_told_after_its_parents_end_but_began_before_is_in_its_trace_and_sent_by_itself() -> None:
    families = family()
    families.send("b", "fail", at=5)
    families.send("s", "shard", at=4, parent="b")
    families.settle()
    assert families.snapshot("s").place == Place("b", "batch", 1, "", 0, 1, START_NS, Top("batch", "b", 1))
    families.send("s", "finish", at=7)
    families.settle()
    assert [families.told("b")[place] for place in (-2, -1)] == [(CHILD_STARTED, "late"), (CHILD_ENDED, "late")]
    assert [export[0] for export in families.exports] == ["b", "s"]


def test_beyond_their_limit_children_stand_alone_and_both_sides_say_so() -> None:
    families = family(limits=Limits(children=2), shards=3)
    start(families, "s-1", "s-2", "s-3")
    why = "b has 2 children in its trace, the most by LONGSPAN_CHILDREN_LIMIT"
    places = [families.snapshot(f"s-{number}").place for number in (1, 2, 3)]
    assert sorted(str(place.apart) for place in places if place) == sorted(["None", "None", why])
    reasons = [record.reason for record in families.journal("b")[1] if record.event.type == CHILD_STARTED]
    assert reasons == [None, None, why]
    children = families.snapshot("b").children
    assert (children.started, children.apart) == (3, 1)


def test_deeper_than_the_limit_a_child_stands_alone() -> None:
    families = Families(*MACHINES, limits=Limits(depth=2))
    families.send("l-0", "shard")
    for level in range(1, 5):
        families.send(f"l-{level}", "shard", at=level, parent=f"l-{level - 1}")
        families.settle()
    places = [families.snapshot(f"l-{level}").place for level in range(1, 5)]
    assert [(place.depth, place.top.id, place.apart is None) for place in places if place] == [
        (1, "l-0", True),
        (2, "l-0", True),
        (3, "l-0", False),
        (1, "l-3", True),
    ]
    assert places[2] is not None
    assert places[2].apart == "it is 3 levels below l-0, more than LONGSPAN_CHILDREN_DEPTH, 2"


def test_a_place_begins_no_earlier_than_what_it_lies_in() -> None:
    families = family()
    families.send("s", "shard", at=-5, parent="b")
    families.settle()
    families.send("t", "shard", at=-5, parent="s")
    families.settle()
    place = families.snapshot("t").place
    assert place is not None
    assert (place.state, place.not_before_ns) == ("running", START_NS + SECOND_NS)


def test_the_caller_of_a_machine_that_continues_traces_is_kept_for_its_children() -> None:
    batch = make_machine(BATCH.replace("starts_on", "trace: continue\n    starts_on"))
    families = Families(batch, MACHINES[1])
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    families.send("b", "batch")
    families.snapshot("b").caller = traceparent, "x=y"
    start(families, "s-1")
    place = families.snapshot("s-1").place
    assert place is not None
    assert place.top == Top("batch", "b", 1, traceparent, "x=y")


def test_children_of_a_run_that_began_before_visits_were_counted_lie_in_its_workflow_span() -> None:
    families = family()
    families.snapshot("b").visits = None
    start(families, "s-1")
    place = families.snapshot("s-1").place
    assert place is not None
    assert (place.state, place.visit, place.not_before_ns) == ("", 0, START_NS)


def test_a_producer_cannot_send_a_message() -> None:
    families = family()
    event = msgspec.structs.replace(
        families.journal("b")[1][0].event, id="forged", source="longspan", type=CHILD_STARTED, data="{}"
    )
    assert families.receive("b", event) == "rejected"
    assert families.snapshot("b").children.started == 0
