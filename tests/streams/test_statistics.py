"""What a worker notes of its own work: how long runs took that ended, each once, and how long commits take."""

from streams.statistics import MOST_MACHINES, OTHER, Statistics
from tests.streams.site import Site


def test_a_run_that_ends_is_noted_once_with_the_time_that_its_events_tell(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("a", "started"), site.event("a", "paused"), site.event("a", "resumed"))
    site.settle(worker)
    assert worker.statistics.run_seconds == {}
    site.emit(site.event("a", "finished"), site.event("a", "finished"), site.event("b", "started"))
    site.emit(site.event("b", "failed"))
    site.settle(worker)
    noted = worker.statistics.run_seconds
    assert {place: (sum(took.counts), took.sum) for place, took in noted.items()} == {
        ("job", "ok"): (1, 3.0),
        ("job", "error"): (1, 1.0),
    }
    assert sum(worker.statistics.commit_seconds.counts) == sum(worker.statistics.batch_seconds.counts) == 2


def test_a_run_that_a_deadline_ends_is_noted(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("a", "started"), site.event("a", "paused"))
    site.settle(worker)
    site.pass_ms(worker, 700_000)
    assert worker.statistics.run_seconds["job", "timeout"].sum == 601.0


def test_what_was_not_committed_is_not_noted(site: Site) -> None:
    former, worker = site.worker(), site.worker()
    site.emit(site.event("a", "started"))
    site.settle(former)
    site.emit(site.event("a", "finished"))
    site.route()
    site.end_leases()
    while worker.step(0):
        pass
    while former.step(0):
        pass
    noted = [statistics.run_seconds for statistics in (former.statistics, worker.statistics)]
    assert [sum(sum(took.counts) for took in each.values()) for each in noted] == [0, 1]


def test_machines_beyond_a_number_are_taken_together() -> None:
    statistics = Statistics(lambda: 0.0)
    statistics.ended((f"m{number}", "ok", 1_000_000_000) for number in range(MOST_MACHINES + 30))
    statistics.ended([("m0", "ok", 0), ("late", "error", 0)])
    assert len(statistics.run_seconds) == MOST_MACHINES + 2
    assert sum(statistics.run_seconds[OTHER, "ok"].counts) == 30
    assert sum(statistics.run_seconds["m0", "ok"].counts) == 2
