"""Polling, with a real server, a real system and real workers: events once, in order, with the system's own times."""

from machines.instants import parse_instant
from tests.longspan.polling.field import Field, at, stages
from tests.support.system import Answer, Asked, tells

LOAD, SUM = ("load", 1, 3), ("sum", 3, 8)
WHOLE = ["submitted", "load_began", "load_ended", "sum_began", "sum_ended"]


def test_what_a_system_says_becomes_events_in_order_with_its_own_times(field: Field) -> None:
    worker = field.worker()
    field.start("wf-1")
    field.tell("wf-1", ("load", 1, None))
    with field.polling():
        field.settled(worker, lambda: field.types("wf-1") == WHOLE[:2])
        field.tell("wf-1", LOAD, SUM)  # a stage that began and ended between two looks is told all the same
        field.settled(worker, lambda: field.site.status("wf-1") == "ok")
    records = field.site.records("wf-1")
    assert [record.event.type.rpartition(".")[2] for record in records] == WHOLE
    times = [record.event.time_ns for record in records[1:]]
    assert times == [parse_instant(at(seconds)) for seconds in (1, 3, 3, 8)]


def test_an_answer_that_says_nothing_new_sends_nothing(field: Field) -> None:
    worker = field.worker()
    field.start("wf-1")
    percent = iter(range(10_000))

    def answer(_: Asked) -> Answer:  # something in it always changes, but no fact
        return tells(stages([LOAD]) | {"percent": next(percent)})

    field.system.answers["/workflows/wf-1"] = answer
    with field.polling() as polling:
        field.settled(worker, lambda: polling.statistics.answers["stages", "unchanged"] >= 3)
        assert polling.statistics.events == {"sent": 2, "known": 0}
    with field.polling() as polling:  # a successor knows nothing but what the journal says
        field.settled(worker, lambda: polling.statistics.answers["stages", "unchanged"] >= 1)
        assert polling.statistics.events == {"sent": 0, "known": 2}
    assert field.types("wf-1") == WHOLE[:3]
    assert not worker.results.get("duplicate")


def test_two_pollers_that_both_ask_add_nothing(field: Field) -> None:
    worker = field.worker()
    field.start(*(f"wf-{number}" for number in range(8)))
    for number in range(8):
        field.tell(f"wf-{number}", LOAD, SUM)
    with field.polling() as first, field.polling() as second:
        everybody = dict.fromkeys(range(4), b"")
        for polling in (first, second):  # as if each were the other's zombie: leases stop neither
            setattr(polling.leases, "take_up", lambda: everybody)  # noqa: B010  mypy will not have methods replaced
            setattr(polling.leases, "allows", lambda held: True)  # noqa: B010  nor this one
        field.settled(worker, lambda: all(field.site.status(f"wf-{number}") == "ok" for number in range(8)))
    assert all(field.types(f"wf-{number}") == WHOLE for number in range(8))


def test_an_etag_spares_the_system_the_answer(field: Field) -> None:
    worker = field.worker()
    field.start("wf-1")
    story = tells({"stages": [{"name": "load", "began": at(1)}]}, ETag='"one"')

    def answer(asked: Asked) -> Answer:
        return Answer(304) if asked.headers.get("If-None-Match") == '"one"' else story

    field.system.answers["/workflows/wf-1"] = answer
    with field.polling() as polling:
        field.settled(worker, lambda: polling.statistics.answers["stages", "unchanged"] >= 2)
    known = [asked.headers.get("If-None-Match") for asked in field.system.asked]
    assert known[0] is None
    assert set(known[2:]) == {'"one"'}
    assert field.types("wf-1") == WHOLE[:2]


def test_a_collection_starts_workflows_but_none_that_may_have_been_removed_already(field: Field) -> None:
    listed = {
        "url": "${SYSTEM_URL}/workflows",
        "interval": "100ms",
        "events": [
            {"each": "workflows[*]", "type": "com.example.stage.submitted", "subject": "{id}", "time": "submitted"}
        ],
    }
    field.use(list=listed)
    worker = field.worker()
    old = "2020-01-01T00:00:00Z"
    field.system.answers["/workflows"] = tells(
        {"workflows": [{"id": "wf-old", "submitted": old}, {"id": "wf/ä 1", "submitted": at(0)}]}
    )
    field.system.answers["/workflows/wf%2F%C3%A4%201"] = tells({"stages": [{"name": "load", "began": at(1)}]})
    with field.polling():
        field.settled(worker, lambda: field.types("wf/ä 1") == WHOLE[:2])
    assert field.site.view("wf-old") is None


def test_a_workflow_is_no_longer_asked_for_when_it_has_ended(field: Field) -> None:
    worker = field.worker()
    field.start("wf-1", "wf-2")
    field.tell("wf-1", LOAD, SUM)
    field.tell("wf-2", LOAD)
    with field.polling() as polling:
        field.settled(worker, lambda: polling.statistics.polled["stages"] == 1)
        before, others = field.system.times_asked("/workflows/wf-1"), field.system.times_asked("/workflows/wf-2")
        field.settled(worker, lambda: field.system.times_asked("/workflows/wf-2") >= others + 3)
        assert field.system.times_asked("/workflows/wf-1") <= before + 1
    assert field.site.status("wf-1") == "ok"


def test_a_host_is_never_asked_for_more_at_once_than_is_set(field: Field) -> None:
    field.use(concurrency=2, interval="100ms")
    worker = field.worker()
    names = [f"wf-{number}" for number in range(12)]
    field.start(*names)
    for name in names:
        field.tell(name, LOAD)
    with field.polling():
        field.settled(worker, lambda: all(field.types(name) == WHOLE[:3] for name in names))
    assert field.system.most_at_once <= 2
