"""Remembering which events a workflow has had: exact for at least its last 1,000, at a cost that does not grow.

Digests of the newest stand in the snapshot, which is written at each commit, so they are few; older ones are put aside,
some at a time, on pages that are kept beside it, and read back only when the workflow is loaded.
"""

from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from machines.events import Event

DIGEST_BYTES = 12  # 96 bit: among a thousand, two different events share one less often than once in 10^25
PORTION_BYTES = 16 * DIGEST_BYTES
PAGE_BYTES = 64 * DIGEST_BYTES
PAGES = 17  # the last one perhaps not full: with the 16 to 31 digests in the snapshot 1,056 to 1,119 events

_LOW = bytes(byte & 0x7F for byte in range(256))


class Pages(deque[bytes]):
    """The last pages of older digests, in order, and a mark for each digest to find it by."""

    __slots__ = ("_marks",)

    def __init__(self, pages: Iterable[bytes] = ()) -> None:
        super().__init__(pages, PAGES)
        self._marks = ""  # a character for each digest, once somebody has asked

    @property
    def weight(self) -> int:
        """What they take in memory, about, in bytes."""
        return len(self) * PAGE_BYTES + 2 * len(self._marks)

    def put(self, portion: bytes) -> bool:
        """Put digests aside; whether the last page has grown by that. Otherwise they begin one, and the oldest goes
        where there were as many as may be."""
        grows, gone = bool(self) and len(self[-1]) < PAGE_BYTES, 0
        if grows:
            self[-1] += portion
        else:
            if len(self) == PAGES:
                gone = len(self[0]) // DIGEST_BYTES
            self.append(portion)
        if self._marks:
            self._marks = self._marks[gone:] + _mark_each(portion)
        return grows

    def knows(self, seen: bytes, wanted: bytes) -> bool:
        """Whether the digest is on one of the pages, or in `seen`."""
        if wanted in seen and _holds(seen, wanted):
            return True
        if not self:
            return False
        marks = self._marks
        if not marks:
            marks = self._marks = _mark_each(b"".join(self))
        mark = chr(wanted[0] | (wanted[1] & 0x7F) << 8)
        return mark in marks and self._look(wanted, mark)

    def _look(self, wanted: bytes, mark: str) -> bool:
        digests, found = b"".join(self), self._marks.find(mark)
        while found >= 0 and not digests.startswith(wanted, found * DIGEST_BYTES):
            found = self._marks.find(mark, found + 1)
        return found >= 0


def digest(event: Event) -> bytes:
    """What stands for the event's identity."""
    version = None if event.extensions is None else event.redriven_to
    return _digest(event, b"" if version is None else b"to %d\n" % version)


def settlement(event: Event) -> bytes:
    """What stands for an event that was rejected and has been applied since, to whichever version it was redriven."""
    return _digest(event, b"settled\n")


def _digest(event: Event, about: bytes) -> bytes:
    digest = _begin(about, event.source).copy()
    digest.update(event.id.encode())
    return digest.digest()


@lru_cache(maxsize=1024)
def _begin(about: bytes, source: str) -> blake2b:
    encoded = source.encode()
    return blake2b(b"%s%d\n%s" % (about, len(encoded), encoded), digest_size=DIGEST_BYTES)


def contains(seen: bytes, pages: Iterable[bytes], wanted: bytes) -> bool:
    """Whether the digest is among those remembered."""
    return Pages(pages).knows(seen, wanted)


def remember(seen: bytes, added: bytes) -> tuple[bytes, bytes | None]:
    """The new `seen`, and the digests that are to be put aside where it has become too long."""
    seen += added
    if len(seen) < 2 * PORTION_BYTES:
        return seen, None
    return seen[PORTION_BYTES:], seen[:PORTION_BYTES]


def _holds(digests: bytes, wanted: bytes) -> bool:
    found = digests.find(wanted)
    while found >= 0 and found % DIGEST_BYTES:
        found = digests.find(wanted, found + 1)
    return found >= 0


def _mark_each(digests: bytes) -> str:
    """The first two bytes of each digest as one character; without their highest bit, which only pairs may have.

    To find a character among a thousand takes a tenth of the time that it takes to find a digest.
    """
    whole = len(digests) // DIGEST_BYTES * DIGEST_BYTES
    marks = bytearray(whole // DIGEST_BYTES * 2)
    marks[::2] = digests[:whole:DIGEST_BYTES]
    marks[1::2] = digests[1:whole:DIGEST_BYTES].translate(_LOW)
    return marks.decode("utf-16-le")
