"""The exporter follows its leases: it sends what it holds, and nothing of what it does not."""

import pytest
from opentelemetry.sdk.trace import SpanLimits

from spans.export import Exporter
from streams.errors import FencedError
from tests.spans.export_runs import NOW_MS, RUN, Endpoint, drain
from tests.spans.journals import header
from tests.spans.ledger import Ledger
from tests.spans.pauses import Pauses


def _exporter(ledger: Ledger, endpoint: Endpoint, held: set[int]) -> Exporter:
    return Exporter(
        ledger.outbox,
        endpoint,
        "default",
        SpanLimits(),
        now_ms=lambda: NOW_MS,
        spread=lambda: 1.0,
        held=lambda: frozenset(held),
    )


def test_it_waits_while_it_holds_nothing(ledger: Ledger) -> None:
    ledger.finish("one", header(), RUN)
    endpoint, held, pauses = Endpoint(), set[int](), Pauses()
    exporting = _exporter(ledger, endpoint, held)
    assert not exporting.drain_once(pauses, 250)
    assert pauses.seconds == [0.25]
    assert not endpoint.requests
    held.add(0)
    drain(exporting)
    assert [len(request) for request in endpoint.requests] == [3]


def test_it_sends_only_what_it_holds_and_takes_up_what_it_gets(ledger: Ledger) -> None:
    ledger.finish("one", header(), RUN)
    ledger.finish("two", header(), RUN, partition=1)
    endpoint, held = Endpoint(), {1}
    exporting = _exporter(ledger, endpoint, held)
    drain(exporting)
    assert (ledger.waiting(), len(endpoint.requests)) == (1, 1)
    held.add(0)
    drain(exporting)
    assert (ledger.waiting(), len(endpoint.requests)) == (0, 2)


def test_after_an_acknowledgement_that_came_too_late_it_goes_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.finish("one", header(), RUN)
    endpoint = Endpoint()
    exporting = _exporter(ledger, endpoint, {0})

    def refuse(partition: int, *_: object) -> None:
        raise FencedError(partition)

    with monkeypatch.context() as patched:
        patched.setattr(ledger.outbox, "acknowledge", refuse)
        exporting.drain_once(Pauses(), 1)
    assert ledger.waiting() == 1
    assert "sent and not acknowledged" in caplog.text
    drain(exporting)
    assert ledger.waiting() == 0
