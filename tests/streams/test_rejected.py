"""Rejected events of a workflow: found in its journal, and sent again to a version of its machine."""

from typing import Any

import pytest

from machines.journal import Record
from streams.errors import RedriveError
from streams.rejected import find_rejected, redrive_events
from tests.streams.site import JOB, Site

STATES: dict[str, Any] = JOB["chart"]["states"]
RUNNING: dict[str, Any] = STATES["running"]
LOCKABLE = RUNNING | {"transitions": [*RUNNING["transitions"], {"event": "locked", "target": "locked"}]}
LOCKED = {"transitions": [{"event": "unlocked", "target": "running"}, {"event": "failed", "target": "failed"}]}
TWO = JOB | {"version": 2, "chart": {"states": STATES | {"running": LOCKABLE, "locked": LOCKED}}}


def rejected(site: Site, subject: str, first: str | None = None) -> list[str]:
    """The ids of the events that would be redriven."""
    view = site.view(subject)
    assert view
    return [event.id for event in find_rejected(site.client, site.keys, view, first)]


def redrive(site: Site, subject: str, version: int) -> None:
    view = site.view(subject)
    assert view
    redrive_events(site.client, site.keys, find_rejected(site.client, site.keys, view), version)


def told(records: list[Record]) -> list[tuple[str, str, int | None]]:
    return [(record.event.id, record.result, record.version) for record in records]


def begin(site: Site) -> None:
    """Workflow w on version 1, which has rejected lock and unlock; a second worker has both versions."""
    site.emit(site.event("w", "started", id="s"), site.event("w", "locked", id="l", sequence="1", extra="kept"))
    site.emit(site.event("w", "unlocked", id="u", data='{"label": "x"}'))
    site.settle(site.worker())
    site.end_leases()


def test_rejected_events_are_applied_in_order_by_the_new_version_and_again_changes_nothing(site: Site) -> None:
    begin(site)
    assert rejected(site, "w") == ["l", "u"]
    worker = site.worker(catalog=site.load(JOB, TWO))
    redrive(site, "w", 2)
    redrive(site, "w", 2)
    site.settle(worker)
    assert told(site.records("w"))[1:] == [
        ("l", "rejected", None),
        ("u", "rejected", None),
        ("l", "applied", 2),
        ("u", "applied", None),
    ]
    _, before, _, after, last = (record.event for record in site.records("w"))
    assert (after.time_ns, after.type, after.source) == (before.time_ns, before.type, before.source)
    assert (after.sequence, after.extensions) == (None, {"extra": "kept", "longspanredrive": "2"})
    assert int(after.position.partition("-")[0]) >= int(before.position.partition("-")[0])
    assert last.data == '{"label": "x"}'
    assert worker.results["duplicate"] == 2
    assert rejected(site, "w") == []
    redrive(site, "w", 2)
    site.settle(worker)
    assert len(site.records("w")) == 5


def test_a_redrive_that_died_after_some_goes_on_with_the_rest(site: Site) -> None:
    begin(site)
    worker = site.worker(catalog=site.load(JOB, TWO))
    view = site.view("w")
    assert view
    events = find_rejected(site.client, site.keys, view)
    redrive_events(site.client, site.keys, events[:1], 2)
    site.settle(worker)
    redrive_events(site.client, site.keys, events, 2)
    site.settle(worker)
    assert told(site.records("w"))[3:] == [("l", "applied", 2), ("u", "applied", None)]


def test_from_a_given_event_on(site: Site) -> None:
    begin(site)
    assert rejected(site, "w", "u") == ["u"]
    with pytest.raises(RedriveError, match=r"^event s of workflow w, run 1, was applied, and only rejected events can"):
        rejected(site, "w", "s")
    with pytest.raises(RedriveError, match=r"^event z of workflow w, run 1, is not in its journal"):
        rejected(site, "w", "z")


def test_a_workflow_that_does_not_run_has_nothing_to_redrive(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "started"), site.event("w", "locked"), site.event("w", "finished"))
    site.emit(site.event("v", "paused", machine="job"))
    site.settle(worker)
    with pytest.raises(RedriveError, match=r"^workflow w has ended \(ok\): only events of a running one"):
        rejected(site, "w")
    with pytest.raises(RedriveError, match=r"^workflow v has not started: "):
        rejected(site, "v")


def test_more_records_than_a_page_are_all_read(site: Site) -> None:
    site.emit(site.event("w", "started"), *(site.event("w", "locked", id=f"l-{number}") for number in range(250)))
    site.settle(site.worker())
    assert rejected(site, "w") == [f"l-{number}" for number in range(250)]


def test_a_deadline_that_was_rejected_is_left_out(site: Site) -> None:
    never = {"event": "expire", "target": "expired", "cond": "data.no == 1"}
    paused = {"transitions": [{"event": "resumed", "target": "running"}, never]}
    worker = site.worker(catalog=site.load(JOB | {"chart": {"states": STATES | {"paused": paused}}}))
    site.emit(site.event("w", "started"), site.event("w", "paused"))
    site.settle(worker)
    site.pass_ms(worker, 3_600_000)
    site.settle(worker)
    assert [(record.event.type, record.result) for record in site.records("w")][-1] == ("longspan.deadline", "rejected")
    assert rejected(site, "w") == []
    deadline = site.records("w")[-1].event.id
    with pytest.raises(RedriveError, match="was a deadline"):
        rejected(site, "w", deadline)


def test_events_of_a_version_that_is_gone_wait_and_go_on_in_order_when_it_is_back(site: Site) -> None:
    site.emit(site.event("w", "started"))
    site.settle(site.worker())
    site.end_leases()
    site.emit(*(site.event("w", name, id=name) for name in ("paused", "resumed")), site.event("v", "started"))
    site.settle(site.worker(catalog=site.load(TWO)))
    view = site.view("v")
    assert view
    assert view.snapshot.version == 2
    site.end_leases()
    worker = site.worker(catalog=site.load(JOB, TWO))
    site.emit(site.event("w", "finished", id="finished"))
    site.settle(worker)
    assert [record.event.id for record in site.records("w")[1:]] == ["paused", "resumed", "finished"]
    assert site.status("w") == "ok"
