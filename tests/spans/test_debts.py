"""What is owed to the outbox is written once, also where Redis goes away in the middle of it."""

import logging
from collections.abc import Callable, Mapping

import pytest

from spans.debts import Debts
from spans.dispatch import Refusal
from streams.outbox import Acknowledgement
from streams.resting import Resting
from tests.spans.ledger import Ledger


class Leaving:
    """An outbox that loses the connection at its first acknowledgement."""

    def __init__(self, ledger: Ledger) -> None:
        self._outbox = ledger.outbox
        self.left = False

    def __getattr__(self, name: str) -> Callable[..., object]:
        method: Callable[..., object] = getattr(self._outbox, name)
        return method

    def acknowledge_each(self, parts: Mapping[int, tuple[bytes, Acknowledgement]], now_ms: int) -> object:
        """As of an outbox."""
        if parts and not self.left:
            self.left = True
            raise ConnectionError("Connection reset by peer")
        return self._outbox.acknowledge_each(parts, now_ms)


def test_what_was_refused_is_kept_once_though_an_acknowledgement_beside_it_fails(ledger: Ledger) -> None:
    outbox = Leaving(ledger)
    resting = Resting(logging.getLogger("test"), "%d: %s", lambda: 0)
    debts = Debts(outbox, lambda: 0, resting)  # type: ignore[arg-type]  # an Outbox, and one fault
    debts.refuse(Refusal(1, b"span", {"status": "400", "reason": "bad", "workflow": "w", "run": "1"}))
    debts.acknowledge(0, Acknowledgement([b"1-0"]), b"")
    with pytest.raises(ConnectionError):
        debts.settle()
    assert debts.settle() == set()
    assert not debts
    assert len(ledger.refused(1)) == 1
