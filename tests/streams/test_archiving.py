"""The archive as retention sees it: nothing leaves Redis that is not kept, and nothing waits for that."""

import errno
from collections.abc import Iterator

import pytest

from streams.archiving import Archiving, EndedRun
from streams.worker import Worker
from tests.streams.site import PARTITIONS, Site

RETENTION_MS = 60_000


class Shelf:
    """Keeps in memory what a real archive keeps in files, unless it is full."""

    def __init__(self) -> None:
        self.full = False
        self.batches: list[list[tuple[str, int, list[str]]]] = []

    def keep(self, partition: int, runs: Iterator[EndedRun]) -> None:
        batch = [
            (run.workflow_id, run.header.run, [record.event.type.rpartition(".")[2] for record in run.records])
            for run in runs
        ]
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device", "/archive")
        self.batches.append(batch)

    @property
    def runs(self) -> list[tuple[str, int, list[str]]]:
        return sorted(run for batch in self.batches for run in batch)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def archiving(site: Site, shelf: Shelf, linger_ms: int = 0) -> Archiving:
    return Archiving(site.connect, site.keys, PARTITIONS, shelf.keep, linger_ms)


def write(archive: Archiving, site: Site) -> None:
    """What the thread does when it is asked."""
    while not archive._asked.empty():
        asked = archive._asked.get()
        assert asked is not None
        try:
            archive.write_batch(site.client, *asked)
        except OSError as error:
            archive._tell(str(error))
        archive._queued.discard(asked[0])


def ended(site: Site, worker: Worker, *subjects: str) -> None:
    """Runs that were delivered longer ago than they are kept."""
    for subject in subjects:
        site.emit(site.event(subject, "started"), site.event(subject, "finished"))
    site.settle(worker)
    site.deliver()
    site.pass_ms(worker, RETENTION_MS + 1_000)


def test_a_run_leaves_redis_only_when_it_is_kept(site: Site, shelf: Shelf) -> None:
    archive = archiving(site, shelf)
    worker = site.worker(retention_ms=RETENTION_MS, archive=archive)
    ended(site, worker, "one", "two")
    assert site.records("one"), "it is not kept yet"
    write(archive, site)
    assert shelf.runs == [("one", 1, ["started", "finished"]), ("two", 1, ["started", "finished"])]
    site.pass_ms(worker, 2_000)
    assert site.view("one") is None
    assert not site.records("two", 1)


def test_while_it_cannot_be_written_runs_stay_and_events_go_on(
    site: Site, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.full = True
    archive = archiving(site, shelf)
    worker = site.worker(retention_ms=RETENTION_MS, archive=archive)
    ended(site, worker, "one")
    for _ in range(3):
        write(archive, site)
        site.pass_ms(worker, 10_000)
    site.emit(site.event("later", "started"))
    site.settle(worker)
    assert site.status("later") == "running"
    assert site.records("one")
    assert [line for line in caplog.messages if "archive" in line] == [
        "The archive cannot be written: [Errno 28] No space left on device: '/archive'. What retention would delete"
        " stays in Redis until it can."
    ]
    shelf.full = False
    site.pass_ms(worker, 10_000)
    write(archive, site)
    site.pass_ms(worker, 2_000)
    assert site.view("one") is None
    assert [run[0] for run in shelf.runs] == ["one"]


def test_what_came_after_it_was_kept_is_kept_too(site: Site, shelf: Shelf) -> None:
    archive = archiving(site, shelf)
    worker = site.worker(retention_ms=RETENTION_MS, archive=archive)
    ended(site, worker, "one")
    write(archive, site)
    site.emit(site.event("one", "paused"))
    site.settle(worker)
    assert site.records("one"), "no time has passed yet"
    for _ in range(3):
        site.pass_ms(worker, 2_000)
        write(archive, site)
    assert shelf.runs == [("one", 1, ["started", "finished"]), ("one", 1, ["started", "finished", "paused"])]
    assert site.view("one") is None


def test_a_name_that_comes_again_is_another_run(site: Site, shelf: Shelf) -> None:
    archive = archiving(site, shelf)
    worker = site.worker(retention_ms=RETENTION_MS, archive=archive)
    ended(site, worker, "one")
    write(archive, site)
    stale = {partition: dict(kept) for partition, kept in archive._kept.items()}
    site.pass_ms(worker, 2_000)
    assert site.view("one") is None
    archive._kept = stale  # as where another worker had the partition meanwhile, and deleted it
    ended(site, worker, "one")
    site.pass_ms(worker, 2_000)
    assert site.records("one"), "the second one is not kept yet"
    write(archive, site)
    site.pass_ms(worker, 10_000)
    write(archive, site)
    site.pass_ms(worker, 10_000)
    assert [run[0] for run in shelf.runs] == ["one", "one"]
    assert site.view("one") is None


def test_small_batches_wait_for_more(site: Site, shelf: Shelf) -> None:
    archive = archiving(site, shelf, linger_ms=30_000)
    worker = site.worker(retention_ms=RETENTION_MS, archive=archive)
    ended(site, worker, "one")
    write(archive, site)
    assert not shelf.batches
    site.pass_ms(worker, 40_000)
    write(archive, site)
    assert [run[0] for run in shelf.runs] == ["one"]
