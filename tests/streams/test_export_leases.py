"""Export leases: one process exports a partition at a time, and a successor need not wait longer than it must."""

import logging
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable

import pytest

from streams.errors import FencedError
from streams.export_leases import ExportLeases
from streams.outbox import Acknowledgement, Outbox, OutboxItem
from tests.streams.site import Site
from tests.support.seeds import SEED
from tests.support.waiting import wait_for

LEASE_MS = 60_000
PARTITIONS = 7
HOLD = """
import sys
from streams.client import connect
from streams.export_leases import ExportLeases
from streams.keys import Keys
leases = ExportLeases(connect(sys.argv[1]), Keys(sys.argv[2]), 7, 3_600_000, lambda: 0)
leases.step()
print(len(leases.take_up()), flush=True)
sys.stdin.read()
"""


class Clock:
    """Milliseconds that are set by hand."""

    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


def _stands_still() -> int:
    return 0


def _leases(site: Site, now_ms: Callable[[], int] = _stands_still, lease_ms: int = LEASE_MS) -> ExportLeases:
    return ExportLeases(site.client, site.keys, PARTITIONS, lease_ms, now_ms)


def _turn(*all_leases: ExportLeases) -> list[dict[int, bytes]]:
    """As often as it takes to hand over: each keeps its leases, and lets go of what it is to give up."""
    for _ in range(3):
        for leases in all_leases:
            leases.step()
            leases.take_up()
    return [dict(leases.take_up()) for leases in all_leases]


def _expire(site: Site, partitions: Iterable[int] = range(PARTITIONS)) -> None:
    """Let leases be ones that have run out."""
    for number in partitions:
        if site.client.exists(site.keys.of(number).exporter):
            site.client.call("HSET", site.keys.of(number).exporter, "until", 1)


def _put(site: Site) -> bytes:
    """An outbox entry in partition 0."""
    return bytes(site.client.call("XADD", site.keys.of(0).outbox, "*", "b", b"\x90"))


def test_exporters_share_the_partitions_and_who_stops_leaves_them_to_the_others(site: Site) -> None:
    first, second = _leases(site), _leases(site)
    first.step()
    assert sorted(first.take_up()) == [*range(PARTITIONS)]
    mine, others = _turn(first, second)
    assert (len(mine), len(others)) == (4, 3)
    assert sorted([*mine, *others]) == [*range(PARTITIONS)]
    first.release()
    second.step()
    assert sorted(second.take_up()) == [*range(PARTITIONS)]
    assert second.take_up().items() >= others.items()


def test_shares_are_even_after_any_change_and_then_nothing_moves(site: Site) -> None:
    choose = random.Random(SEED)
    here: list[ExportLeases] = []
    for _ in range(25):
        if len(here) < 2 or (len(here) < 9 and choose.random() < 0.5):
            here.append(_leases(site))
        else:
            gone = here.pop(choose.randrange(len(here)))
            if choose.random() < 0.5:
                gone.release()
            else:
                _expire(site, gone.take_up())
                site.client.hdel(site.keys.exporters, gone._name)
        choose.shuffle(here)
        held = _turn(*here)
        assert sorted(number for one in held for number in one) == [*range(PARTITIONS)]
        assert max(map(len, held)) - min(map(len, held)) <= 1
        assert _turn(*here) == held


def test_what_is_to_be_given_up_stays_until_the_exporting_thread_has_let_go_of_it(site: Site) -> None:
    first, second = _leases(site), _leases(site)
    first.step()
    in_hand = dict(first.take_up())
    second.step()
    for _ in range(3):
        first.step()
        second.step()
    assert not second.take_up()
    assert not first.allows({6: in_hand[6]})
    assert first.allows({0: in_hand[0]})
    assert sorted(first.take_up()) == [0, 1, 2, 3]
    first.step()
    second.step()
    assert sorted(second.take_up()) == [4, 5, 6]


def test_what_nobody_has_taken_up_is_given_up_at_once(site: Site) -> None:
    first, second = _leases(site), _leases(site)
    first.step()
    second.step()
    first.step()
    second.step()
    assert sorted(second.take_up()) == [4, 5, 6]


def test_a_request_may_begin_only_under_the_lease_that_was_taken_up(site: Site) -> None:
    leases = _leases(site)
    leases.step()
    before = dict(leases.take_up())
    assert leases.allows(before)
    for number in range(PARTITIONS):
        site.client.delete(site.keys.of(number).exporter)
    leases.step()
    assert sorted(leases.take_up()) == [*range(PARTITIONS)]
    assert not leases.allows({0: before[0]})
    assert leases.allows(leases.take_up())


