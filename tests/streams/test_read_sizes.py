"""Reading: what comes in one read is bounded in bytes over all partitions together."""

import pytest

from streams.keys import partition_of
from streams.lease import claim
from streams.pace import BYTES_AIM
from streams.reading import Reading
from tests.streams.site import PARTITIONS, START_MS, Site

LARGE = 200_000  # bytes of data


@pytest.mark.parametrize("large", [range(PARTITIONS), [0], [PARTITIONS - 1]])
def test_large_events_stay_within_the_aim_in_whichever_partitions_they_are(site: Site, large: list[int]) -> None:
    leases = {number: claim(site.client, site.keys.of(number), "w", 60_000) for number in range(PARTITIONS)}
    held = {number: lease for number, lease in leases.items() if lease is not None}
    counts = dict.fromkeys(range(PARTITIONS), 0)
    number = 0
    while min(counts.values()) < 30:
        subject, number = f"w-{number}", number + 1
        partition = partition_of(subject, PARTITIONS)
        counts[partition] += 1
        text = "x" * (LARGE if partition in large else 10)
        site.emit(site.event(subject, "started", data=f'{{"label":"{text}"}}'))
    site.route()
    reading = Reading(site.connect(), site.keys, 250, lambda: START_MS)
    sizes = []
    for _ in range(6):
        batch = reading.read(held, (), 0)
        assert set(batch) == set(range(PARTITIONS))
        sizes.append(sum(len(part) for entries in batch.values() for _, fields in entries for part in fields))
    assert max(sizes[1:]) <= BYTES_AIM
    assert all(len(entries) > 1 for entries in batch.values())
