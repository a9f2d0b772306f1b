"""Which runs are noted to be sent in parts: those of which a part was sent, and those that are a day old."""

import pytest

from streams.ageing import EVERY_MS
from streams.indexed import PART_AGE_MS
from streams.listed import BATCH, POSTPONE_MS
from streams.outbox import OutboxItem
from streams.worker import Worker
from tests.streams.site import PARTITIONS, START_MS, Site

HOUR_MS = 3_600_000
PART = OutboxItem("w", 1, 4, False)


def noted(site: Site, subject: str = "w") -> bool:
    return site.client.call("ZSCORE", site.of(subject).open, subject) is not None


def items(site: Site) -> list[OutboxItem]:
    return [item for entry in site.outbox() for item in entry.items]


def begin(site: Site, worker: Worker, *, age_ms: int, subject: str = "w") -> None:
    """A run that began so long ago by its own word, with a span to send."""
    site.emit(*(site.event(subject, name) for name in ("started", "paused", "resumed")))
    site.now_ms = START_MS + age_ms
    site.settle(worker)


def test_a_young_run_takes_no_room(site: Site) -> None:
    worker = site.worker()
    begin(site, worker, age_ms=20_000)
    site.pass_ms(worker, HOUR_MS)
    assert not noted(site)
    assert not site.client.exists(site.of("w").open)


@pytest.mark.parametrize(
    "age_ms", [PART_AGE_MS - 600_000, 30 * PART_AGE_MS, -HOUR_MS], ids=["nearly", "long", "future"]
)
def test_a_run_that_tells_of_an_old_or_a_future_start_is_noted_by_its_commit(site: Site, age_ms: int) -> None:
    worker = site.worker()
    begin(site, worker, age_ms=age_ms)
    assert noted(site)
    site.pass_ms(worker, PART_AGE_MS)
    assert items(site) == [PART]


def test_a_run_comes_of_age_though_nobody_held_its_partition_at_that_moment(site: Site) -> None:
    begin(site, site.worker(), age_ms=20_000)
    site.end_leases()
    site.now_ms += 3 * PART_AGE_MS
    worker = site.worker()
    site.pass_ms(worker, 1)
    site.pass_ms(worker, 1_000)
    assert items(site) == [PART]


def test_what_has_come_of_age_is_noted_once_and_remembered_by_the_partition(site: Site) -> None:
    first = site.worker()
    begin(site, first, age_ms=20_000)
    site.pass_ms(first, PART_AGE_MS + EVERY_MS)
    assert noted(site)
    site.client.call("ZREM", site.of("w").open, "w")
    site.end_leases()
    second = site.worker()
    begin(site, second, age_ms=site.now_ms - START_MS, subject="later")
    site.pass_ms(second, 2 * PART_AGE_MS)
    assert not noted(site), "the second did not look at it again"


@pytest.mark.parametrize("apart_ms", [0, 1])
def test_more_runs_than_a_page_all_come_of_age(site: Site, apart_ms: int) -> None:
    keys, count = site.keys.of(0), 2 * BATCH + 1
    worker = site.worker()
    site.settle(worker)
    with site.still:
        site.client.call("SADD", keys.indexes, b"listed:running:job")
        for number in range(count):
            site.client.call("ZADD", keys.index(b"listed:running:job"), START_MS + number * apart_ms, f"gone-{number}")
    site.pass_ms(worker, PART_AGE_MS + EVERY_MS)
    noted, steps = site.client.zcard(keys.open) + BATCH, 1  # a page was looked for in vain already
    assert noted == (BATCH if apart_ms else count)
    while site.client.exists(keys.open) or steps < 3:
        site.pass_ms(worker, 1_000)
        steps += 1
    assert steps == 3
    assert int(site.client.call("HGET", keys.meta, "aged")) >= START_MS + (count - 1) * apart_ms


def test_a_run_that_has_ended_is_noted_no_longer(site: Site) -> None:
    worker = site.worker()
    begin(site, worker, age_ms=20_000)
    site.pass_ms(worker, PART_AGE_MS + EVERY_MS)
    assert noted(site)
    site.emit(site.event("w", "finished"))
    site.settle(worker)
    assert not noted(site)


def test_a_name_that_is_noted_by_mistake_goes_when_its_turn_comes(site: Site) -> None:
    worker = site.worker()
    begin(site, worker, age_ms=20_000)
    site.emit(site.event("w", "finished"))
    site.settle(worker)
    site.client.call("ZADD", site.of("w").open, site.now_ms, "w")
    site.pass_ms(worker, POSTPONE_MS)
    assert not noted(site)


def test_an_index_of_another_type_holds_up_its_partition_alone_and_is_told(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    worker = site.worker()
    begin(site, worker, age_ms=20_000)
    keys = site.of("w")
    with site.still:
        site.client.delete(keys.index(b"listed:running:job"))
        site.client.call("SET", keys.index(b"listed:running:job"), "mine")
    site.pass_ms(worker, PART_AGE_MS + EVERY_MS)
    assert f"{keys.index(b'listed:running:job').decode()} holds a string" in caplog.text
    other = next(f"o-{number}" for number in range(99) if site.of(f"o-{number}") is not keys)
    site.emit(site.event(other, "started"))
    site.settle(worker)
    assert site.status(other) == "running"
    assert PARTITIONS > 1
