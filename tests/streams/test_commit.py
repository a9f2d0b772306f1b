"""The commit: one script that writes everything of a batch, or nothing at all."""

from typing import Any

import pytest
from redis.exceptions import ConnectionError

from machines.changes import Dead, Limits
from machines.events import Event
from machines.snapshot import Snapshot
from machines.workflow import Workflow
from streams.client import Client
from streams.commit import Commit
from streams.committing import AT_ONCE, run_commits
from streams.errors import FencedError, KeyTypeError
from streams.indexed import index
from streams.lease import Lease, claim
from streams.outbox import OutboxItem
from streams.writes import ARGUMENTS
from tests.streams.interruption import Interrupted
from tests.streams.site import START_MS, Site

EVENT = Event("e", "", "t", "w", None, START_MS * 1_000_000, None, "1-0")
KINDS = {
    "workflow": "string",
    "journal": "list",
    "waiting": "list",
    "seen": "list",
    "outbox": "stream",
    "dead": "stream",
    "open": "zset",
    "ended": "zset",
    "held": "zset",
    "deadlines": "zset",
    "parked": "zset",
}
WRITES: dict[str, tuple[str, ...]] = {
    "string": ("SET", "mine"),
    "list": ("RPUSH", "one", "two"),
    "stream": ("XADD", "*", "field", "value"),
    "zset": ("ZADD", "1", "member"),
}


@pytest.fixture
def lease(site: Site) -> Lease:
    """A lease on partition 0, with one entry in its stream."""
    site.client.call("XADD", site.keys.of(0).events, "1-0", "e", "x")
    taken = claim(site.client, site.keys.of(0), "somebody", 60_000)
    assert taken is not None
    return taken


def name_of(site: Site, kind: str) -> bytes:
    owned: Any = site.keys.of(0)
    if kind == "journal":
        return bytes(owned.journal("w", 1))
    return bytes(getattr(owned, kind)("w") if kind in ("workflow", "waiting", "seen") else getattr(owned, kind))


def write_everything(site: Site, lease: Lease) -> Commit:
    commit = Commit(site.keys.of(0), lease)
    for kind, holds in KINDS.items():
        command, *arguments = WRITES[holds]
        commit.add(command, name_of(site, kind), holds, *arguments)
    return commit


def run(client: Client, commit: Commit, cursor: bytes = b"1-0", read: int = 1) -> Exception | None:
    return run_commits(client, [(0, commit, cursor, read)])[0]


def test_everything_is_written_and_the_cursor_and_the_lag_move_with_it(site: Site, lease: Lease) -> None:
    etag = lease.etag
    assert run(site.client, write_everything(site, lease)) is None
    for kind in KINDS:
        assert site.client.exists(name_of(site, kind)), kind
    assert lease.cursor == b"1-0"
    assert lease.etag != etag
    (group,) = site.client.call("XINFO", "GROUPS", site.keys.of(0).events)
    told = dict(zip(group[::2], group[1::2], strict=True)) if isinstance(group, list) else group
    told = {(key.decode() if isinstance(key, bytes) else key): value for key, value in told.items()}
    assert (told["last-delivered-id"], told["entries-read"], told["lag"]) == (b"1-0", 1, 0)


@pytest.mark.parametrize("field", ["nonce", "etag", "cursor"])
def test_where_the_fence_differs_nothing_is_written(site: Site, lease: Lease, field: str) -> None:
    commit = write_everything(site, lease)
    site.client.call("HSET", site.keys.of(0).meta, field, "another")
    before = site.keyspace()
    assert isinstance(run(site.client, commit), FencedError)
    assert site.keyspace() == before
    assert lease.cursor == b"0-0"


def test_a_partition_that_was_given_up_is_fenced(site: Site, lease: Lease) -> None:
    site.client.delete(site.keys.of(0).meta)
    before = site.keyspace()
    assert isinstance(run(site.client, write_everything(site, lease)), FencedError)
    assert site.keyspace() == before


@pytest.mark.parametrize("kind", [*KINDS, "meta", "events"])
def test_a_key_of_the_wrong_type_is_named_and_nothing_is_written(site: Site, lease: Lease, kind: str) -> None:
    key = name_of(site, kind)
    site.client.delete(key)
    if KINDS.get(kind) == "string":
        site.client.call("HSET", key, "someone", "else")
    else:
        site.client.call("SET", key, "someone else's")
    before = site.keyspace()
    outcome = run(site.client, write_everything(site, lease))
    assert isinstance(outcome, KeyTypeError)
    assert outcome.key == key
    assert key.decode() in str(outcome)
    assert site.keyspace() == before


def test_the_same_commit_again_is_fenced_by_its_own_etag(site: Site, lease: Lease) -> None:
    stale = Lease(lease.nonce, lease.etag, lease.cursor)
    assert run(site.client, write_everything(site, lease)) is None
    before = site.keyspace()
    assert isinstance(run(site.client, write_everything(site, stale)), FencedError)
    assert site.keyspace() == before


