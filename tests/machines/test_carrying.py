"""Children whose spans their parents send: what is told of them, and when they go out by themselves."""

from machines.changes import Limits
from machines.journal import Record
from machines.messages import decode_ended
from tests.support.families import Families
from tests.support.folding import make_machine
from tests.support.shards import MACHINES, SHARD, family, start


def test_a_child_in_its_parents_trace_is_carried_and_counts_in_what_the_parent_sends() -> None:
    families = family()
    start(families, "s-1", "s-2")
    families.send("s-1", "finish", at=3)
    families.settle()
    assert (families.exports, families.carried) == ([], [("s-1", 1)])
    ended = decode_ended(families.journal("b")[1][-1].event.data or "")
    bytes_kept = sum(map(len, families.journals["s-1", 1][1:]))
    assert (ended.id, ended.machine, ended.run, ended.outcome, ended.carried) == ("s-1", "shard", 1, "ok", True)
    assert (ended.parent_run, ended.state, ended.visit) == (1, "waiting", 1)
    assert (ended.spans, ended.bytes, ended.entries) == (2, bytes_kept, 3)
    assert families.snapshot("b").pending_spans == 1 + 2


def test_a_parent_sends_a_part_when_its_carried_children_reach_the_limit() -> None:
    families = family(limits=Limits(part_spans=3))
    start(families, "s-1", "s-2")
    families.send("s-1", "finish", at=3)
    families.settle()
    assert families.exports == [("b", 1, families.snapshot("b").entries, False)]
    families.send("s-2", "finish", at=3)
    families.settle()
    assert families.exports[-1][0::3] == ("b", True)


def test_a_child_that_was_sent_in_parts_or_as_it_goes_is_not_carried() -> None:
    families = family(limits=Limits(part_bytes=1))
    start(families, "s-1")
    families.send("s-1", "finish", at=3)
    assert families.carried == []
    progressive = Families(MACHINES[0], make_machine(SHARD.replace("starts_on", "export: progressive\n    starts_on")))
    progressive.send("b", "batch")
    start(progressive, "s-1")
    progressive.send("s-1", "finish", at=3)
    assert (progressive.carried, progressive.exports[-1][0]) == ([], "s-1")


def test_a_carried_child_whose_parent_ended_before_it_heard_is_released() -> None:
    families = family()
    start(families, "s-1")
    families.send("s-1", "finish", at=3)
    families.send("b", "fail", at=4)
    entries = families.snapshot("s-1").entries
    assert families.carried == [("s-1", 1)]
    families.send("s-1", "shard", at=5)
    families.settle()
    assert ("s-1", 1, entries, True) in families.exports
    assert families.told("b")[-1] == ("longspan.child.ended", "late")


def test_what_ends_for_a_former_run_of_its_parent_is_late_and_released() -> None:
    families = family()
    start(families, "s-1")
    families.send("b", "fail", at=4)
    families.settle()
    families.send("b", "batch", at=5)
    families.send("s-1", "finish", at=6)
    families.settle()
    record: Record = families.journal("b", 2)[1][-1]
    assert (record.result, record.reason) == ("late", "run 1 had ended")
    assert families.snapshot("b").children.ended == 0
    assert families.exports[-1][0::3] == ("s-1", True)
