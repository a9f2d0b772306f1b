"""Indexes of partitions that a version of Longspan wrote to which kept none."""

import logging

import pytest

from streams.counts import find_running
from streams.errors import FencedError
from streams.reindexing import Reindexing
from streams.worker import Worker
from tests.streams.indexing import assert_indexed, name_trace
from tests.streams.site import PARTITIONS, Site

RUNS = [
    ("open", ["started", "paused"]),
    ("again", ["started", "finished", "started"]),
    ("ended", ["started", "failed"]),
]


def live(site: Site, worker: Worker) -> None:
    """Workflows that run, have ended, wait for their start, or for a machine."""
    for number in range(6):
        for subject, names in RUNS:
            site.emit(*(site.event(f"{subject}-{number}", name, data='{"label":"x"}') for name in names))
        site.emit(site.event(f"early-{number}", "paused"), site.event(f"parked-{number}", "on", machine="nobody"))
    site.settle(worker)


def forget_indexes(site: Site) -> None:
    """Leave everything as a version that keeps no indexes would have."""
    with site.still:
        for partition in range(PARTITIONS):
            keys = site.keys.of(partition)
            for index in find_running(site.client, [keys])[0]:
                for member in site.client.call("ZRANGE", index, 0, -1):
                    site.client.call("ZADD", keys.open, site.now_ms, member)
            for name in (*map(keys.index, site.client.call("SMEMBERS", keys.indexes)), keys.indexes):
                site.client.delete(name)
            for name in list(site.client.scan_iter(match=f"{keys.tag.decode()}traces:*")):
                site.client.delete(name)
            site.client.call("HSET", keys.meta, "etag", "somebody's")


def test_a_worker_makes_indexes_of_what_an_older_version_left(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    live(site, site.worker(name_trace=name_trace))
    forget_indexes(site)
    site.end_leases()
    with caplog.at_level(logging.INFO, "streams.reindexing"):
        site.worker(name_trace=name_trace).step(0)
    assert_indexed(site)
    assert len([record for record in caplog.records if "made anew" in record.message]) == PARTITIONS


def test_what_an_older_version_did_in_between_is_put_right(site: Site) -> None:
    first = site.worker(name_trace=name_trace)
    live(site, first)
    before = {site.of(f"open-{number}").index(b"in:job:paused") for number in range(6)}
    for name in before:  # as if they had gone on since, by a worker that does not know of indexes
        with site.still:
            site.client.call("ZADD", name, 5, "gone")
    for partition in range(PARTITIONS):
        site.client.call("HSET", site.keys.of(partition).meta, "etag", "another's")
    site.end_leases()
    site.worker(name_trace=name_trace).step(0)
    assert_indexed(site)


def test_indexes_that_were_kept_are_not_made_anew(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    live(site, site.worker(name_trace=name_trace))
    site.end_leases()
    with caplog.at_level(logging.INFO, "streams.reindexing"):
        second = site.worker(name_trace=name_trace)
        site.emit(site.event("open-1", "resumed"))
        site.settle(second)
        site.end_leases()
        site.worker(name_trace=name_trace).step(0)
    assert not [record for record in caplog.records if record.name == "streams.reindexing"]
    assert_indexed(site)


def test_indexes_that_could_not_be_finished_are_begun_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    live(site, site.worker(name_trace=name_trace))
    forget_indexes(site)
    site.end_leases()

    def fail(*_: object) -> None:
        raise FencedError(0)

    worker = site.worker(name_trace=name_trace)
    with monkeypatch.context() as patch:
        patch.setattr(Reindexing, "_list_traces", fail)
        worker.step(0)
    site.pass_ms(worker, 1_000)
    assert_indexed(site)
