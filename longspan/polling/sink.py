"""Where what was polled goes: into the ingress stream, durably, and only what the journals do not have yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longspan.polling.polled import Polled
from machines.instants import format_instant
from machines.mapping_rule import Draft
from streams.backlog import Backlog
from streams.client import Client
from streams.keys import Keys
from streams.polled import find_unknown
from streams.role_leases import RoleLeases
from streams.troubles import Trouble, write_troubles

AT_ONCE = 500  # events


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one answer brought: new events, and what the workflow is to remember once they are sent."""

    polled: Polled
    drafts: Sequence[Draft]
    etag: str | None
    body: bytes
    sent: bytes
    polled_ns: int
    doubt: int = 0


@dataclass(slots=True)
class Delivery:
    """What became of parcels: those that are in Redis, those that are no longer ours to send, and counts of events."""

    done: list[Parcel] = field(default_factory=list)
    refused: list[Parcel] = field(default_factory=list)
    sent: int = 0
    known: int = 0


class Sink:
    """Sends events and writes troubles with a client of its own, in a thread of its own."""

    def __init__(self, client: Client, keys: Keys, partitions: int, backlog: Backlog, leases: RoleLeases) -> None:
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._backlog = backlog
        self._leases = leases

    def write(self, told: Mapping[tuple[int, str], Trouble | None]) -> None:
        """Write troubles. Raises redis.RedisError."""
        if told:
            write_troubles(self._client, self._keys, told)

    def send(self, parcels: Sequence[Parcel], held: Mapping[int, bytes], now_ms: int) -> Delivery:
        """Send what the journals do not have. Where it raises, the same may be sent again: ids make it the same.

        What lies in a partition that is no longer held is refused: its new holder asks for itself, and an older answer
        must not come behind a newer one. Raises BacklogFullError, KeyTypeError, redis.RedisError.
        """
        delivery = Delivery()
        for parcel in parcels:
            partition = parcel.polled.partition
            nonce = held.get(partition)
            ours = nonce is not None and self._leases.allows({partition: nonce})
            (delivery.done if ours else delivery.refused).append(parcel)
        fields, events = [], []
        for parcel in delivery.done:
            for draft in parcel.drafts:
                written = draft.fields()
                # What has no time of its own is of the time at which it was seen, not of that at which it is routed.
                written.setdefault(b"time", format_instant(parcel.polled_ns).encode())
                fields.append(written)
                events.append(draft.event(f"{now_ms}-0"))
        unknown: list[bool] = []
        for start in range(0, len(events), AT_ONCE):
            part = events[start : start + AT_ONCE]
            unknown += find_unknown(self._client, self._keys, self._partitions, part)
        new = [one for one, is_new in zip(fields, unknown, strict=True) if is_new]
        for start in range(0, len(new), AT_ONCE):
            part_of = new[start : start + AT_ONCE]
            self._backlog.append(self._client, self._partitions, now_ms, part_of)
        delivery.sent, delivery.known = len(new), len(fields) - len(new)
        return delivery
