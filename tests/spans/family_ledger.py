"""Families in a real outbox: their journals by partition, and what has to become of them."""

import itertools
from collections import Counter

from opentelemetry.sdk.trace import SpanLimits

from spans.limits import keep_within
from spans.otlp import encode_span
from spans.plan import plan
from streams.keys import Keys, partition_of
from streams.outbox import OutboxItem
from tests.spans.family_journals import NAMESPACE, Kin
from tests.spans.ledger import PARTITIONS, Ledger

LIMITS = SpanLimits()
_NUMBERS = itertools.count()


def encoded(kin: Kin) -> list[bytes]:
    """The spans of a run, planned alone."""
    return [encode_span(keep_within(LIMITS, span)) for span in plan(NAMESPACE, kin.name, kin.head, kin.records).spans]


def whole(family: Kin) -> Counter[bytes]:
    """The spans of a family, each run planned alone."""
    return Counter(span for kin in family.everyone for span in encoded(kin))


def write(ledger: Ledger, family: Kin) -> None:
    """The journals of a family that has ended, in the partitions where they belong; nothing is in the outbox yet."""
    for kin in family.everyone:
        partition = partition_of(kin.name, PARTITIONS)
        ledger.write(kin.name, kin.head, kin.records, partition=partition)
        ledger.client.zadd(ledger.keys.of(partition).ended, {f"1:{kin.name}": "inf"})


def put(ledger: Ledger, kin: Kin, entries: int | None = None) -> None:
    """An outbox entry of a run: all of it, or a part."""
    item = OutboxItem(kin.name, kin.head.run, entries or len(kin.records) + 1, entries is None)
    ledger.put(item, partition=partition_of(kin.name, PARTITIONS))


def fresh(ledger: Ledger) -> Ledger:
    """One with nothing in it."""
    return Ledger(ledger.client, Keys(f"{ledger.keys.prefix}-{next(_NUMBERS)}"))


def marks(ledger: Ledger, family: Kin) -> set[float | None]:
    """When runs of the family were delivered."""
    return {
        ledger.delivered_ms(kin.name, kin.head.run, partition=partition_of(kin.name, PARTITIONS))
        for kin in family.everyone
    }


def journal_key(ledger: Ledger, kin: Kin) -> bytes:
    """Where a run's journal is."""
    return ledger.keys.of(partition_of(kin.name, PARTITIONS)).journal(kin.name, kin.head.run)
