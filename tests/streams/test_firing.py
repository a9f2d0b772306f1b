"""Deadlines: fired when they are due and not before, in order, behind what arrived earlier, and never lost."""

import logging
from typing import Any

import pytest

from machines.catalog import load_catalog
from machines.changes import Limits
from machines.events import Event, decode_event
from machines.instants import format_instant
from machines.run import Interpreters
from machines.workflow import Workflow
from streams.schedule import FIRED
from streams.worker import Worker
from tests.streams.site import JOB, PARTITIONS, START_MS, Site

HOUR_MS = 3_600_000
DUE_MS = START_MS + 602_000  # of the first workflow that a test starts and pauses
TWINS: dict[str, Any] = {
    "machine": "twins",
    "version": 1,
    "starts_on": ["com.example.twins.started"],
    "deadlines": {
        "both.left.a": {"after": "10m", "send": "left_late"},
        "both.right.b": {"after": "10m", "send": "right_late"},
    },
    "chart": {
        "states": {
            "both": {
                "parallel": True,
                "transitions": [{"event": "done.state.both", "target": "over"}],
                "states": {
                    "left": {
                        "states": {
                            "a": {"transitions": [{"event": "left_late", "target": "a_end"}]},
                            "a_end": {"final": True},
                        }
                    },
                    "right": {
                        "states": {
                            "b": {"transitions": [{"event": "right_late", "target": "b_end"}]},
                            "b_end": {"final": True},
                        }
                    },
                },
            },
            "over": {"final": True},
        }
    },
}


def arrive(site: Site, *entries: dict[bytes, bytes]) -> None:
    """Let entries arrive at the site's time."""
    for entry in entries:
        fields = [part for pair in entry.items() for part in pair]
        site.client.call("XADD", site.keys.events, f"{site.now_ms}-*", *fields)


def told(site: Site, subject: str) -> list[str]:
    """The journal in short."""
    return [f"{record.event.type.rpartition('.')[2]} {record.result}" for record in site.records(subject)]


def score(site: Site, subject: str) -> float | None:
    found: float | None = site.client.zscore(site.of(subject).deadlines, subject)
    return found


def paused(site: Site, worker: Worker, subject: str = "w") -> None:
    """A workflow with a deadline, which is due at DUE_MS where it is the first."""
    arrive(site, site.event(subject, "started"), site.event(subject, "paused"))
    site.settle(worker)


def test_a_deadline_fires_through_the_stream_when_it_is_due(site: Site) -> None:
    worker = site.worker()
    paused(site, worker)
    arrive(site, *(site.event("left", name) for name in ("started", "paused", "resumed")))
    site.settle(worker)
    site.pass_ms(worker, 601_999)
    assert site.status("w") == "running"
    added = site.client.xinfo_stream(site.of("w").events)["entries-added"]
    site.pass_ms(worker, 501)
    assert site.client.xinfo_stream(site.of("w").events)["entries-added"] == added + 1
    assert told(site, "w") == ["started applied", "paused applied", "deadline applied"]
    assert site.records("w")[-1].event.time_ns == DUE_MS * 1_000_000
    assert site.status("w") == "timeout"
    site.pass_ms(worker, 24 * HOUR_MS)
    assert told(site, "w")[2:] == ["deadline applied"]
    assert site.status("left") == "running"
    assert not site.client.exists(site.of("w").deadlines, site.of("left").deadlines)


def test_an_event_that_arrived_first_wins_although_the_router_was_late(site: Site) -> None:
    worker = site.worker()
    paused(site, worker)
    site.now_ms = DUE_MS - 1
    arrive(site, site.event("w", "resumed"))
    site.pass_ms(worker, HOUR_MS)
    assert told(site, "w") == ["started applied", "paused applied"]
    site.settle(worker)
    site.pass_ms(worker, HOUR_MS)
    assert told(site, "w") == ["started applied", "paused applied", "resumed applied"]


@pytest.mark.parametrize("routed", [False, True])
def test_an_event_that_arrived_when_the_deadline_was_due_comes_too_late(site: Site, routed: bool) -> None:
    worker = site.worker()
    paused(site, worker)
    site.now_ms = DUE_MS
    arrive(site, site.event("w", "resumed"))
    if routed:
        site.route()
    site.pass_ms(worker, 1_000)
    site.settle(worker)
    assert told(site, "w")[2:] == ["deadline applied", "resumed late"]