def test_a_lease_is_counted_on_until_a_third_of_it_is_left(site: Site) -> None:
    clock = Clock()
    leases = _leases(site, clock)
    leases.step()
    held = leases.take_up()
    clock.ms = LEASE_MS * 2 // 3 - 1
    assert leases.take_up() == held
    assert leases.allows(held)
    clock.ms = LEASE_MS * 2 // 3
    assert not leases.take_up()
    assert not leases.allows(held)
    leases.step()
    assert leases.take_up() == held


def test_who_could_not_renew_for_long_takes_only_what_was_given_up_for_one_lease(site: Site) -> None:
    clock = Clock()
    first, second, third = _leases(site, clock), _leases(site), _leases(site)
    _turn(first, second, third)
    given_up, run_out = sorted(second.take_up()), sorted(third.take_up())
    second.release()
    _expire(site, run_out)
    site.client.delete(site.keys.exporters)
    mine = sorted(first.take_up())
    clock.ms = LEASE_MS
    first.step()
    assert sorted(first.take_up()) == sorted([*mine, *given_up])
    clock.ms = 2 * LEASE_MS - 1
    first.step()
    assert sorted(first.take_up()) == sorted([*mine, *given_up])


def test_a_process_that_was_killed_is_succeeded_at_once(site: Site) -> None:
    command = [sys.executable, "-c", HOLD, site.url, site.keys.prefix]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"7"
        leases = _leases(site)
        leases.step()
        assert not leases.take_up()
        holder.kill()
        holder.wait()
        leases.step()
        assert sorted(leases.take_up()) == [*range(PARTITIONS)]


def test_an_acknowledgement_of_one_who_was_succeeded_writes_nothing(site: Site) -> None:
    first, second = _leases(site), _leases(site)
    first.step()
    late = first.take_up()
    _expire(site)
    site.client.delete(site.keys.exporters)
    second.step()
    entry, outbox = _put(site), Outbox(site.client, site.keys, PARTITIONS)
    with pytest.raises(FencedError):
        outbox.acknowledge(0, Acknowledgement([entry], [(OutboxItem("w", 1, 2, False), b"state")]), 1, late[0])
    assert site.client.call("XLEN", site.keys.of(0).outbox) == 1
    assert site.client.call("EXISTS", site.keys.of(0).trace("w", 1)) == 0
    outbox.acknowledge(0, Acknowledgement([entry]), 1, second.take_up()[0])
    assert site.client.call("XLEN", site.keys.of(0).outbox) == 0


def test_a_lease_that_ran_out_and_that_nobody_took_still_acknowledges(site: Site) -> None:
    leases = _leases(site)
    leases.step()
    held = leases.take_up()
    _expire(site)
    Outbox(site.client, site.keys, PARTITIONS).acknowledge(0, Acknowledgement([_put(site)]), 1, held[0])
    assert site.client.call("XLEN", site.keys.of(0).outbox) == 0


def test_a_key_of_the_wrong_type_leaves_the_other_partitions_alone(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.client.call("SET", site.keys.of(1).exporter, "a text")
    leases = _leases(site)
    for _ in range(3):
        leases.tend()
    assert sorted(leases.take_up()) == [0, 2, 3, 4, 5, 6]
    (line,) = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert "exporter holds a string, not a hash" in line


def test_what_keeps_it_from_renewing_is_said_once_and_ends_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    leases = _leases(site)
    leases.step()
    site.client.delete(site.keys.exporters)
    site.client.call("SET", site.keys.exporters, "a text")
    for _ in range(3):
        leases.tend()
    assert sorted(leases.take_up()) == [*range(PARTITIONS)]
    (line,) = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert "exporters holds a string, not a hash" in line


def test_leases_are_kept_until_the_process_ends(site: Site) -> None:
    leases = _leases(site, lease_ms=300)
    leases.step()
    stop = threading.Event()
    keeper = threading.Thread(target=leases.keep, args=(stop,))
    keeper.start()
    first_until = site.client.call("HGET", site.keys.of(0).exporter, "until")
    assert wait_for(lambda: site.client.call("HGET", site.keys.of(0).exporter, "until") > first_until)
    stop.set()
    keeper.join()
