"""Messages between workflows of different partitions: each is delivered once, whoever moves it and whatever fails."""

from collections.abc import Sequence
from typing import Any

import pytest

from machines.events import decode_event
from machines.messages import (
    CHILD_ENDED,
    CHILD_STARTED,
    CHILDREN_DONE,
    ChildStarted,
    make_message,
)
from streams.client import Argument, Client
from streams.messages import Outgoing
from streams.messenger import Messenger
from streams.scripts import ROUTE
from streams.worker import Worker
from tests.streams.interruption import Countdown, CrashError, Interrupted, holds
from tests.streams.site import JOB, PARTITIONS, START_MS, Site

BATCH: dict[str, Any] = {
    "machine": "batch",
    "version": 1,
    "starts_on": ["com.example.batch.started"],
    "outcomes": {"over": "ok", "overrun": "timeout"},
    "children": {"waiting": {"wait_for": 3}},
    "chart": {
        "states": {
            "waiting": {
                "transitions": [
                    {"event": "children.done", "target": "over"},
                    {"event": "timeout", "target": "overrun"},
                ]
            },
            "over": {"final": True},
            "overrun": {"final": True},
        }
    },
}
PARTS = {**JOB, "parent_ended": {"timeout": "failed"}}
CHILDREN = [f"part-{number}" for number in range(6)]


def make_worker(site: Site, connect: Any = None) -> Worker:
    return site.worker(connect, site.load(BATCH, PARTS))


def batch(site: Site, subject: str, name: str = "started") -> dict[bytes, bytes]:
    return site.event(subject, name, type=f"com.example.batch.{name}")


def begin_family(site: Site) -> None:
    """A parent with children in every partition."""
    site.emit(batch(site, "whole"), *(site.event(child, "started", parent="whole") for child in CHILDREN))


def assert_joined(site: Site) -> None:
    """Each child has joined, and the parent has heard of each once."""
    told = [record.event.type for record in site.records("whole")]
    assert told.count(CHILD_STARTED) == len(CHILDREN)
    for child in CHILDREN:
        (record,) = site.records(child)
        assert record.event.place is not None
        assert (record.event.place.parent, record.event.place.state, record.reason) == ("whole", "waiting", None)
    assert site.letters() == []


def nothing_waits(site: Site) -> bool:
    return all(site.client.call("XLEN", site.keys.of(number).messages) == 0 for number in range(PARTITIONS))


def test_children_join_and_end_and_move_their_parent_on(site: Site) -> None:
    worker = make_worker(site)
    begin_family(site)
    site.settle(worker)
    assert_joined(site)
    site.emit(*(site.event(child, "finished") for child in CHILDREN[:3]))
    site.settle(worker)
    told = [(record.event.type, record.result) for record in site.records("whole")]
    assert told[-2:] == [(CHILD_ENDED, "applied"), (CHILDREN_DONE, "applied")]
    assert site.status("whole") == "ok"
    assert nothing_waits(site)
    ended = [item for entry in site.outbox() for item in entry.items if item.last]
    assert [item.workflow_id for item in ended] == ["whole"], "the parent sends what the children have"
    carried = [site.client.zscore(site.of(child).ended, f"1:{child}") for child in CHILDREN[:3]]
    assert None not in carried, "they stay until their trace was delivered"


def test_the_end_of_a_parent_reaches_its_open_children_in_all_partitions(site: Site) -> None:
    worker = make_worker(site)
    begin_family(site)
    site.settle(worker)
    site.emit(site.event(CHILDREN[0], "finished"))
    site.settle(worker)
    site.emit(batch(site, "whole", "timeout"))
    site.settle(worker)
    assert [site.status(child) for child in CHILDREN] == ["ok"] + ["error"] * 5
    late = [record for record in site.records("whole") if record.result == "late"]
    assert [record.event.type for record in late] == [CHILD_ENDED] * 5
    assert nothing_waits(site)
    exported = {item.workflow_id for entry in site.outbox() for item in entry.items if item.last}
    assert exported == {"whole", *CHILDREN[1:]}, "what the parent was too late for goes out by itself"


