"""Parents that count their children and wait for them, and what either does when the other ends."""

import pytest

from tests.support.families import Families
from tests.support.folding import SECOND_NS, START_NS, make_machine
from tests.support.shards import BATCH, MACHINES, SHARD, family, start


def test_children_are_counted_by_how_they_ended_and_all_of_them_move_the_parent_on() -> None:
    families = family()
    start(families, "s-1", "s-2")
    families.send("s-1", "finish", at=5)
    families.settle()
    assert families.snapshot("b").status == "running"
    families.send("s-2", "fail", at=6)
    families.settle()
    children = families.snapshot("b").children
    assert (children.started, children.ok, children.error) == (2, 1, 1)
    done = families.journal("b")[1][-1]
    assert (done.event.type, done.event.id) == ("longspan.children.done", "children.done:1.1:waiting")
    assert done.event.data == '{"children":{"started":2,"ok":1,"error":1,"timeout":0,"cancelled":0}}'
    assert (done.steps, done.outcome) == (["-waiting", "*broken"], "error")
    assert done.event.time_ns == START_NS + 6 * SECOND_NS


@pytest.mark.parametrize(
    ("rule", "needed"),
    [("{}", 3), ("{wait_for: first}", 1), ("{wait_for: 2}", 2), ("{wait_for: 5, expected: shards}", 3)],
)
def test_a_rule_waits_for_all_the_first_or_a_number(rule: str, needed: int) -> None:
    batch = make_machine(BATCH.replace("{expected: shards}", rule))
    families = Families(batch, make_machine(SHARD))
    families.send("b", "batch", data={"shards": 3})
    families.send("b", "planned", at=1)
    start(families, "s-1", "s-2", "s-3")
    for number in range(1, needed + 1):
        assert families.snapshot("b").status == "running"
        families.send(f"s-{number}", "finish", at=4)
        families.settle()
    assert families.snapshot("b").status == "ok"


def test_no_children_at_all_are_done_only_where_none_were_expected() -> None:
    assert family(shards=0).snapshot("b").done == {"waiting": 1}
    families = family(shards=0)
    families.settle()
    assert families.snapshot("b").status == "ok"
    unsaid = Families(make_machine(BATCH.replace("{expected: shards}", "{}")), make_machine(SHARD))
    unsaid.send("b", "batch")
    unsaid.send("b", "planned")
    unsaid.settle()
    assert unsaid.snapshot("b").status == "running"


def test_each_visit_is_told_once_that_its_children_are_done() -> None:
    text = BATCH.replace("target: finished, cond: data.children.error == 0", "target: planning")
    families = Families(
        make_machine(text.replace("event: fail, target: broken", "event: fail, target: finished")), MACHINES[1]
    )
    families.send("b", "batch", data={"shards": 1})
    families.send("b", "planned", at=1)
    start(families, "s-1")
    families.send("s-1", "finish", at=3)
    families.settle()
    families.send("b", "planned", at=5)
    families.settle()
    start(families, "s-2")
    families.send("s-2", "finish", at=6)
    families.settle()
    told = [record.event.id for record in families.journal("b")[1] if record.event.type == "longspan.children.done"]
    assert told == ["children.done:1.1:waiting", "children.done:1.2:waiting"]


def test_that_children_are_done_is_nothing_to_a_state_that_was_left_meanwhile() -> None:
    families = family(shards=1)
    start(families, "s-1")
    families.send("s-1", "finish", at=3)
    while families.snapshot("b").children.ok == 0:
        families.deliver_one()
    families.send("b", "again", at=4)
    before = families.told("b")
    families.settle()
    assert families.told("b") == before


def test_a_rule_of_the_machine_holds_for_the_whole_run() -> None:
    text = BATCH.replace("waiting: {expected: shards}", "batch: {wait_for: first}")
    families = Families(make_machine(text), make_machine(SHARD))
    families.send("b", "batch")
    start(families, "s")
    families.send("s", "finish", at=3)
    families.settle()
    assert families.journal("b")[1][-1].reason == "no transition for 'children.done' in planning"


def test_a_time_out_reaches_down_to_open_children_and_nothing_else_does() -> None:
    for event, status in (("overran", "timeout"), ("fail", "running")):
        families = family()
        start(families, "s-1", "s-2")
        families.send("s-2", "finish", at=3)
        families.settle()
        families.send("b", event, at=7)
        families.settle()
        assert [families.snapshot(name).status for name in ("s-1", "s-2")] == [status, "ok"]
    families = family()
    start(families, "s-1")
    families.send("b", "overran", at=7)
    families.settle()
    last = families.journal("s-1")[1][-1]
    assert (last.event.type, last.outcome) == ("longspan.parent.ended", "timeout")
    assert families.snapshot("s-1").reason == "b ended with timeout: com.x.overran led to overrun"
    assert families.told("b")[-1] == ("longspan.child.ended", "late")


def test_a_machine_says_what_the_end_of_a_parent_means() -> None:
    shard = make_machine(SHARD.replace("    chart:", "    parent_ended: {error: fail}\n    chart:"))
    for event, status in (("overran", "running"), ("fail", "error")):
        families = Families(MACHINES[0], shard)
        families.send("b", "batch", data={"shards": 2})
        families.send("b", "planned", at=1)
        start(families, "s")
        families.send("b", event, at=7)
        families.settle()
        assert families.snapshot("s").status == status


def test_a_message_comes_twice_to_no_effect() -> None:
    families = family()
    start(families, "s-1")
    families.send("s-1", "finish", at=3)
    families.settle()
    before = families.told("b"), families.snapshot("b"), families.told("s-1")
    for message in list(families.sent):
        families.receive(message.subject, message)
        families.settle()
    assert (families.told("b"), families.snapshot("b"), families.told("s-1")) == before
