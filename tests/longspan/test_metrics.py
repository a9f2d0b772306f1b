"""Metrics of a worker: what they say, where it comes from, and that the reference tells all of them."""

import re
import socket
from importlib.metadata import version
from pathlib import Path

from msgspec.structs import replace
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from longspan.carrier_report import RoutingReport
from streams.keys import Keys
from tests.longspan.probed import Probed

REFERENCE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_metrics_are_what_the_worker_noted_and_what_redis_says(probed: Probed, prefix: str) -> None:
    keys = Keys(prefix)
    probed.work()
    probed.carrier.report = replace(probed.carrier.report, routing=RoutingReport(True))
    probed.statistics.lost = 3
    probed.client.call("XADD", keys.events, "*", "id", "1")
    for number in (0, 1, 3):  # 3 is not held by this worker
        probed.client.call("XADD", keys.of(number).outbox, "*", "b", "x")
        probed.client.call("XADD", keys.of(number).dead, "*", "reason", "late")
    probed.client.call("XADD", keys.of(0).events, "1-0", "e", "x")
    probed.pressure.step({0, 1}, 600)
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in probed.metrics().values()
        for sample in family.samples
    }
    assert values["longspan_info", "acme", version("longspan")] == 1
    assert values["longspan_partitions",] == 4
    assert values["longspan_partitions_held",] == 2
    assert values["longspan_router_active",] == 1
    assert (values["longspan_exporter_up",], values["longspan_endpoint_up",]) == (1, 1)
    assert [values["longspan_exported_spans_total", result] for result in ("sent", "rejected", "refused")] == [30, 1, 2]
    assert values["longspan_export_request_duration_seconds_sum",] == 0.5
    assert values["longspan_export_request_duration_seconds_bucket", "0.025"] == 3
    assert values["longspan_redis_memory_used_bytes",] * 2 == values["longspan_redis_memory_limit_bytes",]
    assert values["longspan_redis_up",] == 1
    assert values["longspan_lease_losses_total",] == 3
    assert values["longspan_events_total", "applied"] == 7
    assert values["longspan_batch_duration_seconds_bucket", "0.01"] == 0
    assert values["longspan_batch_duration_seconds_bucket", "0.025"] == 1
    assert values["longspan_batch_entries_sum",] == 8
    assert values["longspan_commit_duration_seconds_bucket", "0.0025"] == 1
    assert values["longspan_run_duration_seconds_sum", "job", "ok"] == 90
    assert values["longspan_run_duration_seconds_bucket", "60.0", "job", "ok"] == 0
    assert values["longspan_run_duration_seconds_bucket", "300.0", "job", "ok"] == 1
    assert values["longspan_run_duration_seconds_count", "job", "error"] == 1
    assert values["longspan_ingress_entries",] == 1
    assert 0 <= values["longspan_ingress_oldest_age_seconds",] < 60
    assert values["longspan_partition_lag_seconds", "0"] > 86_400
    assert values["longspan_partition_lag_seconds", "1"] == 0
    assert values["longspan_dead_letters",] == 2
    assert values["longspan_waiting_traces", "0"] == 1
    assert values["longspan_outbox_entries", "1"] == 1
    assert ("longspan_outbox_entries", "3") not in values
    assert values["longspan_back_pressure", "0"] == 0
    assert 0 <= values["longspan_outbox_oldest_age_seconds", "0"] < 60


def test_openmetrics_is_answered_to_who_asks_for_it_and_text_to_anyone_else(probed: Probed) -> None:
    probed.work()
    _, content_type, body = probed.get("/metrics", Accept="application/openmetrics-text;version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = parse_openmetrics(body)  # type: ignore[no-untyped-call]  # left untyped there
    assert {family.name for family in families} > {"longspan_events", "process_resident_memory_bytes"}
    for accept in ("", "*/*", "text/plain;version=x", "\xff" * 50):
        status, content_type, _ = probed.get("/metrics", Accept=accept)
        assert (status, content_type.partition(";")[0]) == (200, "text/plain")


def test_a_scrape_does_without_a_server_that_does_not_answer(prefix: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        probed = Probed(f"redis://127.0.0.1:{silent.getsockname()[1]}", Keys(prefix))
        try:
            metrics = probed.metrics()
        finally:
            probed.health.stop()
    assert metrics["longspan_redis_up"].samples[0].value == 0
    assert "longspan_ingress_entries" not in metrics


def test_several_scrapers_at_once_look_into_redis_once(probed: Probed) -> None:
    probed.work()

    def looks() -> int:
        return int(probed.client.call("INFO", "commandstats").partition(b"cmdstat_evalsha_ro:calls=")[2].split(b",")[0])

    probed.get("/metrics")
    before = looks()
    for _ in range(3):
        probed.get("/metrics")
    assert looks() == before
    probed.now += 1.0
    probed.get("/metrics")
    assert looks() == before + 3  # two partitions and the ingress stream


def test_the_reference_has_a_row_for_each_metric_and_for_no_other(probed: Probed) -> None:
    probed.work()
    section = REFERENCE.read_text().partition("### Of the workers\n")[2].partition("\n### ")[0]
    told = {
        (name, kind)
        for name, kind in re.findall(r"^\| `(longspan_\w+)`(?: by [\w, ]+)? \| (\w+) \|", section, re.MULTILINE)
    }
    shown = {(name + "_total" * (family.type == "counter"), family.type) for name, family in probed.metrics().items()}
    assert told == shown
