"""What doctor says about the work: who is there, which partitions nobody holds, what waits, what is overdue and why."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.findings import Finding
from longspan.store import Store
from longspan.work import examine_work
from streams.client import connect
from streams.keys import partition_of
from tests.streams.site import JOB, PARTITIONS, Site
from tests.support.servers import Server

HOUR_MS = 3_600_000


@pytest.fixture
def site(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site with one workflow that has a deadline, ten minutes after its start."""
    site = Site(valkey_server.url, prefix, tmp_path)
    site.emit(site.event("w", "started"), site.event("w", "paused"))
    site.route()
    yield site
    site.close()


def examine(site: Site, at_ms: int | None = None) -> dict[str, Finding]:
    """The findings at a time, by default the server's."""
    seconds, _ = site.client.call("TIME")
    with connect(site.url) as client:
        store = Store(client, site.keys, site.url, "here")
        found = list(examine_work(store, PARTITIONS, at_ms or int(seconds) * 1_000))
    assert all(bool(finding.remedy) == (finding.verdict != "ok") for finding in found)
    return {finding.check: finding for finding in found}


def test_where_nobody_works_that_is_said(site: Site) -> None:
    site.settle(site.worker())
    site.emit(site.event("w", "resumed"))
    site.route()
    site.end_leases()
    findings = examine(site)
    assert (findings["worker"].verdict, findings["worker"].detail) == ("fail", "none is running")
    assert findings["backlog"].detail == "1 events are routed and not folded yet"
    assert findings["ingress"].verdict == "ok"


def test_workers_are_named_and_so_are_partitions_that_nobody_holds(site: Site) -> None:
    workers = [site.worker(), site.worker()]
    for worker in [*workers, *workers]:
        site.settle(worker)
        site.now_ms += 1_000
    finding = examine(site)["worker"]
    assert finding.verdict == "ok"
    assert finding.detail.startswith("2 running: ")
    for number in (0, 3):
        site.client.call("HSET", site.keys.of(number).meta, "until", 1)
    finding = examine(site)["worker"]
    assert (finding.verdict, finding.detail.partition("; ")[2]) == ("warn", "no worker holds partition 0, 3")
    site.client.delete(site.keys.workers)
    assert "longspan worker" in examine(site)["worker"].remedy


def test_an_ingress_stream_that_nobody_routes_is_told(site: Site) -> None:
    site.emit(site.event("v", "started"))
    seconds, _ = site.client.call("TIME")
    assert examine(site)["ingress"].verdict == "ok"
    finding = examine(site, (int(seconds) + 60) * 1_000)["ingress"]
    assert finding.verdict == "warn"
    assert finding.detail.startswith("1 events are not routed yet, the oldest for 5")
    site.client.call("SET", site.keys.events, "someone else's")
    finding = examine(site)["ingress"]
    assert (finding.verdict, "holds a string, not a stream" in finding.detail) == ("fail", True)


def test_what_is_overdue_is_told_with_its_cause(site: Site) -> None:
    worker = site.worker()
    site.settle(worker)
    site.now_ms += HOUR_MS
    late = examine(site, site.now_ms)["deadlines"]
    assert (late.verdict, late.detail) == ("warn", "1 of 1 are overdue, the first for 49m 58s: workflow w")
    assert late.remedy.startswith("What arrived before it was due goes first")
    home = partition_of("w", PARTITIONS)
    worker._upkeep.step({home: worker._holdings.leases[home]}, site.now_ms)
    assert examine(site, site.now_ms)["deadlines"].remedy.startswith("It has fired and waits")
    site.end_leases()
    without = site.worker(catalog=site.load(JOB | {"version": 2}))
    site.settle(without)
    assert examine(site, site.now_ms)["deadlines"].remedy == "Load its machine in every worker: job 1"
    site.end_leases()
    late = examine(site)["deadlines"]
    assert (late.verdict, late.remedy) == ("warn", "No worker is there to fire them: longspan worker")
    site.settle(site.worker())
    assert examine(site)["deadlines"].detail == "0 workflows have one, none is overdue"


def test_events_that_have_waited_for_too_long_are_told(site: Site) -> None:
    site.emit(site.event("early", "paused"))
    site.settle(site.worker())
    assert (
        examine(site, site.now_ms)["waits"].detail == "1 workflows have events that wait for others, none for too long"
    )
    finding = examine(site, site.now_ms + HOUR_MS)["waits"]
    assert (finding.verdict, finding.detail.partition(" have")[0]) == ("warn", "1 of 1 workflows")
