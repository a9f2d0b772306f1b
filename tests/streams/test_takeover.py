"""Two owners, lost answers and lost connections: whatever a worker believes, Redis decides, once."""

from collections.abc import Callable, Sequence

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.client import Argument, connect
from streams.scripts import COMMIT, ROUTE
from tests.streams.interruption import Hook, Interrupted, Turns, holds
from tests.streams.proxy import Proxy
from tests.streams.site import Site

NEVER_MS = 3_600_000  # the lease of a worker that will not ask whether it still holds it
LIFE = ["started", "paused", "resumed", "paused", "resumed", "finished"]


def emit_life(site: Site, *subjects: str) -> None:
    """The whole life of workflows, in turns."""
    site.emit(*(site.event(subject, name) for name in LIFE for subject in subjects))


def assert_lived(site: Site, *subjects: str) -> None:
    """Each workflow has had each event once, and is in the outbox once."""
    for subject in subjects:
        records = site.records(subject)
        assert [record.event.type.rpartition(".")[2] for record in records] == LIFE
        assert {record.result for record in records} == {"applied"}
    runs = sorted((item.workflow_id, item.run) for entry in site.outbox() for item in entry.items)
    assert runs == [(subject, 1) for subject in sorted(subjects)]
    assert site.letters() == []


def test_a_worker_that_was_suspended_between_read_and_commit_commits_nothing(site: Site) -> None:
    subjects = [f"w-{number}" for number in range(12)]
    overtaken: list[dict[bytes, object]] = []

    def overtake(commands: Sequence[Sequence[Argument]]) -> None:
        if holds(commands, COMMIT._hash) and not overtaken:
            overtaken.append(site.keyspace())
            site.end_leases()
            site.settle(second)
            overtaken.append(site.keyspace())

    first = site.worker(lambda: Interrupted(site.connect(), before=overtake))
    first.step(0)
    second = site.worker()
    emit_life(site, *subjects)
    site.route()
    first.step(0)
    assert len(overtaken) == 2
    assert overtaken[0] != overtaken[1] == site.keyspace()
    assert_lived(site, *subjects)
    site.now_ms += 5_000
    assert first.step(0) == 0
    site.end_leases()
    site.now_ms += 5_000
    assert first.step(0) == 0
    emit_life(site, "next")
    site.settle(first)
    assert_lived(site, *subjects, "next")


def test_two_workers_that_snatch_the_partitions_from_each_other_apply_each_event_once(site: Site) -> None:
    subjects = [f"w-{number}" for number in range(40)]
    workers = [site.worker(batch=3, lease_ms=NEVER_MS), site.worker(batch=3, lease_ms=NEVER_MS)]
    emit_life(site, *subjects)
    site.route()
    for worker in workers:
        worker._reading.pace.count = 3
    for turn in range(40):
        site.now_ms += 1_001
        if turn % 3 == 0:
            site.end_leases()
        workers[turn % 2].step(0)
    site.end_leases()
    site.settle(site.worker())
    assert_lived(site, *subjects)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), st.integers(1, 16), st.booleans()), min_size=4, max_size=20))
def test_two_workers_in_any_interleaving_of_their_round_trips_apply_each_event_once(
    valkey_site: Site, schedule: list[tuple[str, int, bool]]
) -> None:
    """The schedule says who goes on for how many round trips, and whether all leases have run out before."""
    site = valkey_site
    site.client.delete(*site.keyspace() or [b"-"])
    router = site.router()
    router._pace.count = 5

    def steps(hook: Hook) -> Callable[[], object]:
        worker = site.worker(lambda: Interrupted(site.connect(), before=hook), batch=2, lease_ms=NEVER_MS)
        return lambda: [worker.step(0) for _ in range(20)]

    emit_life(site, "a", "b", "c")
    workers = {"one": Turns(steps), "two": Turns(steps)}
    for who, count, end_leases in schedule:
        site.now_ms += 1_001
        router.step(0)
        if end_leases:
            site.end_leases()
        for _ in range(count):
            workers[who].advance()
    for worker in workers.values():
        worker.finish()
        assert worker.error is None
    site.end_leases()
    site.settle(site.worker())
    assert_lived(site, "a", "b", "c")


@pytest.mark.parametrize("script", [COMMIT, ROUTE])
def test_an_answer_that_was_lost_doubles_nothing(site: Site, script: object) -> None:
    subjects = [f"w-{number}" for number in range(8)]
    marker: str = script._hash  # type: ignore[attr-defined]  # a script of ours
    with Proxy(int(site.url.rpartition(":")[2])) as proxy:
        near = connect(f"redis://127.0.0.1:{proxy.port}")
        worker, router = site.worker(lambda: near), site.router(near)
        worker.step(0)
        for turn in range(len(LIFE)):
            site.emit(*(site.event(subject, LIFE[turn]) for subject in subjects))
            proxy.cut_after(marker.encode())
            for act in (router.step, worker.step):
                try:
                    act(0)
                except redis.ConnectionError:
                    router.restart()
                    act(0)
            assert proxy.cuts == turn + 1
        near.close()
    assert_lived(site, *subjects)


@pytest.mark.parametrize("script", [COMMIT, ROUTE, None])
def test_connections_that_are_killed_at_any_moment_double_nothing(site: Site, script: object) -> None:
    def kill(commands: Sequence[Sequence[Argument]]) -> None:
        if script is None or holds(commands, script._hash):  # type: ignore[attr-defined]  # a script of ours
            site.client.client_kill_filter(_type="normal", skipme=True)

    client = Interrupted(site.connect(), before=kill)
    worker, router = site.worker(lambda: client), site.router(client)
    emit_life(site, *(f"w-{number}" for number in range(8)))
    for _ in range(60):
        for step in (router.step, worker.step):
            try:
                step(0)
            except redis.ConnectionError:
                router.restart()
    assert_lived(site, *(f"w-{number}" for number in range(8)))


def test_leases_outlive_a_server_that_is_away_for_several_tries(site: Site) -> None:
    away: list[bool] = []

    def refuse(commands: object) -> None:
        if away:
            raise redis.ConnectionError("away")

    worker = site.worker(lambda: Interrupted(site.connect(), before=refuse))
    worker.step(0)
    emit_life(site, "w")
    site.route()
    away.append(True)
    for _ in range(5):
        with pytest.raises(redis.ConnectionError):
            worker.step(0)
    away.clear()
    assert worker.step(0) == len(LIFE)
    assert_lived(site, "w")


def test_a_server_that_forgets_everything_is_taken_as_new(site: Site) -> None:
    worker = site.worker()
    emit_life(site, "w")
    site.settle(worker)
    site.client.delete(*site.keyspace())
    site.now_ms += 10_000
    emit_life(site, "w")
    site.settle(worker)
    site.now_ms += 10_000
    site.settle(worker)
    assert_lived(site, "w")


def test_scripts_that_the_server_forgets_at_any_time_cost_nothing(site: Site) -> None:
    worker = site.worker(lambda: Interrupted(site.connect(), before=lambda commands: flush()))

    def flush() -> None:
        site.client.script_flush()

    emit_life(site, "w", "v")
    site.settle(worker)
    assert_lived(site, "w", "v")
