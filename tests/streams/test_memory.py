"""A server whose memory is full: what is in it is worked off, and nothing more is taken in until there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from streams.layout import settle_partitions
from streams.outbox import Outbox
from tests.streams.site import PARTITIONS, Site
from tests.support.servers import REDIS, VALKEY, running
from tests.support.waiting import wait_for

SUBJECTS = [f"w-{number}" for number in range(50)]


@pytest.fixture(
    params=[
        pytest.param(VALKEY, id="valkey"),
        pytest.param(REDIS, id="redis", marks=pytest.mark.skipif(REDIS is None, reason="no redis-server on the PATH")),
    ]
)
def full(request: pytest.FixtureRequest, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site with events in every stage, whose server takes no more."""
    with running(request.param, tmp_path / "server") as server:
        site = Site(server.url, prefix, tmp_path)
        settle_partitions(site.client, site.keys, PARTITIONS)
        site.emit(*(site.event(subject, "started") for subject in SUBJECTS), site.event("early", "paused"))
        site.emit(*(site.event(subject, "paused") for subject in SUBJECTS))
        site.route()
        site.emit(*(site.event(subject, "resumed") for subject in SUBJECTS))
        site.client.config_set("maxmemory", "1")
        yield site
        site.close()


def test_a_worker_starts_and_commits_although_nothing_can_be_added(full: Site) -> None:
    assert settle_partitions(full.client, full.keys, None) == PARTITIONS
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        full.emit(full.event("new", "started"))
    worker = full.worker()
    while worker.step(0):
        pass
    assert [len(full.records(subject)) for subject in SUBJECTS] == [2] * len(SUBJECTS)
    full.pass_ms(worker, 900_000)
    assert {full.status(subject) for subject in SUBJECTS} == {"timeout"}
    assert [letter.reason for letter in full.letters()] == ["early"]
    full.deliver()
    Outbox(full.client, full.keys, PARTITIONS).refuse(0, b"span", {"reason": "no"})
    assert full.client.xlen(full.keys.of(0).refused) == 1
    full.pass_ms(worker, 8 * 86_400_000)
    assert full.view("w-1") is None


def test_what_was_accepted_before_is_routed_and_folded_without_a_word(
    full: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with full.running(full.worker()):
        wait_for(lambda: {len(full.records(subject)) for subject in SUBJECTS} == {3})
        wait_for(lambda: full.client.call("XLEN", full.keys.events) == 0)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            full.emit(full.event("new", "started"))
    assert "waits" not in caplog.text
    assert full.letters() == []