def test_deadlines_fire_in_the_order_of_their_due_times_page_after_page_without_a_pause(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.upkeep.BATCH", 3)
    worker = site.worker()
    subjects = [f"w-{number}" for number in range(40)]
    arrive(site, *(site.event(subject, name) for subject in reversed(subjects) for name in ("started", "paused")))
    site.settle(worker)
    ends = [site.client.xinfo_stream(site.keys.of(number).events)["last-generated-id"] for number in range(PARTITIONS)]
    site.now_ms += 24 * HOUR_MS
    leases, pages = worker._holdings.leases, 0
    assert not worker._upkeep.step(leases, site.now_ms)
    while worker._upkeep.more:
        pages += 1
        assert not worker._upkeep.step(leases, site.now_ms)
    assert pages >= 3
    fired = 0
    for number, end in enumerate(ends):
        entries = site.client.call("XRANGE", site.keys.of(number).events, b"(" + end, "+")
        times = [decode_event(fields[1]).time_ns for _, fields in entries]
        assert times == sorted(times)
        fired += len(times)
    assert fired == len(subjects)
    site.settle(worker)
    assert {site.status(subject) for subject in subjects} == {"timeout"}


def test_deadlines_of_one_workflow_that_are_due_at_once_all_fire(site: Site) -> None:
    worker = site.worker(catalog=site.load(TWINS))
    arrive(site, site.event("w", "started", type="com.example.twins.started"))
    site.settle(worker)
    site.pass_ms(worker, HOUR_MS)
    for _ in range(3):
        site.pass_ms(worker, 1_000)
    assert told(site, "w") == ["started applied", "deadline applied", "deadline applied"]
    assert site.status("w") == "ok"


def test_a_history_that_is_told_afterwards_is_heard_to_its_end(site: Site) -> None:
    worker = site.worker(batch=1)
    site.now_ms += HOUR_MS
    paused(site, worker)
    site.pass_ms(worker, 600)
    arrive(site, site.event("w", "resumed", time=format_instant((DUE_MS - 1) * 1_000_000)))
    site.settle(worker)
    assert told(site, "w")[2:] == ["resumed applied"]
    paused(site, worker, "silent")
    site.pass_ms(worker, 999)
    assert site.status("silent") == "running"
    site.pass_ms(worker, 500)
    assert site.status("silent") == "timeout"


@pytest.mark.parametrize("fault", ["the chart's", "ours"])
def test_a_deadline_that_fails_is_set_aside_and_the_later_ones_go_on(
    site: Site, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = Workflow.receive

    def fail(self: Workflow, interpreters: Interpreters, limits: Limits, event: Event, now_ms: int) -> str:
        if event.id.startswith("resting@"):
            raise RuntimeError("odd")
        return receive(self, interpreters, limits, event, now_ms)

    if fault == "ours":
        monkeypatch.setattr(Workflow, "receive", fail)
    worker = site.worker(catalog=load_catalog(["tests.streams.brittle:Brittle"]))
    arrive(site, site.event("w", "started"))
    site.settle(worker)
    for _ in range(3):
        site.pass_ms(worker, 61_000)
    assert [(letter.reason, letter.event and letter.event.id.partition("@")[0]) for letter in site.letters()] == [
        ("internal-error", "resting")
    ]
    site.pass_ms(worker, HOUR_MS)
    assert (site.status("w"), len(site.letters())) == ("timeout", 1)


@pytest.mark.parametrize("kind", ["unreadable", "newer", "journal"])
def test_a_deadline_whose_workflow_cannot_be_folded_just_then_fires_later(
    site: Site, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    worker = site.worker()
    paused(site, worker)
    key = site.of("w").journal("w", 1) if kind == "journal" else site.of("w").workflow("w")
    site.now_ms += HOUR_MS
    worker._upkeep.step(worker._holdings.leases, site.now_ms)
    assert (score(site, "w") or 0) >= FIRED
    site.client.call("RENAME", key, key + b":kept")
    if kind == "journal":
        site.client.call("HSET", key, "someone", "else")
    else:
        site.client.call("SET", key, b"\xfe" if kind == "newer" else b"\x00")
    for number in range(PARTITIONS):
        worker._residence.forget(number)
    for _ in range(5):
        site.pass_ms(worker, 61_000)
    assert site.letters() == []
    site.client.delete(key)
    site.client.call("RENAME", key + b":kept", key)
    for _ in range(3):
        site.pass_ms(worker, 61_000)
    assert told(site, "w")[2:] == ["deadline applied"]
    assert site.letters() == []


def test_a_deadline_whose_machine_is_gone_fires_once_and_waits_for_it(site: Site) -> None:
    worker = site.worker()
    paused(site, worker)
    site.end_leases()
    without = site.worker(catalog=site.load(JOB | {"version": 2}))
    site.pass_ms(without, HOUR_MS)
    added = site.client.xinfo_stream(site.of("w").events)["entries-added"]
    for _ in range(5):
        site.pass_ms(without, 61_000)
    assert site.client.xinfo_stream(site.of("w").events)["entries-added"] == added
    assert score(site, "w") == FIRED + DUE_MS
    site.end_leases()
    site.settle(site.worker())
    assert (site.status("w"), score(site, "w")) == ("timeout", None)


def test_an_index_that_says_nonsense_makes_no_deadline_fire_early(site: Site) -> None:
    worker = site.worker()
    paused(site, worker)
    site.client.call("ZADD", site.of("w").deadlines, 1, "w")
    site.pass_ms(worker, 1_000)
    assert (site.status("w"), score(site, "w")) == ("running", DUE_MS)