def test_a_script_that_the_server_forgot_is_sent_again_once(site: Site, lease: Lease) -> None:
    def forget(commands: object) -> None:
        if "EVALSHA" in str(commands):
            site.client.script_flush()

    client = Interrupted(site.client, before=forget)
    assert run(client, write_everything(site, lease)) is None
    assert site.client.llen(name_of(site, "journal")) == 2


def test_one_refused_partition_leaves_the_others_of_the_round_trip_alone(site: Site, lease: Lease) -> None:
    other = claim(site.client, site.keys.of(1), "somebody", 60_000)
    assert other is not None
    fenced = Lease(b"not", b"the", b"owner")
    commits = [(0, write_everything(site, fenced), b"1-0", 1), (1, Commit(site.keys.of(1), other), b"0-0", 0)]
    outcomes = run_commits(site.client, commits)
    assert isinstance(outcomes[0], FencedError)
    assert outcomes[1] is None


@pytest.mark.parametrize("answered", [False, True])
def test_what_was_committed_before_the_connection_failed_stays_and_its_lease_has_moved_on(
    site: Site, answered: bool
) -> None:
    leases = [claim(site.client, site.keys.of(partition), "somebody", 60_000) for partition in range(3)]
    commits = []
    for partition, lease in enumerate(leases):
        assert lease is not None
        assert run(site.client, Commit(site.keys.of(partition), lease), b"0-0", 0) is None  # now they know the script
        commit = Commit(site.keys.of(partition), lease)
        commit.add("SET", site.keys.of(partition).workflow("w"), "string", "mine")
        commits.append((partition, commit, b"1-0", AT_ONCE // 2))
    trips: list[int] = []

    def fail(commands: object) -> None:
        trips.append(str(commands).count("EVALSHA"))
        if len(trips) == 2:
            raise ConnectionError("gone")

    client = Interrupted(site.client, **{"after" if answered else "before": fail})
    with pytest.raises(ConnectionError):
        run_commits(client, commits)
    assert trips == [2, 1], "two partitions at once, then the last"
    written = [bool(site.client.exists(site.keys.of(partition).workflow("w"))) for partition in range(3)]
    assert written == [True, True, answered]
    assert [lease.cursor for lease in leases if lease] == [b"1-0", b"1-0", b"0-0"]
    again = Commit(site.keys.of(1), leases[1] or Lease(b"", b"", b""))
    assert run_commits(site.client, [(1, again, b"1-0", 0)]) == {1: None}


def test_more_arguments_than_lua_can_unpack_are_written_in_order(site: Site, lease: Lease) -> None:
    values = [str(number) for number in range(20_000)]
    commit = Commit(site.keys.of(0), lease)
    commit.add_each("RPUSH", name_of(site, "journal"), "list", values)
    commit.add("ZADD", name_of(site, "open"), "zset", "1", "member")
    assert run(site.client, commit) is None
    assert [item.decode() for item in site.client.call("LRANGE", name_of(site, "journal"), 0, -1)] == values
    assert len(values) > 2 * ARGUMENTS


def test_a_workflow_with_many_entries_and_many_that_wait_is_written_whole(site: Site, lease: Lease) -> None:
    workflow, limits = Workflow("w", Snapshot(run=1, status="running")), Limits()
    before = index(workflow, limits)
    changes = workflow.take()
    changes.journal = [(1, b"%d" % number) for number in range(9_000)]
    changes.pages = [b"page"] * 9_000
    changes.exports = [(1, 9_000, True)]
    commit = Commit(site.keys.of(0), lease)
    commit.add_workflow(workflow, changes, before, index(workflow, limits), START_MS)
    assert run(site.client, commit) is None
    assert site.client.llen(name_of(site, "journal")) == 9_000
    (entry,) = site.outbox()
    assert entry.items == [OutboxItem("w", 1, 9_000, True)]


def test_a_dead_letter_whose_text_is_no_unicode_is_written(site: Site, lease: Lease) -> None:
    commit = Commit(site.keys.of(0), lease)
    commit.add_dead(Dead(EVENT, "internal-error", "subject", "ValueError: \udcff"))
    assert run(site.client, commit) is None
    (letter,) = site.letters()
    assert letter.detail == "ValueError: ?"


def test_the_stream_is_trimmed_to_what_was_committed(site: Site, lease: Lease) -> None:
    events = site.keys.of(0).events
    site.client.call_all(["XADD", events, f"{number}-0", "e", "x"] for number in range(2, 1_002))
    assert run(site.client, Commit(site.keys.of(0), lease), b"900-0", 900) is None
    assert site.client.xlen(events) == 102
    assert [entry for entry, _ in site.client.call("XRANGE", events, "-", "901-0")] == [b"900-0", b"901-0"]


def test_a_stream_that_was_deleted_in_between_does_not_hinder(site: Site, lease: Lease) -> None:
    site.client.delete(site.keys.of(0).events)
    assert run(site.client, write_everything(site, lease)) is None
    assert site.client.llen(name_of(site, "journal")) == 2
