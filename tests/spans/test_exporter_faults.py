"""The export when spans are refused, journals cannot be told, and the server goes away."""

import logging
from collections.abc import Callable, Sequence
from itertools import chain

import pytest

from spans.answer import Answer, Refused
from spans.ids import trace_id
from streams.outbox import OutboxItem
from tests.spans.endpoints import AnsweringReceiver
from tests.spans.export_runs import RUN, WHOLE, Deliver, Endpoint, drain, exporter, ids
from tests.spans.journals import header, record
from tests.spans.ledger import Ledger
from tests.spans.pauses import Pauses


def test_a_refused_span_is_kept_with_status_and_reason_and_the_rest_arrives(ledger: Ledger) -> None:
    ledger.finish("o-1", header(), RUN)
    ledger.finish("o-2", header(), RUN)
    (bad,) = ids("o-1", ("b", 1))

    class Picky(Endpoint):
        """Refuses one span."""

        def send(self, spans: Sequence[bytes]) -> Answer:
            """Refuse whatever it is in."""
            if any(span[20:28].hex() == bad for span in spans):
                return Refused(400, "bad span")
            return super().send(spans)

    endpoint = Picky()
    exporting = exporter(ledger, endpoint)
    drain(exporting)
    assert sorted(chain.from_iterable(endpoint.ids)) == sorted([*ids("o-1", ("a", 1), ("", 0)), *ids("o-2", *WHOLE)])
    (kept,) = ledger.refused()
    assert kept[b"span"][20:28].hex() == bad
    assert (kept[b"status"], kept[b"reason"], kept[b"workflow"], kept[b"run"]) == (b"400", b"bad span", b"o-1", b"1")
    assert (ledger.waiting(), exporting.tally.refused) == (0, 1)


def test_a_partial_success_is_kept_as_a_note(ledger: Ledger, deliver: Deliver) -> None:
    ledger.finish("o-1", header(), RUN)
    said = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}'
    with AnsweringReceiver((200, {"Content-Type": "application/json"}, said)) as receiver:
        drain(exporter(ledger, deliver(receiver.endpoint)))
        assert receiver.request_count == 1
    (note,) = ledger.refused()
    assert (note[b"span"], note[b"rejected"], note[b"reason"]) == (b"", b"1", b"too old")
    assert note[b"trace_ids"].decode() == f"{trace_id('default', 'order', 'o-1', 1):032x}"
    assert ledger.waiting() == 0


def contradiction(ledger: Ledger) -> None:
    ledger.finish("bad", header(), [record("x", "-a", "*z", at=0, outcome="ok")])


def lost_journal(ledger: Ledger) -> None:
    ledger.put(OutboxItem("bad", 1, 4, True))


def cut_journal(ledger: Ledger) -> None:
    ledger.write("bad", header(), RUN[:1])
    ledger.put(OutboxItem("bad", 1, 4, True))


def endless_journal(ledger: Ledger) -> None:
    ledger.finish("bad", header(), RUN[:2])


def rubbish_journal(ledger: Ledger) -> None:
    ledger.client.rpush(ledger.keys.of(0).journal("bad", 1), b"\xc1", b"rubbish")
    ledger.put(OutboxItem("bad", 1, 2, True))


def other_key(ledger: Ledger) -> None:
    ledger.client.set(ledger.keys.of(0).journal("bad", 1), b"text")
    ledger.put(OutboxItem("bad", 1, 2, True))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (contradiction, "contradicts itself"),
        (lost_journal, "holds 0 of 4 entries"),
        (cut_journal, "holds 2 of 4 entries"),
        (endless_journal, "does not end within 3 entries"),
        (rubbish_journal, "cannot be read"),
        (other_key, "holds 0 of 2 entries"),
    ],
)
def test_a_journal_that_cannot_be_told_is_set_aside_with_the_reason_and_holds_up_nobody(
    ledger: Ledger, spoil: Callable[[Ledger], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.finish("o-1", header(), RUN)
    spoil(ledger)
    ledger.finish("o-2", header(), RUN)
    endpoint = Endpoint()
    exporting = exporter(ledger, endpoint)
    with caplog.at_level(logging.WARNING):
        drain(exporting)
    assert endpoint.ids == [[*ids("o-1", *WHOLE), *ids("o-2", *WHOLE)]]
    (kept,) = ledger.refused()
    assert reason in kept[b"reason"].decode()
    assert (kept[b"workflow"], kept[b"span"]) == (b"bad", b"")
    assert (ledger.waiting(), exporting.tally.unreadable) == (0, 1)
    assert [line for line in caplog.messages if "'bad'" in line]


class FailingOnce:
    """An outbox that loses the connection once, before or after a command has had its effect."""

    def __init__(self, ledger: Ledger, command: str, *, after: bool) -> None:
        self._outbox, self._command, self._after = ledger.outbox, command, after
        self.partitions = ledger.outbox.partitions
        self.failed = False

    def __getattr__(self, name: str) -> Callable[..., object]:
        method: Callable[..., object] = getattr(self._outbox, name)

        def call(*args: object) -> object:
            if name == self._command and not self.failed:
                self.failed = True
                if self._after:
                    method(*args)
                raise ConnectionError("Connection reset by peer")
            return method(*args)

        return call


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("command", ["read", "states", "journals", "acknowledge_each"])
def test_a_connection_that_is_lost_at_any_command_neither_loses_nor_repeats_a_span(
    ledger: Ledger, command: str, after: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        ledger.finish(f"o-{number}", header(), RUN, partition=number % 2)
    outbox, endpoint, stop = FailingOnce(ledger, command, after=after), Endpoint(), Pauses()
    exporting = exporter(ledger, endpoint, outbox=outbox)  # type: ignore[arg-type]  # an Outbox, and one fault
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            exporting.step(stop, 1)
    assert outbox.failed
    assert ledger.waiting() == 0
    assert sorted(chain.from_iterable(endpoint.ids)) == sorted(
        one for number in range(4) for one in ids(f"o-{number}", *WHOLE)
    )
    if command in ("read", "acknowledge_each"):
        assert [line.split(":")[0] for line in caplog.messages] == [
            "The outbox cannot be read or acknowledged, trying again",
            "The outbox can be read again.",
        ]
