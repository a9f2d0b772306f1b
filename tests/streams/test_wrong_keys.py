"""Keys that hold something else than Longspan keeps there: told once, never lost, and no hindrance to the others."""

import logging
from collections.abc import Sequence

import pytest

from tests.streams.site import PARTITIONS, Site

OF_WORKFLOWS = ["workflow", "journal", "waiting", "seen"]
OF_PARTITIONS = ["outbox", "dead", "open", "ended", "held", "deadlines", "parked", "events", "meta"]


def spoil(site: Site, key: bytes) -> None:
    """Put something else there."""
    site.client.delete(key)
    site.client.call("HSET" if key.partition(b"}:")[2] != b"meta" else "SADD", key, "someone", "else")


def key_of(site: Site, kind: str, subject: str) -> bytes:
    owned = site.of(subject)
    if kind == "journal":
        return owned.journal(subject, 1)
    return bytes(getattr(owned, kind)(subject) if kind in OF_WORKFLOWS else getattr(owned, kind))


def elsewhere(site: Site, subject: str) -> str:
    """A workflow of another partition."""
    return next(name for name in map(str, range(99)) if site.of(name) is not site.of(subject))


def beside(site: Site, subject: str) -> str:
    """Another workflow of the same partition."""
    return next(name for name in map(str, range(99)) if site.of(name) is site.of(subject))


def lines(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("kind", OF_WORKFLOWS)
def test_a_key_of_one_workflow_costs_only_its_events(site: Site, kind: str) -> None:
    worker = site.worker()
    neighbour = beside(site, "w")
    names = ["started", *["paused", "resumed"] * 80] if kind == "seen" else ["started"]
    entries = [site.event("w", "paused" if kind == "waiting" else name) for name in names]
    key = key_of(site, kind, "w")
    spoil(site, key)
    kept = site.client.call("DUMP", key)
    site.emit(*entries, site.event(neighbour, "started"))
    site.settle(worker)
    letters = site.letters()
    assert {letter.reason for letter in letters} <= {"wrong-key-type", "unreadable"}
    assert [letter.event.id for letter in letters if letter.event][-1] == entries[-1][b"id"].decode()
    assert all(key.decode() in letter.detail or "beside the snapshot" in letter.detail for letter in letters)
    assert len(site.records("w") if kind == "seen" else []) + len(letters) == len(entries)
    assert site.client.call("DUMP", key) == kept
    assert site.status(neighbour) == "running"


@pytest.mark.parametrize("kind", OF_PARTITIONS)
@pytest.mark.parametrize("when", ["at the start", "while it is held"])
def test_a_key_of_a_partition_stops_that_partition_alone_until_it_is_mended(
    site: Site, caplog: pytest.LogCaptureFixture, kind: str, when: str
) -> None:
    worker, other = site.worker(), elsewhere(site, "w")
    key = key_of(site, kind, "w")
    if when == "while it is held":
        site.settle(worker)
    lives = {
        "w": ["started", "paused", "resumed", "finished"],
        other: ["started", "paused", "resumed", "finished"],
    }
    entries = [site.event(subject, name) for subject, life in lives.items() for name in life]
    entries += [site.event("w", "begun", machine="nobody"), site.event("ü", "paused")]
    entries.append(site.event(beside(site, "w"), "paused"))
    if kind not in ("events", "meta", "dead"):
        spoil(site, key)
        site.emit(*entries)
        site.route()
    else:
        site.emit(*entries)
        site.route()
        kept = site.client.call("DUMP", key) if site.client.exists(key) else None
        spoil(site, key)
    for _ in range(20):
        site.now_ms += 1_500
        worker.step(0)
    assert site.status(other) == "ok"
    told = [line for line in lines(caplog) if key.decode() in line]
    assert len(told) <= 1
    if kind in ("outbox", "open", "ended", "events", "meta", "deadlines", "held"):
        assert told
        assert "rename or delete it" in told[0]
    assert lines(caplog) == told
    site.client.delete(key)
    if kind in ("events", "meta", "dead") and kept is not None:
        site.client.call("RESTORE", key, 0, kept)
    site.end_leases()
    for _ in range(20):
        site.now_ms += 1_500
        worker.step(0)
    assert site.status("w") == "ok"
    assert [record.event.type.rpartition(".")[2] for record in site.records("w")][:4] == lives["w"]


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_while_one_partition_is_spoilt_the_others_are_folded_without_pause(site: Site, partition: int) -> None:
    spoil(site, site.keys.of(partition).outbox)
    worker = site.worker()
    subjects = [f"w-{number}" for number in range(40)]
    site.emit(*(site.event(subject, name) for name in ("started", "finished") for subject in subjects))
    site.route()
    steps = 0
    while worker.step(0):
        steps += 1
    assert steps < 20
    healthy = [subject for subject in subjects if site.of(subject) is not site.keys.of(partition)]
    assert {site.status(subject) for subject in healthy} == {"ok"}


def test_a_run_whose_journal_was_replaced_does_not_keep_the_others_from_retention(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    worker = site.worker()
    neighbour = beside(site, "w")
    site.emit(*(site.event(subject, name) for name in ("started", "finished") for subject in ("w", neighbour)))
    site.settle(worker)
    site.deliver()
    spoil(site, site.of("w").journal("w", 1))
    for _ in range(3):
        site.pass_ms(worker, 8 * 86_400_000)
    assert site.view(neighbour) is None
    assert len([line for line in lines(caplog) if "journal:1:w" in line]) == 1
    site.client.delete(site.of("w").journal("w", 1))
    site.pass_ms(worker, 1_001)
    assert site.view("w") is None
