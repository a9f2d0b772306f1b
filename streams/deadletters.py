"""Dead letters: events that could not be applied, kept with the reason, for redrive."""

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

import msgspec

from machines.admission import Hold
from machines.cloudevents import event_fields
from machines.events import Event, decode_event
from streams.aside import PAGE, count_aside, newest_aside, parse_place, read_aside
from streams.client import Client
from streams.errors import UNREADABLE, DeadLetterError
from streams.keys import Keys
from streams.parked import Parked, ask_to_discard, find_parked, read_parked
from streams.resending import send_in_order

_PARKED = re.compile(r"[0-9]{1,5}\.parked-[0-9a-f]{16}")

_decode_entry = msgspec.msgpack.Decoder(list[bytes]).decode


class DeadLetter(msgspec.Struct, frozen=True):
    """One dead letter. `id` is `<partition>.<entry id>`; `at_ms` when it was set aside.

    `event` is the event where one could be read; otherwise `entry` holds the fields that came, byte for byte. What was
    not written by Longspan has neither, and can only be dropped.
    With `parked` it is no dead letter: the event waits for its machine and goes on by itself when that is loaded.
    """

    id: str
    at_ms: int
    reason: str
    field: str
    detail: str
    position: str
    event: Event | None = None
    entry: dict[bytes, bytes] | None = None
    parked: Parked | None = None

    @property
    def sendable(self) -> bool:
        """Whether there is anything in it that could be sent again."""
        return self.event is not None or bool(self.entry)


class Redriven(msgspec.Struct, frozen=True):
    """What became of a redrive: how many were `sent`, and how many `kept` since they hold nothing to send."""

    sent: int
    kept: int


def list_dead_letters(
    client: Client, keys: Keys, partitions: int, *, reason: str | None = None, limit: int | None = None
) -> list[DeadLetter]:
    """Dead letters of all partitions, oldest first, then the events that are parked. Raises redis.RedisError."""
    letters = walk_dead_letters(client, keys, partitions, reason)
    if reason in (None, Hold.MACHINE.value):
        letters = chain(letters, map(show_parked, read_parked(client, keys, range(partitions))))
    return list(islice(letters, limit))


def walk_dead_letters(
    client: Client, keys: Keys, partitions: int, reason: str | None = None, seen: Callable[[int], None] | None = None
) -> Iterator[DeadLetter]:
    """The dead letters that there are now, oldest first, read page by page; those that come meanwhile are left out.

    `seen` is told of every letter that is looked at, of any reason. Raises redis.RedisError.
    """
    names = [keys.of(partition).dead for partition in range(partitions)]
    read = [
        map(_decoder(partition), read_aside(client, name, last))
        for partition, (name, last) in enumerate(zip(names, newest_aside(client, names), strict=True))
        if last
    ]
    for letter in heapq.merge(*read, key=lambda letter: letter.at_ms):  # within a partition they are in order already
        if seen is not None:
            seen(1)
        if reason in (None, letter.reason):
            yield letter


def get_dead_letter(client: Client, keys: Keys, letter_id: str) -> DeadLetter:
    """One dead letter or parked event. Raises DeadLetterError where there is none of that id."""
    if _PARKED.fullmatch(letter_id):
        parked = find_parked(client, keys, int(letter_id.partition(".")[0]), letter_id)
        if parked is None:
            raise DeadLetterError(f"there is no parked event {letter_id}")
        return show_parked(parked)
    place = parse_place(letter_id)
    if place is None:
        raise DeadLetterError(f"{letter_id!r} is no id of a dead letter such as 3.1763827200000-0")
    entries = client.call("XRANGE", keys.of(place[0]).dead, place[1], place[1])
    if not entries:
        raise DeadLetterError(f"there is no dead letter {letter_id}")
    return decode_letter(place[0], *entries[0])


def redrive(client: Client, keys: Keys, letters: Sequence[DeadLetter]) -> int:
    """Send dead letters through the ingress stream again, in order and under their old ids; how many.

    One that is sent twice, since the command died half way, changes nothing: the same id is applied once.
    Raises DeadLetterError, and sends nothing, where one cannot be sent.
    """
    for letter in letters:
        if letter.parked is not None:
            raise DeadLetterError(f"{letter.id} is parked: {letter.detail}. To redrive it would change nothing")
        if not letter.sendable:
            raise DeadLetterError(f"dead letter {letter.id} holds no event that could be sent: drop it")
    return _redrive(client, keys, letters).sent


def redrive_all(
    client: Client, keys: Keys, partitions: int, reason: str | None = None, seen: Callable[[int], None] | None = None
) -> Redriven:
    """Send all dead letters, or those with this reason, again, page by page; see `redrive` and `walk_dead_letters`."""
    return _redrive(client, keys, walk_dead_letters(client, keys, partitions, reason, seen))


def drop(client: Client, keys: Keys, letters: Iterable[DeadLetter]) -> int:
    """Delete dead letters, and have parked events dropped by the worker that holds them; how many."""
    remaining = iter(letters)
    count = 0
    while page := list(islice(remaining, PAGE)):
        count += ask_to_discard(client, keys, (letter.parked for letter in page if letter.parked is not None))
        places = [_place(letter) for letter in page if letter.parked is None]
        count += sum(client.call_all(["XDEL", keys.of(partition).dead, entry_id] for partition, entry_id in places))
    return count


def count_dead_letters(client: Client, keys: Keys, partitions: int) -> int:
    """How many dead letters there are, parked events not counted."""
    return count_aside(client, (keys.of(partition).dead for partition in range(partitions)))


def show_parked(parked: Parked) -> DeadLetter:
    """A parked event as it stands among dead letters."""
    version = "" if parked.version is None else f" version {parked.version}"
    missing = f"machine {parked.machine}{version} is not loaded" if parked.machine else "its machine is not loaded"
    detail = f"{missing}: the event goes on by itself when a worker has it"
    reason, position = Hold.MACHINE.value, parked.event.position
    return DeadLetter(parked.id, parked.since_ms, reason, "machine", detail, position, parked.event, parked=parked)


def decode_letter(partition: int, entry_id: bytes, flat: Sequence[bytes]) -> DeadLetter:
    """The dead letter of an entry of a partition's stream, as XRANGE gives it."""
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


def _redrive(client: Client, keys: Keys, letters: Iterable[DeadLetter]) -> Redriven:
    remaining = iter(letters)
    sent = kept = 0
    while page := list(islice(remaining, PAGE)):
        chosen = [letter for letter in page if letter.sendable]
        entries = (event_fields(letter.event) if letter.event else letter.entry or {} for letter in chosen)
        send_in_order(client, keys, entries)
        drop(client, keys, chosen)
        sent += len(chosen)
        kept += len(page) - len(chosen)
    return Redriven(sent, kept)


def _place(letter: DeadLetter) -> tuple[int, str]:
    partition, _, entry_id = letter.id.partition(".")
    return int(partition), entry_id


def _decoder(partition: int) -> Callable[[tuple[bytes, Sequence[bytes]]], DeadLetter]:
    return lambda entry: decode_letter(partition, *entry)
