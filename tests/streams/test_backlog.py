"""The backlog: entries are appended whole and in order, as long as fewer than the limit wait."""

import pytest

from streams.backlog import MEASURE_MS, Backlog
from streams.errors import BacklogFullError, KeyTypeError
from streams.resending import SCRIPT_ARGUMENTS
from tests.streams.site import PARTITIONS, Site


def _entries(site: Site, count: int) -> list[dict[bytes, bytes]]:
    return [site.event("wf", "started") for _ in range(count)]


def test_entries_are_appended_in_order_and_their_ids_told(site: Site) -> None:
    entries = _entries(site, 500)
    ids = Backlog(site.keys, 10).append(site.client, PARTITIONS, 0, entries)
    stored = site.client.call("XRANGE", site.keys.events, "-", "+")
    assert [entry_id for entry_id, _ in stored] == ids
    assert [flat[1] for _, flat in stored] == [entry[b"id"] for entry in entries]


def test_at_the_limit_nothing_of_a_batch_is_appended(site: Site) -> None:
    backlog = Backlog(site.keys, 3)
    backlog.append(site.client, PARTITIONS, 0, _entries(site, 3))
    with pytest.raises(BacklogFullError) as caught:
        backlog.append(site.client, PARTITIONS, 0, _entries(site, 2))
    assert (caught.value.waiting, caught.value.limit) == (3, 3)
    assert site.client.call("XLEN", site.keys.events) == 3


def test_what_waits_in_the_partitions_counts_and_what_was_applied_does_not(site: Site) -> None:
    backlog, worker = Backlog(site.keys, 20), site.worker()
    backlog.append(site.client, PARTITIONS, 0, _entries(site, 30))
    site.route()
    assert site.client.call("XLEN", site.keys.events) == 0
    with pytest.raises(BacklogFullError):
        backlog.append(site.client, PARTITIONS, MEASURE_MS, _entries(site, 1))
    site.settle(worker)
    with pytest.raises(BacklogFullError):  # it is measured so often and no more
        backlog.append(site.client, PARTITIONS, 2 * MEASURE_MS - 1, _entries(site, 1))
    assert len(backlog.append(site.client, PARTITIONS, 2 * MEASURE_MS, _entries(site, 1))) == 1


def test_an_entry_too_large_for_a_script_keeps_its_place_and_the_limit(site: Site) -> None:
    backlog = Backlog(site.keys, 2)
    many = {b"x%d" % number: b"" for number in range(SCRIPT_ARGUMENTS)}
    first, large, last = site.event("wf", "started"), site.event("wf", "started") | many, site.event("wf", "started")
    ids = backlog.append(site.client, PARTITIONS, 0, [first, large])
    assert [entry_id for entry_id, _ in site.client.call("XRANGE", site.keys.events, "-", "+")] == ids
    for refused in ([large], [last]):
        with pytest.raises(BacklogFullError):
            backlog.append(site.client, PARTITIONS, 0, refused)
    assert site.client.call("XLEN", site.keys.events) == 2


def test_a_key_of_another_type_is_told(site: Site) -> None:
    site.client.call("SET", site.keys.events, "x")
    with pytest.raises(KeyTypeError):
        Backlog(site.keys, 2).append(site.client, PARTITIONS, 0, _entries(site, 1))
