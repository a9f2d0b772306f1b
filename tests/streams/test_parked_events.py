"""Parked events: listed with the machine that they wait for, dropped by the worker that has their workflow in hand."""

import pytest

from streams.deadletters import drop, get_dead_letter, list_dead_letters, redrive
from streams.errors import DeadLetterError
from streams.parked import count_awaited
from tests.streams.site import JOB, PARTITIONS, Site

TWO = JOB | {"version": 2}


def test_a_parked_event_is_listed_with_what_it_waits_for_and_is_not_sent(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "begun", machine="absent"), site.event("v", "paused"))
    site.settle(worker)
    (letter,) = site.letters()
    assert letter.parked
    assert letter.reason == "machine-not-loaded"
    assert letter.detail == "machine absent is not loaded: the event goes on by itself when a worker has it"
    assert get_dead_letter(site.client, site.keys, letter.id) == letter
    before = site.keyspace()
    with pytest.raises(DeadLetterError, match=r"parked-[0-9a-f]{16} is parked: .* would change nothing"):
        redrive(site.client, site.keys, [letter])
    assert site.keyspace() == before
    assert list_dead_letters(site.client, site.keys, PARTITIONS, reason="early") == []


def test_what_waits_for_a_version_names_it(site: Site) -> None:
    site.emit(site.event("w", "started"), site.event("v", "started"))
    site.settle(site.worker())
    site.end_leases()
    worker = site.worker(catalog=site.load(TWO))
    site.emit(site.event("w", "paused"), site.event("w", "resumed"), site.event("v", "paused", longspanredrive="3"))
    site.emit(site.event("u", "begun", machine="absent"))
    site.settle(worker)
    assert {(letter.event.subject, letter.detail.partition(":")[0]) for letter in site.letters() if letter.event} == {
        ("w", "machine job version 1 is not loaded"),
        ("v", "machine job version 3 is not loaded"),
        ("u", "machine absent is not loaded"),
    }
    counted = count_awaited(site.client, site.keys, PARTITIONS)
    assert counted == {("job", 1): 1, ("job", 3): 1, ("absent", None): 1}


def test_more_workflows_than_a_page_are_all_told(site: Site) -> None:
    worker = site.worker()
    site.emit(*(site.event(f"w-{number}", "begun", machine="absent") for number in range(200)))
    site.settle(worker)
    assert len({letter.id for letter in site.letters()}) == 200
    assert count_awaited(site.client, site.keys, PARTITIONS) == {("absent", None): 200}


def test_a_dropped_one_is_gone_from_the_worker_that_has_it_in_memory_and_the_others_go_on(site: Site) -> None:
    worker = site.worker(catalog=site.load(TWO | {"machine": "other"}))
    site.emit(*(site.event("w", name, id=name) for name in ("paused", "resumed")))
    site.emit(*(site.event("w", name, id=name, machine="job") for name in ("started", "failed", "finished")))
    site.settle(worker)
    failed = next(letter for letter in site.letters() if letter.event and letter.event.id == "failed")
    assert drop(site.client, site.keys, [failed]) == 1
    assert failed in site.letters(), "the worker has not come to it"
    site.settle(worker)
    assert [letter.event.id for letter in site.letters() if letter.event] == ["started", "finished"]
    assert worker.results["dropped"] == 1
    assert drop(site.client, site.keys, [failed]) == 1
    site.settle(worker)
    assert worker.results["dropped"] == 1, "it was dropped before"
    site.end_leases()
    site.settle(site.worker())
    assert [record.event.id for record in site.records("w")] == ["started", "paused", "resumed", "finished"]
    with pytest.raises(DeadLetterError, match="there is no parked event"):
        get_dead_letter(site.client, site.keys, failed.id)


def test_a_workflow_of_which_nothing_else_is_known_leaves_no_trace_when_its_event_is_dropped(site: Site) -> None:
    worker = site.worker()
    site.settle(worker)
    site.emit(site.event("w", "begun", machine="absent"))
    site.settle(worker)
    drop(site.client, site.keys, site.letters())
    site.settle(worker)
    keys = site.of("w")
    left = {key for key in site.keyspace() if key.startswith(keys.tag)}
    assert left == {keys.meta, keys.events, keys.changes, keys.indexes}


def test_early_events_behind_a_dropped_start_give_up_in_their_time(site: Site) -> None:
    worker = site.worker(early_wait_ms=60_000)
    site.emit(site.event("w", "begun", machine="absent"), site.event("w", "paused"))
    site.settle(worker)
    site.pass_ms(worker, 3_600_000)
    (start,) = site.letters()
    drop(site.client, site.keys, [start])
    site.settle(worker)
    site.pass_ms(worker, 1_000)
    assert [(letter.reason, bool(letter.parked)) for letter in site.letters()] == [("early", False)]


def test_an_order_for_a_workflow_that_cannot_be_written_is_passed_over(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "begun", machine="absent"))
    site.settle(worker)
    drop(site.client, site.keys, site.letters())
    site.client.delete(site.of("w").waiting("w"))
    site.client.call("SET", site.of("w").waiting("w"), "x")
    site.emit(site.event("w", "paused"))
    site.end_leases()
    site.settle(site.worker())
    assert [letter.reason for letter in site.letters()] == ["unreadable"]


def test_waiting_lists_that_cannot_be_read_hide_nothing_else(site: Site) -> None:
    worker = site.worker(catalog=site.load(JOB))
    for subject in ("1", "2", "3"):
        site.emit(site.event(subject, "begun", machine="absent"))
    site.settle(worker)
    site.client.call("SET", site.of("1").waiting("1"), "x")
    site.client.call("LSET", site.of("2").waiting("2"), 0, "x")
    assert [letter.event.subject for letter in site.letters() if letter.event] == ["3"]
