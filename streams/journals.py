"""Journals of runs, read piece by piece, so that a run of any length takes little memory."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from machines.errors import SnapshotError
from machines.journal import UNREADABLE_ENTRY, Header, Record, decode_header, decode_record
from streams.client import Client
from streams.keys import Keys, partition_of

_FIRST = 25  # entries of a run that are read first: most have no more
_MOST = 1_000
_PIECE_BYTES = 4 * 2**20  # about so much of a journal is in memory at a time


class Bookmark(NamedTuple):
    """How far a journal was read: the number of entries, header included, and the last of them as it is stored."""

    run: int
    header: Header
    entries: int
    last: bytes


class OpenJournal:
    """The journal of one run: its header, and its records, once, while they are read.

    `size` says how many bytes were read so far, `bookmark` up to where.
    """

    def __init__(
        self, client: Client, key: bytes, workflow_id: str, mark: Bookmark, first: Sequence[bytes], *, more: bool
    ) -> None:
        self.bookmark = mark
        self.size = sum(map(len, first))
        self._client = client
        self._key = key
        self._workflow_id = workflow_id
        self._first = first
        self._more = more
        self._read = 0

    @property
    def header(self) -> Header:
        """What of the machine its spans depend on."""
        return self.bookmark.header

    @property
    def run(self) -> int:
        """Counts from 1."""
        return self.bookmark.run

    @property
    def records(self) -> Iterator[Record]:
        """Those behind the bookmark, which moves with them. Raises SnapshotError, redis.RedisError."""
        entries = self._first
        more = self._more
        while entries:
            try:
                yield from (decode_record(entry, self._workflow_id) for entry in entries)
            except UNREADABLE_ENTRY as error:
                raise SnapshotError(f"the journal cannot be read: {error}") from None
            mark = self.bookmark
            self.bookmark = mark = mark._replace(entries=mark.entries + len(entries), last=entries[-1])
            if not more:
                return
            self._read += len(entries)
            count = max(1, min(_MOST, _PIECE_BYTES * self._read // self.size))
            entries = self._client.call("LRANGE", self._key, mark.entries, mark.entries + count - 1)
            more = len(entries) == count
            self.size += sum(map(len, entries))


def open_journal(client: Client, keys: Keys, partitions: int, workflow_id: str, run: int) -> OpenJournal | None:
    """The journal of a run; None where there is none. Raises SnapshotError, redis.RedisError."""
    (found,) = open_journals(client, keys, partitions, [(workflow_id, run)])
    if isinstance(found, SnapshotError):
        raise found
    return found


def open_journals(
    client: Client, keys: Keys, partitions: int, runs: Sequence[tuple[str, int]]
) -> list[OpenJournal | SnapshotError | None]:
    """The journals of runs, begun in one go; None where there is none, the error where its beginning is unreadable.

    Raises redis.RedisError.
    """
    places = [keys.of(partition_of(name, partitions)).journal(name, run) for name, run in runs]
    replies = client.call_all(["LRANGE", place, 0, _FIRST - 1] for place in places)
    found: list[OpenJournal | SnapshotError | None] = []
    for place, (name, run), entries in zip(places, runs, replies, strict=True):
        try:
            found.append(_begin(client, place, name, run, entries) if entries else None)
        except SnapshotError as error:
            found.append(error)
    return found


def reopen_journal(client: Client, keys: Keys, partitions: int, workflow_id: str, mark: Bookmark) -> OpenJournal | None:
    """What came behind a bookmark; None where the journal is not the one that it was put into, or gone.

    Raises redis.RedisError.
    """
    key = keys.of(partition_of(workflow_id, partitions)).journal(workflow_id, mark.run)
    entries = client.call("LRANGE", key, mark.entries - 1, mark.entries + _FIRST - 1)
    if not entries or entries[0] != mark.last:
        return None
    return OpenJournal(client, key, workflow_id, mark, entries[1:], more=len(entries) == _FIRST + 1)


def _begin(client: Client, key: bytes, workflow_id: str, run: int, entries: Sequence[bytes]) -> OpenJournal:
    mark = Bookmark(run, decode_header(entries[0]), 1, entries[0])
    return OpenJournal(client, key, workflow_id, mark, entries[1:], more=len(entries) == _FIRST)
