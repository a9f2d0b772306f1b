"""Export leases: one process exports a partition at a time, and a successor need not wait longer than it must."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from streams.errors import FencedError
from streams.export_leases import ExportLeases
from streams.outbox import Outbox, OutboxItem
from tests.streams.site import Site
from tests.support.waiting import wait_for

LEASE_MS = 60_000
HOLD = """
import sys
from streams.client import connect
from streams.export_leases import ExportLeases
from streams.keys import Keys
leases = ExportLeases(connect(sys.argv[1]), Keys(sys.argv[2]), 2, 3_600_000, lambda: 0)
leases.step()
print(len(leases.held()), flush=True)
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
    return ExportLeases(site.client, site.keys, 2, lease_ms, now_ms)


def test_one_process_exports_until_it_gives_up(site: Site) -> None:
    first, second = _leases(site), _leases(site)
    first.step()
    second.step()
    assert sorted(first.held()) == [0, 1]
    assert not second.held()
    first.release()
    second.step()
    assert sorted(second.held()) == [0, 1]
    first.step()
    assert not first.held()


def test_what_could_not_be_renewed_in_time_is_not_counted_on(site: Site) -> None:
    clock = Clock()
    leases = _leases(site, clock)
    leases.step()
    clock.ms = LEASE_MS - 1
    assert leases.held()
    clock.ms = LEASE_MS
    assert not leases.held()
    leases.step()
    assert leases.held()


def test_a_process_that_was_killed_is_succeeded_at_once(site: Site) -> None:
    command = [sys.executable, "-c", HOLD, site.url, site.keys.prefix]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"2"
        leases = _leases(site)
        leases.step()
        assert not leases.held()
        holder.kill()
        holder.wait()
        leases.step()
        assert sorted(leases.held()) == [0, 1]


def test_an_acknowledgement_of_one_who_was_succeeded_writes_nothing(site: Site) -> None:
    first = _leases(site, lease_ms=20)
    first.step()
    late = Outbox(site.client, site.keys, 2, first.nonce)
    second = _leases(site)

    def succeeded() -> bool:
        second.step()
        return sorted(second.held()) == [0, 1]

    assert wait_for(succeeded)
    entry = site.client.call("XADD", site.keys.of(0).outbox, "*", "b", b"\x90")
    with pytest.raises(FencedError):
        late.acknowledge(0, [entry], [(OutboxItem("w", 1, 2, False), b"state")], [], 1)
    assert site.client.call("XLEN", site.keys.of(0).outbox) == 1
    assert site.client.call("EXISTS", site.keys.of(0).trace("w", 1)) == 0
    Outbox(site.client, site.keys, 2, second.nonce).acknowledge(0, [entry], [], [], 1)
    assert site.client.call("XLEN", site.keys.of(0).outbox) == 0


def test_a_lease_that_ran_out_and_that_nobody_took_still_acknowledges(site: Site) -> None:
    clock = Clock()
    leases = _leases(site, clock)
    leases.step()
    clock.ms = LEASE_MS
    assert not leases.held()
    entry = site.client.call("XADD", site.keys.of(0).outbox, "*", "b", b"\x90")
    Outbox(site.client, site.keys, 2, leases.nonce).acknowledge(0, [entry], [], [], 1)
    assert site.client.call("XLEN", site.keys.of(0).outbox) == 0


def test_a_key_of_the_wrong_type_leaves_the_other_partitions_alone(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.client.call("SET", site.keys.of(1).exporter, "a text")
    leases = _leases(site)
    leases.step()
    leases.step()
    assert sorted(leases.held()) == [0]
    assert [record.message for record in caplog.records].count(caplog.records[0].message) == 1
    assert "exporter holds a string, not a hash" in caplog.text


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
