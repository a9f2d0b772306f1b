"""Digests that are put aside: the pages in Redis are those in memory, however many events a commit holds."""

from itertools import accumulate

import pytest

from machines.recollection import PAGES, digest
from streams.status import find_workflow
from tests.streams.site import PARTITIONS, Site
from tests.support.seeds import SEED


@pytest.mark.parametrize("cache", [20_000, 0], ids=["in memory", "read anew"])
def test_pages_in_redis_hold_the_digests_of_the_last_events_in_order(site: Site, cache: int) -> None:
    worker = site.worker(cache=cache)
    sizes = [1, 14, 1, 1, 8, 40, 7, 65, 64, 300, 3, 500, 9, 8, 7, 400, *(1 + (SEED + n) % 20 for n in range(9))]
    entries = [site.event("w", "started"), *(site.event("w", "nonsense") for _ in range(sum(sizes) - 1))]
    for end, size in zip(accumulate(sizes), sizes, strict=True):
        site.emit(*entries[end - size : end])
        site.settle(worker)
        view = find_workflow(site.client, site.keys, PARTITIONS, "w")
        assert view is not None
        pages = site.client.call("LRANGE", site.of("w").seen("w"), 0, -1)
        assert len(pages) == view.snapshot.pages <= PAGES
        marks = b"".join(digest(record.event) for record in site.records("w"))
        remembered = b"".join(pages) + view.snapshot.seen
        assert marks.endswith(remembered)
        assert len(remembered) >= min(len(marks), 12_000)
    site.emit(*entries[-1_000:])
    site.settle(worker)
    assert worker.results == {"applied": 1, "rejected": len(entries) - 1, "duplicate": 1_000}
