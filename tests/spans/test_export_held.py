"""The exporter follows its leases: it sends what it holds, and nothing of what it does not."""

from collections.abc import Sequence

import pytest

from spans import export
from spans.answer import Answer
from tests.spans.export_runs import RUN, WHOLE, Endpoint, Held, drain, exporter, ids
from tests.spans.journals import header
from tests.spans.ledger import Ledger
from tests.spans.pauses import Pauses


def test_it_waits_while_it_holds_nothing(ledger: Ledger) -> None:
    ledger.finish("one", header(), RUN)
    endpoint, held, pauses = Endpoint(), Held({}), Pauses()
    exporting = exporter(ledger, endpoint, held)
    assert not exporting.drain_once(pauses, 250)
    assert pauses.seconds == [0.25]
    assert not endpoint.requests
    held.nonces[0] = b""
    drain(exporting)
    assert [len(request) for request in endpoint.requests] == [3]


def test_it_sends_only_what_it_holds_and_takes_up_what_it_gets(ledger: Ledger) -> None:
    ledger.finish("one", header(), RUN)
    ledger.finish("two", header(), RUN, partition=1)
    endpoint, held = Endpoint(), Held({1: b""})
    exporting = exporter(ledger, endpoint, held)
    drain(exporting)
    assert (ledger.waiting(), len(endpoint.requests)) == (1, 1)
    held.nonces[0] = b""
    drain(exporting)
    assert (ledger.waiting(), len(endpoint.requests)) == (0, 2)


def test_after_an_acknowledgement_that_came_too_late_it_goes_on_with_the_next_lease_only(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.finish("one", header(), RUN)
    ledger.hold(0, b"first")

    class Late(Endpoint):
        """Meanwhile another process takes the lease."""

        def send(self, spans: Sequence[bytes]) -> Answer:
            """Accept."""
            ledger.hold(0, b"of another")
            return super().send(spans)

    endpoint, held = Late(), Held({0: b"first"})
    exporting = exporter(ledger, endpoint, held)
    exporting.drain_once(Pauses(), 1)
    assert "sent and not acknowledged" in caplog.text
    drain(exporting)
    assert (ledger.waiting(), len(endpoint.requests)) == (1, 1)
    held.nonces[0] = b""
    drain(exporting)
    assert (ledger.waiting(), len(endpoint.requests)) == (0, 2)


@pytest.mark.parametrize("fallen", [b"", b"of another life"])
def test_nothing_is_sent_or_set_aside_under_a_lease_that_redis_has_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, fallen: bytes
) -> None:
    monkeypatch.setattr(export, "MOST_ITEMS", 1)
    for number in range(2):
        ledger.finish(f"o-{number}", header(), RUN)
    ledger.hold(0, b"first")
    endpoint, held = Endpoint(), Held({0: b"first"})
    exporting = exporter(ledger, endpoint, held)
    exporting.drain_once(Pauses(), 1)
    ledger.client.delete(*ledger.client.scan_iter(match=f"{ledger.keys.prefix}:*"))
    if fallen:
        ledger.hold(0, fallen)
    exporting.drain_once(Pauses(), 1)  # what was in hand
    ledger.finish("o-2", header(), RUN)
    drain(exporting)
    assert endpoint.ids == [ids("o-0", *WHOLE)]
    assert (ledger.waiting(), ledger.refused()) == (1, [])
    held.nonces[0] = b"second"
    ledger.hold(0, b"second")
    drain(exporting)
    assert endpoint.ids == [ids("o-0", *WHOLE), ids("o-2", *WHOLE)]
    assert (ledger.waiting(), ledger.refused()) == (0, [])


class Leasing(Endpoint):
    """Changes who holds partition 0 while the first request is under way."""

    def __init__(self, held: Held, nonce: bytes | None) -> None:
        super().__init__()
        self._held, self._nonce = held, nonce

    def send(self, spans: Sequence[bytes]) -> Answer:
        """Accept."""
        if not self.requests:
            self._held.nonces = {} if self._nonce is None else {0: self._nonce}
        return super().send(spans)


@pytest.mark.parametrize("nonce", [None, b"of another life"])
def test_no_request_begins_for_what_was_read_under_a_lease_that_is_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, nonce: bytes | None
) -> None:
    monkeypatch.setattr(export, "MOST_SPANS", 3)
    for number in range(3):
        ledger.finish(f"o-{number}", header(), RUN)
    held = Held({0: b""})
    endpoint = Leasing(held, nonce)
    exporter(ledger, endpoint, held).drain_once(Pauses(), 1)
    assert endpoint.ids == [ids("o-0", *WHOLE)]
    assert ledger.waiting() == 2


def test_what_is_in_hand_of_a_lease_that_was_lost_and_came_back_is_read_anew(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_ITEMS", 1)
    for number in range(3):
        ledger.finish(f"o-{number}", header(), RUN)
    endpoint, held, elsewhere = Endpoint(), Held({0: b""}), Endpoint()
    exporting = exporter(ledger, endpoint, held)
    exporting.drain_once(Pauses(), 1)
    drain(exporter(ledger, elsewhere))
    held.nonces[0] = b"of another life"
    drain(exporting)
    assert (endpoint.ids, elsewhere.ids) == ([ids("o-0", *WHOLE)], [ids("o-1", *WHOLE), ids("o-2", *WHOLE)])
