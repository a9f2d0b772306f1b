"""Remembering which events a workflow has had: exact for at least its last 1,000, at a cost that does not grow.

Digests of the newest stand in the snapshot; full pages of older ones are kept beside it and read back only when the
workflow is loaded.
"""

from collections.abc import Sequence
from hashlib import blake2b

from machines.events import Event

DIGEST_BYTES = 12  # 96 bit: among a thousand, two different events share one less often than once in 10^25
PAGE_BYTES = 64 * DIGEST_BYTES
PAGES = 16  # with the 64 to 128 digests in the snapshot: 1,088 to 1,152 events


def digest(event: Event) -> bytes:
    """What stands for the event's identity."""
    version = event.redriven_to
    return _digest(event, b"" if version is None else b"to %d\n" % version)


def settlement(event: Event) -> bytes:
    """What stands for an event that was rejected and has been applied since, to whichever version it was redriven."""
    return _digest(event, b"settled\n")


def _digest(event: Event, about: bytes) -> bytes:
    source = event.source.encode()
    return blake2b(b"%s%d\n%s%s" % (about, len(source), source, event.id.encode()), digest_size=DIGEST_BYTES).digest()


def contains(seen: bytes, pages: Sequence[bytes], wanted: bytes) -> bool:
    """Whether the digest is among those remembered."""
    return _holds(seen, wanted) or any(_holds(page, wanted) for page in pages)


def remember(seen: bytes, added: bytes) -> tuple[bytes, bytes | None]:
    """The new `seen`, and the page that is to be put aside where it has become too long."""
    seen += added
    if len(seen) < 2 * PAGE_BYTES:
        return seen, None
    return seen[PAGE_BYTES:], seen[:PAGE_BYTES]


def _holds(page: bytes, wanted: bytes) -> bool:
    found = page.find(wanted)
    while found >= 0 and found % DIGEST_BYTES:
        found = page.find(wanted, found + 1)
    return found >= 0
