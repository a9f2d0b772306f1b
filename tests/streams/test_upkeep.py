"""What happens although nothing arrives: ends of waiting, parts of long runs, retention, parked events."""

import logging

import pytest

from machines.workflow import Workflow
from streams.outbox import OutboxItem
from tests.streams.site import JOB, PARTITIONS, Site

DAY_MS = 86_400_000
NEXT = JOB | {"version": 2}


def types(site: Site, subject: str, run: int | None = None) -> list[str]:
    """The journal in short."""
    return [f"{record.event.type.rpartition('.')[2]} {record.result}" for record in site.records(subject, run)]


def items(site: Site) -> list[OutboxItem]:
    return [item for entry in site.outbox() for item in entry.items]


def test_early_events_are_given_up_after_their_time(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "paused"), site.event("v", "paused"))
    site.settle(worker)
    site.pass_ms(worker, 299_000)
    site.emit(site.event("v", "started"))
    site.settle(worker)
    site.pass_ms(worker, 2_000)
    (letter,) = site.letters()
    assert (letter.reason, letter.event and letter.event.subject) == ("early", "w")
    assert site.view("w") is None
    assert not site.client.exists(site.of("w").waiting("w"), site.of("w").held, site.of("v").held)
    assert types(site, "v") == ["started applied", "paused applied"]


def test_a_gap_in_the_sequence_is_passed_over_after_its_time(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "started", sequence="0"), site.event("w", "paused", sequence="2"))
    site.settle(worker)
    assert types(site, "w") == ["started applied"]
    site.pass_ms(worker, 30_001)
    assert types(site, "w") == ["started applied", "paused applied"]
    assert site.records("w")[-1].reason == "sequence 1 never came"


def test_parked_events_go_on_when_a_worker_with_their_machine_takes_the_partition(site: Site) -> None:
    old = site.worker()
    site.emit(site.event("w", "begun", machine="late"), site.event("w", "closed"), site.event("v", "started"))
    site.settle(old)
    assert (site.status("w"), len(site.letters())) == ("waiting", 1)
    late = JOB | {"machine": "late", "starts_on": ["com.example.job.begun"]}
    site.end_leases()
    new = site.worker(catalog=site.load(JOB, late))
    new.step(0)
    assert site.status("w") == "running"
    assert site.letters() == []
    site.emit(site.event("w", "finished"), site.event("v", "finished"))
    site.settle(new)
    assert (site.status("w"), site.status("v")) == ("ok", "ok")
    assert not site.client.exists(site.of("w").parked)


def test_workflows_of_a_version_that_is_not_loaded_wait_for_it(site: Site) -> None:
    site.emit(site.event("w", "started"))
    site.settle(site.worker(catalog=site.load(NEXT)))
    site.end_leases()
    site.emit(site.event("w", "finished"))
    site.settle(site.worker())
    assert site.status("w") == "running"
    assert [letter.reason for letter in site.letters()] == ["machine-not-loaded"]
    site.end_leases()
    site.settle(site.worker(catalog=site.load(JOB, NEXT)))
    assert site.status("w") == "ok"


def test_a_run_of_a_day_is_sent_in_parts(site: Site) -> None:
    worker = site.worker()
    site.emit(*(site.event("w", name) for name in ("started", "paused", "resumed")), site.event("idle", "started"))
    site.settle(worker)
    site.pass_ms(worker, DAY_MS - 1_000)
    assert items(site) == []
    site.pass_ms(worker, 61_000)
    assert items(site) == [OutboxItem("w", 1, 4, False)]
    site.pass_ms(worker, DAY_MS + 1)
    assert len(items(site)) == 1
    site.emit(site.event("w", "finished"))
    site.settle(worker)
    assert items(site)[1:] == [OutboxItem("w", 1, 5, True)]


