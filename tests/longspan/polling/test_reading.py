"""What an answer says, and when it is not believed; and who is due when."""

import json

from longspan.polling.asking import Fault, Reply
from longspan.polling.host import Host
from longspan.polling.polled import Polled, Target, mark, marks
from longspan.polling.reading import MOST_EVENTS, SKEW_NS, read_answer
from longspan.polling.schedule import Schedule
from machines.catalog import EXAMPLES, load_catalog
from machines.instants import format_instant
from machines.mapping import Mapping, parse
from machines.places import Document

NOW_NS = 1_795_363_200_000_000_000
RULES = [
    {"each": "seen", "type": "seen", "time": "at", "id": "{name}"},
    {"when": "state", "type": "is.{state}", "id": "{state}"},
]
CONTEXT: dict[str, object] = {"id": "wf-1", "machine": "m", "source": "s"}


def _mapping() -> Mapping:
    mapping, problems = parse(RULES, Document("test"), ())
    assert not problems
    return mapping


def _reply(document: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode(), "application/json", None, None)


def _seen(*seconds: float) -> list[dict[str, object]]:
    return [{"name": f"e{at}", "at": format_instant(NOW_NS + round(at * 1e9))} for at in seconds]


def test_events_come_in_the_order_of_their_times_and_those_without_one_last() -> None:
    reading = read_answer(_reply({"seen": _seen(-1, -9, -5), "state": "busy"}), _mapping(), CONTEXT, NOW_NS)
    assert [draft.id for draft in reading.drafts] == ["e-9", "e-5", "e-1", "busy"]
    assert reading.trouble is None


def test_a_clock_that_is_a_little_ahead_is_let_pass_and_what_lies_further_waits_with_all_behind_it() -> None:
    ahead = SKEW_NS / 1e9
    document = {"seen": _seen(ahead, ahead + 1, -5), "state": "busy"}
    reading = read_answer(_reply(document), _mapping(), CONTEXT, NOW_NS)
    assert [draft.id for draft in reading.drafts] == ["e-5", f"e{ahead}"]
    assert reading.trouble is not None
    assert reading.trouble.kind == "future"
    later = read_answer(_reply(document), _mapping(), CONTEXT, NOW_NS + 10**9)
    assert (len(later.drafts), later.trouble) == (4, None)


def test_an_answer_of_too_many_events_is_not_believed() -> None:
    names = [{"name": f"e{number}", "at": "2026-11-22T16:00:00Z"} for number in range(MOST_EVENTS + 1)]
    reading = read_answer(_reply({"seen": names}), _mapping(), CONTEXT, NOW_NS)
    assert not reading.drafts
    assert reading.trouble is not None
    assert "1001 events, more than 1000" in reading.trouble.detail
    assert read_answer(_reply({"seen": names}), _mapping(), CONTEXT, NOW_NS, 2_000).trouble is None


def test_what_could_be_read_of_an_answer_is_told_beside_what_could_not() -> None:
    document = {"seen": [*_seen(-1), {"name": "e2", "at": "noon"}]}
    reading = read_answer(_reply(document), _mapping(), CONTEXT, NOW_NS)
    assert [draft.id for draft in reading.drafts] == ["e-1"]
    assert reading.trouble is not None
    assert (reading.trouble.kind, "noon" in reading.trouble.detail) == ("schema", True)


def test_no_answer_and_one_that_says_that_nothing_changed_tell_of_nothing() -> None:
    fault = Fault("timeout", "slow")
    assert read_answer(fault, _mapping(), CONTEXT, NOW_NS).trouble is fault
    unchanged = read_answer(_reply(None, 304), _mapping(), CONTEXT, NOW_NS)
    assert (list(unchanged.drafts), unchanged.trouble, unchanged.unchanged) == ([], None, True)


def test_marks_tell_events_of_one_answer_apart() -> None:
    drafts = read_answer(_reply({"seen": _seen(-3, -2, -1)}), _mapping(), CONTEXT, NOW_NS).drafts
    assert marks(b"".join(map(mark, drafts))) == {mark(draft) for draft in drafts}
    assert len({mark(draft) for draft in drafts}) == 3


def test_who_is_due_is_taken_once_at_the_time_that_was_named_last() -> None:
    (machine,) = (one for one in load_catalog([str(EXAMPLES / "risk-workflow.yaml")]) if one.source is not None)
    assert machine.source is not None
    source = machine.source
    target = Target("m", source, source.request, source.events, 1, "http://x", Host("http://x", 1, 1), 9)
    schedule = Schedule()
    first, second, third = (Polled(name, 0, target) for name in "abc")
    for polled, due_ms in ((first, 30), (second, 10), (third, 20), (first, 5)):
        schedule.put(polled, due_ms)
    third.gone = True
    assert schedule.next_ms == 5
    assert [polled.id for polled in schedule.take(40)] == ["a", "b"]
    assert schedule.next_ms is None


def test_a_schedule_wakes_who_sleeps_when_one_comes_before_all_others() -> None:
    (source,) = (one.source for one in load_catalog([str(EXAMPLES / "risk-workflow.yaml")]) if one.source is not None)
    target = Target("m", source, source.request, source.events, 1, "http://x", Host("http://x", 1, 1), 9)
    woken: list[int] = []
    schedule = Schedule(lambda: woken.append(1))
    for due_ms, times in ((30, 1), (40, 1), (20, 2), (30, 2)):
        schedule.put(Polled("a", 0, target), due_ms)
        assert len(woken) == times
