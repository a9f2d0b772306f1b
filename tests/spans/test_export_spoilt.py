"""Keys of a partition that hold another type: its export rests, told once, and the others are exported meanwhile."""

import logging
from collections.abc import Sequence

import pytest

from spans.answer import Answer, Refused
from streams.resting import REST_MS
from tests.spans.export_runs import NOW_MS, RUN, WHOLE, Endpoint, Held, exporter, ids
from tests.spans.journals import header
from tests.spans.ledger import Ledger
from tests.spans.pauses import Pauses

STEPS = 4
SPOILT = ("outbox", "ended", "refused", "exporter")


class Picky(Endpoint):
    """Refuses the first span of every run for good."""

    def send(self, spans: Sequence[bytes]) -> Answer:
        """Refuse whatever it is in."""
        first = {one for name in ("o-0", "o-1") for one in ids(name, ("a", 1))}
        if any(span[20:28].hex() in first for span in spans):
            return Refused(400, "bad span")
        return super().send(spans)


@pytest.mark.parametrize("kind", SPOILT)
def test_a_key_of_another_type_stops_the_export_of_its_partition_alone_until_it_is_mended(
    ledger: Ledger, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    now = [NOW_MS]
    endpoint, held = Picky(), Held({0: b"zero", 1: b"one"})
    for number, nonce in held.nonces.items():
        ledger.hold(number, nonce)
    exporting = exporter(ledger, endpoint, held, now_ms=lambda: now[0])
    key = getattr(ledger.keys.of(0), kind)

    def spoil() -> None:
        ledger.client.delete(key)
        ledger.client.set(key, b"text")

    def work() -> None:
        for _ in range(STEPS):
            exporting.step(Pauses(), 0)

    ledger.finish("o-0", header(), RUN)
    if kind == "exporter":  # it is lost while a request is under way, else nothing would be sent
        endpoint.meanwhile = spoil
    elif kind == "outbox":
        kept = ledger.client.call("DUMP", key)
        spoil()
    else:
        spoil()
    ledger.finish("o-1", header(), RUN, partition=1)
    with caplog.at_level(logging.INFO):
        work()
        for _ in range(3):
            now[0] += REST_MS
            work()
    others = ids("o-1", *WHOLE[1:])
    assert [one for request in endpoint.ids for one in request if one in others] == others
    assert len(ledger.refused(1)) == 1
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    expected = {"ended": "a string, not a zset", "exporter": "a string, not a hash"}.get(kind, "a string, not a stream")
    assert told == [f"Partition 0 is not exported: key {key.decode()} holds {expected}: rename or delete it"]
    ledger.client.delete(key)
    if kind == "outbox":
        ledger.client.call("RESTORE", key, 0, kept)
    elif kind == "exporter":
        ledger.hold(0, b"zero")
    now[0] += REST_MS
    with caplog.at_level(logging.INFO):
        work()
    assert ledger.waiting() == 0
    assert len(ledger.refused(0)) == 1
    assert sorted(one for request in endpoint.ids for one in request) == sorted(ids("o-0", *WHOLE[1:]) + others)
    assert caplog.messages[-1] == "Partition 0 is exported again."