def test_retention_takes_what_was_delivered_long_enough_ago_and_nothing_else(site: Site) -> None:
    worker = site.worker()
    for subject in ("gone", "again", "undelivered"):
        site.emit(site.event(subject, "started"), site.event(subject, "finished"))
    site.settle(worker)
    undelivered = {OutboxItem("undelivered", 1, 3, True)}
    delivered = [entry for entry in site.outbox() if not undelivered & set(entry.items)]
    site.deliver()
    site.client.call("ZADD", site.of("undelivered").ended, 9e15, b"1:undelivered")
    assert delivered
    site.emit(site.event("again", "started"))
    site.settle(worker)
    site.pass_ms(worker, 7 * DAY_MS - 1_000)
    assert site.records("gone")
    site.pass_ms(worker, 2_000)
    left = [name.partition(b"}:")[2] for name in site.keyspace()]
    assert [name for name in left if name.endswith((b":gone", b"1:again"))] == []
    assert {b"workflow:again", b"journal:2:again", b"workflow:undelivered", b"journal:1:undelivered"} <= set(left)
    assert site.status("again") == "running"
    assert site.client.zscore(site.of("gone").ended, b"1:gone") is None


def test_retention_leaves_alone_what_a_newer_version_has_written(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "started"), site.event("w", "finished"))
    site.settle(worker)
    site.deliver()
    kept = site.client.call("GET", site.of("w").workflow("w"))
    site.client.call("SET", site.of("w").workflow("w"), b"\xfe")
    site.pass_ms(worker, 7 * DAY_MS + 1)
    site.client.call("SET", site.of("w").workflow("w"), kept)
    assert site.records("w")
    site.pass_ms(worker, 61_000)
    assert site.view("w") is None


def test_an_event_for_a_run_that_retention_has_taken_waits_for_a_start(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "started"), site.event("w", "finished"))
    site.settle(worker)
    site.deliver()
    site.pass_ms(worker, 7 * DAY_MS + 1)
    assert site.view("w") is None
    site.emit(site.event("w", "paused"))
    site.settle(worker)
    assert site.status("w") == "waiting"
    site.pass_ms(worker, 301_000)
    assert [letter.reason for letter in site.letters()] == ["early"]
    assert site.view("w") is None


def test_more_than_one_batch_is_seen_to_in_the_end_and_memory_stays_bounded(valkey_site: Site) -> None:
    site = valkey_site
    worker = site.worker(cache=50)
    subjects = [f"w-{number}" for number in range(2_500)]
    site.emit(*(site.event(subject, "started", time="2026-11-22T16:00:00Z") for subject in subjects))
    site.emit(*(site.event(subject, "paused", time="2026-11-22T16:00:00Z") for subject in subjects))
    site.settle(worker)
    for _ in range(3):
        site.pass_ms(worker, 700_000)
        assert len(worker._residence._workflows) <= 50
    assert {site.status(subject) for subject in subjects} == {"timeout"}


@pytest.mark.parametrize("kind", ["deadlines", "held", "open", "ended", "parked"])
def test_members_that_mean_nothing_are_no_hindrance(site: Site, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    site.emit(site.event("w", "started"), site.event("w", "paused"))
    for member in (b"\xff rubbish", b"nobody", b"1:nobody"):
        site.client.call("ZADD", getattr(site.of("w"), kind), 1, member)
    worker = site.worker()
    for _ in range(4):
        site.settle(worker)
        site.pass_ms(worker, 700_000)
    assert site.status("w") == "timeout"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_workflow_that_cannot_be_read_keeps_its_place(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "started"), site.event("w", "paused"), site.event("early", "paused"))
    site.settle(worker)
    kept = {}
    for subject in ("w", "early"):
        kept[subject] = site.client.call("GET", site.of(subject).workflow(subject))
        site.client.call("SET", site.of(subject).workflow(subject), b"\xfe")
    for partition in range(PARTITIONS):
        worker._residence.forget(partition)
    for _ in range(3):
        site.pass_ms(worker, 700_000)
    for subject, stored in kept.items():
        site.client.call("SET", site.of(subject).workflow(subject), stored)
    site.pass_ms(worker, 61_000)
    assert site.status("w") == "timeout"
    assert [letter.reason for letter in site.letters()] == ["early"]


def test_a_fault_of_one_workflow_is_told_once_and_the_others_go_on(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expire = Workflow.expire

    def fail(self: Workflow, *arguments: object) -> None:
        if self.subject == "poison":
            raise RuntimeError("odd")
        expire(self, *arguments)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(Workflow, "expire", fail)
    worker = site.worker()
    site.emit(*(site.event(subject, "paused") for subject in ("poison", "1", "2", "3", "4", "5", "6")))
    site.settle(worker)
    for _ in range(5):
        site.pass_ms(worker, 301_000)
    assert len(site.letters()) == 6
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "workflow poison could not be seen to: RuntimeError"
    ]
    assert site.status("poison") == "waiting"
