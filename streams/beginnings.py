"""How runs began: the header and first record of their journals, from which their trace ids follow."""

from collections.abc import Callable, Iterable, Sequence

from machines.errors import SnapshotError
from machines.journal import Header, Record, decode_journal
from streams.client import Client
from streams.errors import or_else
from streams.keys import PartitionKeys

NameTrace = Callable[[str, Header, Record], str]  # of a workflow id and a run's beginning, in hexadecimal digits


def read_beginnings(
    client: Client, runs: Iterable[tuple[PartitionKeys, str, int]]
) -> list[tuple[Header, Record] | None]:
    """Header and first record of each run, given by the keys of its partition, workflow id and number; None where they
    are not there or cannot be read. Raises redis.RedisError.
    """
    listed = list(runs)
    replies = client.call_all(
        (("LRANGE", keys.journal(workflow_id, run), 0, 1) for keys, workflow_id, run in listed), raise_on_error=False
    )
    return [read_beginning(or_else(reply, []), name) for (_, name, _), reply in zip(listed, replies, strict=True)]


def read_beginning(entries: Sequence[bytes], workflow_id: str) -> tuple[Header, Record] | None:
    """Header and first record, from the first entries of a workflow's journal."""
    if len(entries) < 2:
        return None
    try:
        header, records = decode_journal(entries[:2], workflow_id)
    except SnapshotError:
        return None
    return header, records[0]


def name_traces(
    client: Client, keys: PartitionKeys, runs: Sequence[tuple[str, int]], name_trace: NameTrace | None
) -> list[str | None]:
    """The trace id of each run; None where it cannot be told. Raises redis.RedisError."""
    if name_trace is None:
        return [None] * len(runs)
    beginnings = read_beginnings(client, ((keys, workflow_id, run) for workflow_id, run in runs))
    return [
        None if begun is None else name_trace(workflow_id, *begun)
        for (workflow_id, _), begun in zip(runs, beginnings, strict=True)
    ]
