"""Numbers of workflows, against what is known of each."""

from streams.counts import Counts, StateCount, count_states
from streams.histogram import LONG_SECONDS
from tests.streams.site import PARTITIONS, START_MS, Site

SINCE_START = 301  # seconds


def count(site: Site) -> Counts:
    return count_states(site.client, site.keys, PARTITIONS, START_MS + SINCE_START * 1_000)


def test_workflows_are_counted_by_status_and_state_with_the_time_in_it(site: Site) -> None:
    worker = site.worker()
    site.emit(*(site.event(f"w-{number}", "started", time="2026-11-22T16:00:00Z") for number in range(6)))
    site.emit(site.event("w-0", "finished"), site.event("w-1", "failed"), site.event("early", "paused"))
    site.emit(site.event("w-2", "paused", time="2026-11-22T16:05:00Z"))
    site.settle(worker)
    statuses, states = count(site)
    assert statuses == {("job", "ok"): 1, ("job", "error"): 1, ("job", "running"): 4, ("", "waiting"): 1}
    assert states == {
        ("job", "running"): StateCount(3, START_MS, tuple(3 * (bound >= SINCE_START) for bound in LONG_SECONDS)),
        ("job", "paused"): StateCount(1, START_MS + 300_000, tuple(int(bound >= 1) for bound in LONG_SECONDS)),
    }


def test_nothing_is_counted_where_nothing_is(site: Site) -> None:
    assert count(site) == ({}, {})


def test_an_index_that_is_something_else_counts_as_empty(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "started"))
    site.settle(worker)
    with site.still:
        site.client.delete(site.of("w").index(b"in:job:running"))
        site.client.call("SET", site.of("w").index(b"in:job:running"), "x")
    assert count(site) == ({("job", "running"): 1}, {})
