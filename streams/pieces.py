"""Pieces: what a partition is given of the entries of another stream, in order, by one call of the routing script."""

from collections.abc import Sequence


class Pieces:
    """Of one source, whose position the partition keeps in the field `source` of its meta. `first` is the first id."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._ids: list[bytes] = []
        self._sizes: list[int] = []
        self._parts: list[bytes] = []

    @property
    def first(self) -> bytes:
        """The id of the entry that the first piece comes from."""
        return self._ids[0]

    def add_event(self, entry_id: bytes, packed: bytes) -> None:
        """An event."""
        self._ids.append(entry_id)
        self._sizes.append(1)
        self._parts.append(packed)

    def add_entry(self, entry_id: bytes, field: bytes, value: bytes) -> None:
        """Another entry, of one field."""
        self._ids.append(entry_id)
        self._sizes.append(2)
        self._parts += (field, value)

    def add_dead(self, entry_id: bytes, fields: Sequence[bytes]) -> None:
        """A dead letter: fields and values, more than one of each."""
        self._ids.append(entry_id)
        self._sizes.append(len(fields))
        self._parts += fields

    def arguments(self) -> list[bytes]:
        """ARGV of the script."""
        sizes = b"" if len(self._parts) == len(self._ids) else b" ".join(b"%d" % size for size in self._sizes)
        return [self._source, b"", b" ".join(self._ids), sizes, *self._parts]
