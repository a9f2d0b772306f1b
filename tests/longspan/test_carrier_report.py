"""What the carrier tells of its work arrives in the worker's process."""

from pathlib import Path

import pytest

from longspan.carrier_process import CarrierProcess
from longspan.carrier_report import CarrierReport, RoutingReport, read_report
from longspan.export_report import ExportReport
from longspan.receiver import Receiver
from streams.keys import Keys
from streams.layout import settle_partitions
from tests.spans.export_runs import RUN
from tests.spans.journals import header
from tests.spans.ledger import PARTITIONS, Ledger
from tests.support.probe import Probe
from tests.support.servers import Server
from tests.support.waiting import wait_for


def test_the_worker_knows_whether_its_carrier_routes_and_what_it_has_sent(
    valkey_server: Server, prefix: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LONGSPAN_PREFIX", prefix)
    monkeypatch.setenv("LONGSPAN_LEASE", "1s")
    monkeypatch.setenv("LONGSPAN_DATA", str(tmp_path))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    with Probe(valkey_server.url) as client:
        ledger = Ledger(client, Keys(prefix))
        settle_partitions(client, ledger.keys, PARTITIONS)
        ledger.finish("o-1", header(), RUN)
        carrier = CarrierProcess(give_up=lambda: None)
        carrier.start(valkey_server.url)
        carrier.go()
        try:
            wait_for(lambda: carrier.report.exporting.sent, 30)
            report = carrier.report.exporting
            assert (report.sent, report.requests, report.held, report.refused) == (3, 1, PARTITIONS, 0)
            assert 0 < report.request_seconds < 30
            assert carrier.report.routing == RoutingReport(active=True)
            client.set(ledger.keys.events, "no stream")
            wait_for(lambda: "holds a string" in carrier.report.routing.trouble)
            client.delete(ledger.keys.events)
            wait_for(lambda: not carrier.report.routing.trouble)
        finally:
            carrier.stop()
        assert carrier.report == CarrierReport()
        assert ledger.waiting() == 0
        assert not client.exists(ledger.keys.exporters, ledger.keys.router)


def test_a_line_that_is_no_report_is_passed_over() -> None:
    assert read_report(b"warning: something\n") is None
    assert read_report(b'{"exporting": {"sent": 2}}\n') == CarrierReport(exporting=ExportReport(sent=2))
