"""What the exporter's process tells of its work arrives in the worker's process."""

from pathlib import Path

import pytest

from longspan.export_report import ExportReport, read_report
from longspan.exporter_process import ExporterProcess
from longspan.receiver import Receiver
from streams.keys import Keys
from streams.layout import settle_partitions
from tests.spans.export_runs import RUN
from tests.spans.journals import header
from tests.spans.ledger import PARTITIONS, Ledger
from tests.support.probe import Probe
from tests.support.servers import Server
from tests.support.waiting import wait_for


def test_the_worker_knows_what_its_exporter_has_sent(
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
        exporter = ExporterProcess(valkey_server.url, give_up=lambda: None)
        exporter.start()
        try:
            wait_for(lambda: exporter.report.sent, 30)
            report = exporter.report
            assert (report.sent, report.requests, report.held, report.refused) == (3, 1, PARTITIONS, 0)
            assert 0 < report.request_seconds < 30
        finally:
            exporter.stop()
        assert exporter.report == ExportReport()
        assert ledger.waiting() == 0
        assert not client.exists(ledger.keys.exporters)


def test_a_line_that_is_no_report_is_passed_over() -> None:
    assert read_report(b"warning: something\n") is None
    assert read_report(b'{"sent": 2}\n') == ExportReport(sent=2)
