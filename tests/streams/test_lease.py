"""Leases: who may work on a partition, for how long, and when somebody else may."""

import subprocess
import sys

import pytest

from streams.errors import KeyTypeError
from streams.keys import PartitionKeys
from streams.lease import claim, renew, reread
from tests.streams.site import Site
from tests.support.waiting import wait_for

HOLD = """
import sys
from streams.client import connect
from streams.keys import Keys
from streams.lease import claim
from streams.owner import identify
client = connect(sys.argv[1])
assert claim(client, Keys(sys.argv[2]).of(0), identify(), 3_600_000)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owned(site: Site) -> PartitionKeys:
    """The keys of partition 0."""
    return site.keys.of(0)


def test_a_partition_has_one_holder_until_the_lease_is_given_up(site: Site, owned: PartitionKeys) -> None:
    first = claim(site.client, owned, "host/space/1/1", 60_000)
    assert first is not None
    assert first.cursor == b"0-0"
    assert claim(site.client, owned, "host/space/2/1", 60_000) is None
    assert renew(site.client, {owned: first}, 0) == []
    second = claim(site.client, owned, "host/space/2/1", 60_000)
    assert second is not None
    assert second.nonce != first.nonce
    assert renew(site.client, {owned: first}, 60_000) == [owned]


def test_a_lease_that_ran_out_is_anybodys_and_one_that_is_renewed_is_not(site: Site, owned: PartitionKeys) -> None:
    kept = site.keys.of(1)
    first, second = claim(site.client, owned, "a", 30), claim(site.client, kept, "a", 30)
    assert first
    assert second
    renew(site.client, {kept: second}, 60_000)
    assert wait_for(lambda: claim(site.client, owned, "b", 60_000))
    assert claim(site.client, kept, "b", 60_000) is None
    assert renew(site.client, {owned: first, kept: second}, 60_000) == [owned]


def test_giving_up_what_somebody_else_took_leaves_it_theirs(site: Site, owned: PartitionKeys) -> None:
    first = claim(site.client, owned, "a", 60_000)
    assert first
    site.end_leases()
    second = claim(site.client, owned, "b", 60_000)
    assert second
    assert renew(site.client, {owned: first}, 0) == [owned]
    assert reread(site.client, owned, second) == second
    assert reread(site.client, owned, first) is None


def test_the_next_holder_goes_on_from_the_cursor(site: Site, owned: PartitionKeys) -> None:
    assert claim(site.client, owned, "a", 60_000)
    site.client.call("HSET", owned.meta, "cursor", "5-1", "read", 7)
    site.end_leases()
    second = claim(site.client, owned, "b", 60_000)
    assert second
    assert second.cursor == b"5-1"
    assert site.client.hget(owned.meta, "read") == b"7"


def test_the_lease_of_a_process_that_was_killed_is_taken_at_once(site: Site, owned: PartitionKeys) -> None:
    arguments = [sys.executable, "-c", HOLD, site.url, site.keys.prefix]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert claim(site.client, owned, "another", 60_000) is None
        holder.kill()
        taken = wait_for(lambda: claim(site.client, owned, "another", 60_000))
    assert taken
    assert reread(site.client, owned, taken) == taken


def test_a_dead_holder_whose_lease_somebody_else_took_first_is_left_alone(
    site: Site, owned: PartitionKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert claim(site.client, owned, "dead", 60_000)

    def overtake(owner: str) -> bool:
        site.client.call("HSET", owned.meta, "nonce", "faster", "owner", "alive")
        return owner == "dead"

    monkeypatch.setattr("streams.lease.is_dead", overtake)
    assert claim(site.client, owned, "slower", 60_000) is None
    assert site.client.hget(owned.meta, "nonce") == b"faster"


@pytest.mark.parametrize("kind", ["meta", "events"])
def test_a_key_of_the_wrong_type_is_named(site: Site, owned: PartitionKeys, kind: str) -> None:
    lease = claim(site.client, owned, "a", 60_000)
    assert lease
    key: bytes = getattr(owned, kind)
    site.end_leases()
    site.client.call("SET", key, "someone else's")
    before = site.keyspace()
    with pytest.raises(KeyTypeError) as error:
        claim(site.client, owned, "b", 60_000)
    assert error.value.key == key
    assert site.keyspace() == before
    if kind == "meta":
        assert renew(site.client, {owned: lease}, 60_000) == [owned]
        assert reread(site.client, owned, lease) is None


def test_the_position_of_the_group_is_kept_when_the_partition_is_taken_again(site: Site, owned: PartitionKeys) -> None:
    site.client.call("XADD", owned.events, "1-0", "e", "x")
    assert claim(site.client, owned, "a", 60_000)
    site.client.call("XGROUP", "SETID", owned.events, "longspan", "1-0", "ENTRIESREAD", 1)
    site.end_leases()
    assert claim(site.client, owned, "b", 60_000)
    (group,) = site.client.xinfo_groups(owned.events)
    assert (group["lag"], group["entries-read"]) == (0, 1)
