"""Pages of journals, at a cost that does not grow with the length of a journal."""

from typing import NamedTuple

from machines.errors import SnapshotError
from machines.journal import UNREADABLE_ENTRY, Header, Record, decode_header, decode_record
from streams.client import Client
from streams.keys import Keys, partition_of

PAGE_BYTES = 4 * 2**20  # no more records once a page holds these: events may hold much data
_AT_ONCE = 25


class JournalPage(NamedTuple):
    """Records of a run behind the first `after`, and how many there are in all."""

    header: Header
    records: list[Record]
    total: int


def read_journal_page(
    client: Client, keys: Keys, partitions: int, workflow_id: str, run: int, *, after: int, limit: int
) -> JournalPage | None:
    """At most `limit` records behind the first `after`, fewer where they are large; None where there is no such run.

    Raises SnapshotError, redis.RedisError.
    """
    journal = keys.of(partition_of(workflow_id, partitions)).journal(workflow_id, run)
    begin, length = client.call_all([("LRANGE", journal, 0, 0), ("LLEN", journal)])
    if not begin:
        return None
    records: list[Record] = []
    size = 0
    while len(records) < limit and size < PAGE_BYTES:
        first = 1 + after + len(records)
        entries = client.call("LRANGE", journal, first, first + min(_AT_ONCE, limit - len(records)) - 1)
        if not entries:
            break
        try:
            records += (decode_record(entry, workflow_id) for entry in entries)
        except UNREADABLE_ENTRY as error:
            raise SnapshotError(f"the journal cannot be read: {error}") from None
        size += sum(map(len, entries))
    return JournalPage(decode_header(begin[0]), records, length - 1)
