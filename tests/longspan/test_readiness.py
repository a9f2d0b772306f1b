"""When a worker lives and when it is ready, and what it says where it is not."""

from collections.abc import Callable

import pytest

from longspan.carrier_report import CarrierReport, RoutingReport
from longspan.export_report import ExportReport
from longspan.readiness import LIVE_SECONDS, STALE_SECONDS
from streams.pressure import Memory
from tests.longspan.probed import Probed


def test_a_loop_that_turns_in_vain_lives_and_one_that_hangs_does_not(probed: Probed) -> None:
    assert probed.get("/livez") == (200, "text/plain; charset=utf-8", "ok\n")
    probed.now += LIVE_SECONDS - 1
    assert probed.get("/livez")[0] == 200
    probed.statistics.worker.failed(ConnectionError("away"))
    probed.now += LIVE_SECONDS - 1
    assert probed.get("/livez")[0] == 200
    probed.now += 2
    assert probed.get("/livez")[0] == 503


def test_a_worker_is_ready_when_it_holds_its_share_and_nothing_keeps_it_from_its_work(probed: Probed) -> None:
    status, checks = probed.checks()
    assert (status, checks["partitions"]["verdict"]) == (503, "fail")
    probed.work()
    status, checks = probed.checks()
    assert status == 200
    assert {name: check["verdict"] for name, check in checks.items()} == dict.fromkeys(
        ("redis", "partitions", "outbox", "memory", "exporter", "router"), "ok"
    )
    assert checks["partitions"]["detail"] == "2 of 4 are held, 2 are the fair share of 2 workers"
    assert checks["router"]["detail"] == "stands by for another worker"


def waits(probed: Probed) -> None:
    probed.statistics.worker.failed(ConnectionError("away"))


def hangs(probed: Probed) -> None:
    probed.now += STALE_SECONDS + 1


def holds_nothing(probed: Probed) -> None:
    probed.statistics.held = frozenset()


def holds_little(probed: Probed) -> None:
    probed.statistics.held = frozenset({1})


def has_no_carrier(probed: Probed) -> None:
    probed.carrier.alive = False


def exports_in_vain(probed: Probed) -> None:
    report = ExportReport(unavailable_since_ms=1_795_363_200_000, last_error="503")
    probed.carrier.report = CarrierReport(exporting=report)


def routes_in_vain(probed: Probed) -> None:
    probed.carrier.report = CarrierReport(RoutingReport(trouble="ConnectionError: away"))


def is_full(probed: Probed) -> None:
    probed.pressure.waiting, probed.pressure.full = {0: 40, 1: 100}, frozenset({1})


def is_short_of_memory(probed: Probed) -> None:
    probed.pressure.memory = Memory(95 << 20, 100 << 20)


def is_out_of_memory(probed: Probed) -> None:
    probed.pressure.memory = Memory(100 << 20, 100 << 20)


@pytest.mark.parametrize(
    ("trouble", "check", "verdict", "detail"),
    [
        (waits, "redis", "fail", "the worker waits: ConnectionError: away"),
        (hangs, "redis", "fail", "no turn of the worker for 21 s"),
        (holds_nothing, "partitions", "fail", "0 of 4 are held, 2 are the fair share of 2 workers"),
        (holds_little, "partitions", "warn", "1 of 4 are held, 2 are the fair share of 2 workers"),
        (is_full, "outbox", "fail", "140 traces wait for the endpoint; at the limit and not read: partitions 1"),
        (is_short_of_memory, "memory", "warn", "Redis uses 95 MiB of 100 MiB"),
        (is_out_of_memory, "memory", "fail", "Redis uses 100 MiB of 100 MiB"),
        (has_no_carrier, "exporter", "fail", "its process does not run"),
        (has_no_carrier, "router", "fail", "its process does not run"),
        (exports_in_vain, "exporter", "warn", "the endpoint takes nothing since 2026-11-22T16:00:00Z: 503"),
        (routes_in_vain, "router", "fail", "the router waits: ConnectionError: away"),
    ],
)
def test_each_check_says_what_is_wrong_and_what_to_do(
    probed: Probed, trouble: Callable[[Probed], None], check: str, verdict: str, detail: str
) -> None:
    probed.work()
    trouble(probed)
    status, checks = probed.checks()
    assert status == (503 if verdict == "fail" else 200)
    assert (checks[check]["verdict"], checks[check]["detail"]) == (verdict, detail)
    assert checks[check]["remedy"]
    expected = ["exporter", "router"] if trouble is has_no_carrier else [check]
    assert [name for name, found in checks.items() if found["verdict"] != "ok"] == expected