def test_an_index_of_another_type_keeps_the_end_of_a_parent_from_no_other_partition(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker(site)
    begin_family(site)
    site.settle(worker)
    spoilt = site.of(CHILDREN[0])
    site.client.call("SET", spoilt.index(b"children"), "rubbish")
    site.emit(batch(site, "whole", "timeout"))
    site.settle(worker)
    elsewhere = [child for child in CHILDREN if site.of(child) is not spoilt]
    assert elsewhere
    assert {site.status(child) for child in elsewhere} == {"error"}
    (line,) = [record.getMessage() for record in caplog.records if "children are not told" in record.getMessage()]
    assert spoilt.index(b"children").decode() in line


def test_a_child_in_redis_waits_for_its_parent_no_longer_than_it_may(site: Site) -> None:
    worker = site.worker(catalog=site.load(BATCH, PARTS), parent_wait_ms=5_000)
    site.emit(site.event("alone", "started", parent="nobody"))
    site.settle(worker)
    view = site.view("alone")
    assert view is not None
    assert view.snapshot.status == "waiting"
    site.pass_ms(worker, 5_000)
    assert site.records("alone")[0].reason == "nobody did not answer within 5s (LONGSPAN_PARENT_WAIT)"


def drain(worker: Worker) -> None:
    while worker.step(0):
        pass


def put(site: Site, *subjects: str) -> None:
    """Put messages into the stream of partition 0, an entry each."""
    for number, subject in enumerate(subjects):
        outgoing = Outgoing()
        child = ChildStarted(f"c-{number}", "job", 1)
        outgoing.send([make_message(CHILD_STARTED, f"m-{number}", subject, START_MS * 1_000_000, child)])
        site.client.call("XADD", site.keys.of(0).messages, "*", *outgoing.fields())


def delivered(site: Site) -> list[str]:
    """The ids of the messages that the streams of all partitions hold."""
    found = []
    for number in range(PARTITIONS):
        for _, fields in site.client.call("XRANGE", site.keys.of(number).events, "-", "+"):
            found.append(decode_event(fields[1]).id)
    return sorted(found)


def make_messenger(site: Site, client: Client | None = None) -> Messenger:
    messenger = Messenger(client or site.connect(), site.keys, PARTITIONS)
    messenger.doubt(0)
    return messenger


TARGETS = [f"p-{number}" for number in range(8)]
EXPECTED = [f"m-{number}" for number in range(8)]


def test_two_messengers_at_once_deliver_each_message_once(site: Site) -> None:
    put(site, *TARGETS)

    def overtake(commands: Sequence[Sequence[Argument]]) -> None:
        if holds(commands, ROUTE._hash) and not delivered(site):
            assert make_messenger(site).step() == len(TARGETS)

    assert make_messenger(site, Interrupted(site.connect(), before=overtake)).step() == len(TARGETS)
    assert delivered(site) == EXPECTED
    assert nothing_waits(site)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_round_trip_of_a_delivery_loses_and_doubles_nothing(site: Site, when: str) -> None:
    put(site, *TARGETS)
    for number in range(9):
        hook = Countdown(number, CrashError)
        try:
            make_messenger(site, Interrupted(site.connect(), **{when: hook})).step()
        except CrashError:
            continue
        break
    make_messenger(site).step()
    assert delivered(site) == EXPECTED
    assert nothing_waits(site)


def test_a_crash_between_commit_and_delivery_leaves_the_messages_to_the_next_owner(site: Site) -> None:
    def crash(commands: Sequence[Sequence[Argument]]) -> None:
        if holds(commands, ROUTE._hash):
            raise CrashError

    first = make_worker(site, lambda: Interrupted(site.connect(), before=crash))
    begin_family(site)
    site.route()
    with pytest.raises(CrashError):
        drain(first)
    assert not nothing_waits(site)
    site.end_leases()
    site.now_ms += 5_000
    site.settle(make_worker(site))
    assert_joined(site)


def test_a_target_whose_key_has_another_type_hinders_no_other(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    put(site, *TARGETS, *TARGETS)
    blocked = site.of(TARGETS[0])
    site.client.call("SET", blocked.events, "rubbish")
    elsewhere = [name for name in TARGETS if site.of(name) is not blocked]
    messenger = make_messenger(site)
    messenger.step()
    counts = [site.client.call("XLEN", site.of(name).events) for name in elsewhere]
    assert sum(counts) >= len(counts) > 0
    assert not nothing_waits(site)
    for _ in range(3):
        messenger.note([0])
        messenger.step()
    assert counts == [site.client.call("XLEN", site.of(name).events) for name in elsewhere]
    (line,) = [record.getMessage() for record in caplog.records]
    assert blocked.events.decode() in line
    site.client.delete(blocked.events)
    for _ in range(3):
        messenger.note([0])
        messenger.step()
    assert len(delivered(site)) == 2 * len(TARGETS)
    assert nothing_waits(site)


def test_a_stream_of_messages_that_was_rewound_is_delivered_again(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    put(site, *TARGETS)
    make_messenger(site).step()
    site.client.delete(site.keys.of(0).messages)
    site.client.call("XADD", site.keys.of(0).messages, "1-1", "odd", "fields")
    put_at = Outgoing()
    child = ChildStarted("again", "job", 1)
    put_at.send([make_message(CHILD_STARTED, "after", TARGETS[0], START_MS * 1_000_000, child)])
    site.client.call("XADD", site.keys.of(0).messages, "1-2", *put_at.fields())
    make_messenger(site).step()
    assert delivered(site) == sorted([*EXPECTED, "after"])
    told = [record.getMessage() for record in caplog.records]
    assert any("ends at 1-2, before messages that were delivered already" in line for line in told)
    assert any("an entry that no worker wrote was passed over" in line for line in told)
