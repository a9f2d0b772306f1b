"""A slot that is on its way to another node: what its partition cannot do now holds up no other one."""

from collections.abc import Iterator
from contextlib import closing
from logging import getLogger

import pytest
from redis.crc import key_slot

from spans.debts import Debts
from streams.client import Client, connect
from streams.ingress import LOOK_EVERY, Router, emit
from streams.keys import Keys, partition_of, run_member
from streams.lease import claim, claim_each
from streams.outbox import Acknowledgement, Outbox
from streams.resting import SHORTLY_MS, Resting
from tests.support.cluster import ClusterServer, SlotMover
from tests.support.seeds import SEED


@pytest.fixture
def client(cluster_server: ClusterServer) -> Iterator[Client]:
    """A client of the cluster."""
    with connect(cluster_server.url) as client:
        yield client


def test_a_partition_whose_slot_is_being_moved_is_not_taken_and_the_others_are(
    cluster_server: ClusterServer, client: Client, prefix: str
) -> None:
    first, second = (Keys(prefix).of(number) for number in range(2))
    client.call_all([("HSET", first.meta, "etag", "1"), ("XADD", first.events, "1-1", "e", "")])
    with (
        closing(SlotMover(cluster_server, [first.meta], SEED)) as mover,
        mover.half_way(key_slot(first.meta)) as migrate,
    ):
        migrate(first.meta)
        taken = claim_each(client, [first, second], "somebody", 60_000)
        assert [lease is not None for lease in taken] == [False, True]
    assert claim(client, first, "somebody", 60_000)


def test_the_router_passes_over_a_partition_whose_slot_is_being_moved_until_it_has_arrived(
    cluster_server: ClusterServer, client: Client, prefix: str
) -> None:
    keys, router = Keys(prefix), Router(client, Keys(prefix), 2)
    names = [next(str(n) for n in range(99) if partition_of(str(n), 2) == partition) for partition in range(2)]

    def send(event_id: str) -> None:
        fields = {b"type": b"t", b"machine": b"m", b"id": event_id.encode()}
        emit(client, keys, [fields | {b"subject": name.encode()} for name in names])

    def routed() -> list[int]:
        return [client.call("XLEN", keys.of(partition).events) for partition in range(2)]

    meta = keys.of(0).meta
    with closing(SlotMover(cluster_server, [meta], SEED)) as mover:
        send("1")
        router.step(0)
        assert routed() == [1, 1]
        with mover.half_way(key_slot(meta)) as migrate:
            migrate(meta)
            for number in range(2, 5):
                send(str(number))
                router.step(0)
            assert routed() == [1, 4]
        for number in range(5, 5 + LOOK_EVERY):  # there is always something else to do
            send(str(number))
            router.step(0)
        assert routed() == [4 + LOOK_EVERY] * 2
    assert client.call("XLEN", keys.events) == 0


def test_what_cannot_be_acknowledged_while_a_slot_is_being_moved_holds_up_nobody_else(
    cluster_server: ClusterServer, client: Client, prefix: str
) -> None:
    keys, outbox, resting = (
        Keys(prefix),
        Outbox(client, Keys(prefix), 2),
        Resting(getLogger(), "%d %s", lambda: clock[0]),
    )
    clock, debts = [0], Debts(outbox, lambda: clock[0], resting)
    child = next((str(n), 1) for n in range(99) if partition_of(str(n), 2) == 0)
    for owned in map(keys.of, range(2)):
        client.call("XADD", owned.outbox, "1-0", "b", "")
        client.call("ZADD", owned.ended, "+inf", run_member(*child))
    marked = ("ZSCORE", keys.of(0).ended, run_member(*child))
    with closing(SlotMover(cluster_server, [keys.of(0).outbox], SEED)) as mover:
        with mover.half_way(key_slot(keys.of(0).outbox)) as migrate:
            migrate(keys.of(0).outbox)
            debts.acknowledge(0, Acknowledgement([b"1-0"]), b"")
            debts.acknowledge(1, Acknowledgement([b"1-0"]), b"")
            debts.acknowledge(1, Acknowledgement([], children=[child]), b"")
            assert debts.settle() == set()
            assert [client.call("XLEN", keys.of(number).outbox) for number in range(2)] == [1, 0]
            assert sorted(debts) == [0, 1]  # what was sent of the parent waits for the mark of its child
            assert client.call(*marked) == b"inf"
        clock[0] += SHORTLY_MS
        debts.settle()
    assert not debts
    assert client.call("XLEN", keys.of(0).outbox) == 0
    assert client.call(*marked) != b"inf"
