"""What can go wrong between Longspan and Redis, told so that an operator can mend it."""

from collections.abc import Sequence

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what reading stored rubbish raises


class StreamsError(Exception):
    """Base of every error that this package raises."""


class ServerUnfitError(StreamsError):
    """A server that cannot keep Longspan's promises; the text says which setting is wrong and what to set."""


class LayoutError(StreamsError):
    """What is recorded under the prefix does not fit this worker's settings."""


class FencedError(StreamsError):
    """Somebody else owns the partition now, or its state moved on: nothing was written."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        super().__init__(f"partition {partition} is no longer owned by this worker")


class KeyTypeError(StreamsError):
    """A key that holds another type than Longspan keeps there: nothing was written."""

    def __init__(self, key: bytes, found: str, expected: str) -> None:
        self.key, self.found, self.expected = key, found, expected
        super().__init__(f"key {key.decode(errors='replace')} holds a {found}, not a {expected}: rename or delete it")


def check_type(reply: Sequence[bytes]) -> None:
    """Raise KeyTypeError where a script answered that a key holds another type."""
    if reply[0] == b"type":
        raise KeyTypeError(reply[1], reply[2].decode(), reply[3].decode())


class DeadLetterError(StreamsError):
    """A dead letter that does not exist or cannot be redriven."""
