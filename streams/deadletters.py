"""Dead letters: events that could not be applied, kept with the reason, for redrive."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from machines.admission import Hold
from machines.changes import Held
from machines.cloudevents import event_fields
from machines.events import Event, decode_event
from streams.aside import PAGE, count_aside, parse_place, read_aside
from streams.client import Client
from streams.errors import UNREADABLE, DeadLetterError
from streams.ingress import emit
from streams.keys import Keys

_decode_held = msgspec.msgpack.Decoder(Held).decode
_decode_entry = msgspec.msgpack.Decoder(list[bytes]).decode


class DeadLetter(msgspec.Struct, frozen=True):
    """One dead letter. `id` is `<partition>.<entry id>`; `at_ms` when it was set aside.

    `event` is the event where one could be read; otherwise `entry` holds the fields that came, byte for byte. What was
    not written by Longspan has neither, and can only be dropped.
    A `parked` one waits for its machine and goes on by itself when that is loaded.
    """

    id: str
    at_ms: int
    reason: str
    field: str
    detail: str
    position: str
    event: Event | None = None
    entry: dict[bytes, bytes] | None = None
    parked: bool = False


def list_dead_letters(
    client: Client, keys: Keys, partitions: int, *, reason: str | None = None, limit: int | None = None
) -> list[DeadLetter]:
    """Dead letters of all partitions, oldest first, then the events that are parked. Raises redis.RedisError."""
    letters = [
        letter for partition in range(partitions) for letter in _read_partition(client, keys, partition, reason, limit)
    ]
    letters.sort(key=lambda letter: letter.at_ms)  # stable: within a partition they are in order already
    if reason in (None, Hold.MACHINE.value):
        letters.extend(_read_parked(client, keys, partitions))
    return letters[:limit]


def get_dead_letter(client: Client, keys: Keys, letter_id: str) -> DeadLetter:
    """One dead letter. Raises DeadLetterError where there is none of that id."""
    partition, entry_id = _split(letter_id)
    entries = client.call("XRANGE", keys.of(partition).dead, entry_id, entry_id)
    if not entries:
        raise DeadLetterError(f"there is no dead letter {letter_id}")
    return _decode(partition, *entries[0])


def redrive(client: Client, keys: Keys, letters: Sequence[DeadLetter]) -> int:
    """Send dead letters through the ingress stream again, in order and under their old ids; how many.

    One that is sent twice, since the command died half way, changes nothing: the same id is applied once.
    Raises DeadLetterError, and sends nothing, where one cannot be read.
    """
    sent = [letter for letter in letters if not letter.parked]
    for letter in sent:
        if letter.event is None and not letter.entry:
            raise DeadLetterError(f"dead letter {letter.id} holds no event that could be sent: drop it")
    for start in range(0, len(sent), PAGE):
        page = sent[start : start + PAGE]
        emit(client, keys, (event_fields(letter.event) if letter.event else letter.entry or {} for letter in page))
        drop(client, keys, page)
    return len(sent)


def drop(client: Client, keys: Keys, letters: Iterable[DeadLetter]) -> int:
    """Delete dead letters; how many."""
    places = [_split(letter.id) for letter in letters if not letter.parked]
    return sum(client.call_all(["XDEL", keys.of(partition).dead, entry_id] for partition, entry_id in places))


def count_dead_letters(client: Client, keys: Keys, partitions: int) -> int:
    """How many dead letters there are, parked events not counted."""
    return count_aside(client, (keys.of(partition).dead for partition in range(partitions)))


def _read_partition(
    client: Client, keys: Keys, partition: int, reason: str | None, limit: int | None
) -> Iterator[DeadLetter]:
    letters = (_decode(partition, entry_id, flat) for entry_id, flat in read_aside(client, keys.of(partition).dead))
    return islice((letter for letter in letters if reason in (None, letter.reason)), limit)


def _read_parked(client: Client, keys: Keys, partitions: int) -> Iterator[DeadLetter]:
    for partition in range(partitions):
        owned = keys.of(partition)
        for member in client.call("ZRANGEBYSCORE", owned.parked, "-inf", "+inf"):
            subject = member.decode(errors="replace")
            for index, held in enumerate(_read_held(client, owned.waiting(subject))):
                if held.reason != Hold.MACHINE.value:
                    continue
                machine = held.event.machine
                detail = (
                    f"no machine {machine} is loaded" if machine else "the workflow's machine version is not loaded"
                )
                yield DeadLetter(
                    f"{partition}.parked-{subject}-{index}",
                    held.since_ms,
                    held.reason,
                    "machine",
                    f"{detail}: the event goes on by itself when it is",
                    held.event.position,
                    held.event,
                    parked=True,
                )


def _read_held(client: Client, key: bytes) -> list[Held]:
    (stored,) = client.call_all([("LRANGE", key, 0, -1)], raise_on_error=False)
    try:
        return [] if isinstance(stored, Exception) else [_decode_held(item) for item in stored]
    except UNREADABLE:
        return []  # as where the key holds another type: the next event of the workflow says so


def _split(letter_id: str) -> tuple[int, str]:
    place = parse_place(letter_id)
    if place is None:
        raise DeadLetterError(f"{letter_id!r} is no id of a dead letter such as 3.1763827200000-0")
    return place


def _decode(partition: int, entry_id: bytes, flat: Sequence[bytes]) -> DeadLetter:
    fields: Mapping[bytes, bytes] = dict(zip(flat[::2], flat[1::2], strict=False))
    event: Event | None = None
    entry: dict[bytes, bytes] | None = None
    try:
        if b"event" in fields:
            event = decode_event(fields[b"event"])
        else:
            raw = _decode_entry(fields.get(b"entry", b"\x90"))
            entry = dict(zip(raw[::2], raw[1::2], strict=False))
    except UNREADABLE:
        pass  # nobody of ours wrote it: it can be shown and dropped

    def text(name: bytes) -> str:
        return fields.get(name, b"").decode(errors="replace")

    return DeadLetter(
        f"{partition}.{entry_id.decode()}",
        int(entry_id.partition(b"-")[0]),
        text(b"reason"),
        text(b"field"),
        text(b"detail"),
        text(b"position"),
        event,
        entry,
    )
