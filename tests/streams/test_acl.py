"""The users of the documentation: what they may do is what the code needs, and nothing else."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from machines.journal import Header, Record
from streams.backlog import Backlog
from streams.client import Client, connect
from streams.counts import count_states
from streams.deadletters import list_dead_letters
from streams.errors import NotPermittedError
from streams.exchange import Command
from streams.feed import read_positions
from streams.keys import Keys
from streams.lookup import look_up
from streams.query import Query, find_by_trace, find_page
from streams.status import read_journal
from streams.survey import survey
from tests.streams.indexing import name_trace
from tests.streams.site import PARTITIONS, Site
from tests.support.acl import ROLES, Users, acl_file, rules
from tests.support.servers import REDIS, VALKEY, Server, running

ROOT = Path(__file__).parents[2]
BINARIES = [
    VALKEY,
    pytest.param(REDIS, marks=pytest.mark.skipif(REDIS is None, reason="no redis-server on the PATH")),
]
# Of a cluster and of the doctor, as the documentation says below the rules; and of the embedded server.
ELSEWHERE = {"asking", "config|get", "ping"}


@pytest.fixture(params=["valkey_server", "redis_server"])
def own_server(request: pytest.FixtureRequest) -> Server:
    """A single server: users of a cluster are set node by node."""
    server: Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def users(own_server: Server, prefix: str) -> Iterator[Users]:
    """A user for each role."""
    with own_server.client() as client:
        users = Users(client, prefix)
        yield users
        users.close()


def sent_by_the_code() -> set[str]:
    """Every command that is written down in what speaks Redis, with its subcommand, in lower case."""
    words = r"[\"']([A-Z]{2,}(?:_RO)?)[\"'](?:, *[\"']?([A-Z]{3,})?)?"
    found = set()
    more_than_is_sent = {ROOT / "streams" / "slots.py"}
    for path in {
        *ROOT.glob("streams/*.py"),
        *ROOT.glob("streams/lua/*.lua"),
        *ROOT.glob("longspan/*.py"),
    } - more_than_is_sent:
        for name, subcommand in re.findall(words, path.read_text()):
            found.add(f"{name}|{subcommand}".lower() if name in ("XGROUP", "XINFO", "CONFIG") else name.lower())
    return {name for name in found if not name.endswith("|")}


def granted(role: str) -> set[str]:
    return {rule[1:] for rule in rules()[role] if rule.startswith("+")}


def test_the_roles_may_run_every_command_of_the_code_and_no_other(own_server: Server) -> None:
    with own_server.client() as client:
        known = {name.decode() for name in client.command_list()}
    sent = {name for name in sent_by_the_code() if name.partition("|")[0] in known} - ELSEWHERE
    allowed = set().union(*map(granted, ROLES)) - {"client|setname"}
    assert sent - allowed == set()
    assert allowed - sent == set()
    assert granted("exporter") <= granted("worker")


def test_a_commit_checks_the_right_to_every_command_before_it_writes() -> None:
    added = {
        name
        for path in ROOT.glob("streams/*.py")
        for name in re.findall(r"\.(?:add|add_each|write)\(\s*\"([A-Z]+)\"", path.read_text())
    }
    commit = (ROOT / "streams" / "lua" / "commit.lua").read_text()
    called = set(re.findall(r"redis\.call\('(\w+)'", commit)) - {"TYPE"}
    assert {name for name, _ in asked_about(commit)} == added | called


def asked_about(script: str) -> list[tuple[str, int]]:
    """The commands that a script asks about before it writes, with the number of their arguments behind the key."""
    return [(name, rest.count(",")) for name, rest in re.findall(r"\{'([A-Z]+)'((?:, '[^']*')*)\}", script)]


@pytest.mark.parametrize("script", ["acknowledge", "commit", "route"])
def test_what_a_script_asks_about_is_a_whole_command(own_server: Server, script: str) -> None:
    # Redis 8.0.2 of Debian 13 answers "Wrong number of args for redis.acl_check_cmd()" otherwise, others do not care.
    asked = asked_about((ROOT / "streams" / "lua" / f"{script}.lua").read_text())
    assert asked
    with own_server.client() as client:
        known: Any = client.command()
    for name, behind_the_key in asked:
        arity, arguments = known[name.lower()]["arity"], 2 + behind_the_key
        assert arguments == arity or arguments >= -arity > 0, name


@pytest.mark.parametrize("command", ["set", "rpush", "zadd", "xadd", "hset", "xtrim"])
def test_what_lacks_a_right_is_done_in_full_or_not_at_all(
    own_server: Server, users: Users, prefix: str, tmp_path: Path, command: str
) -> None:
    site = Site(own_server.url, prefix, tmp_path)
    clients = [connect(users.url("worker", own_server.port)) for _ in range(2)]
    worker, router = site.worker(lambda: clients[0]), site.router(clients[1])
    site.emit(site.event("wf-1", "started"))
    site.settle(worker)
    site.emit(site.event("wf-1", "paused"), site.event("wf-1", "resumed"))
    users.set("worker", f"-{command}")
    before = site.keyspace()
    with contextlib.suppress(NotPermittedError):
        router.step(0)
    if command not in ("xadd", "hset"):
        site.route()
        before = site.keyspace()
    with contextlib.suppress(NotPermittedError):
        worker.step(0)
    changed = {key for key, value in site.keyspace().items() if before.get(key) != value}
    assert {key for key in changed if not key.endswith(b":meta")} == set()  # leases may have been renewed
    users.set("worker", f"+{command}")
    site.settle(worker)
    site.pass_ms(worker, 60_000)
    assert [record.event.type.rpartition(".")[2] for record in site.records("wf-1")] == ["started", "paused", "resumed"]
    assert worker.results["applied"] == 3
    for client in clients:
        client.close()
    site.close()


@pytest.mark.parametrize("binary", BINARIES, ids=["valkey", "redis"])
def test_the_file_can_be_loaded_as_it_is(binary: str, tmp_path: Path) -> None:
    everyone = "user default on nopass ~* &* +@all"
    (tmp_path / "users.acl").write_text(acl_file().replace("user default off ~* &* +@all", everyone))
    with running(binary, tmp_path, "--aclfile", str(tmp_path / "users.acl")) as server, server.client() as client:
        names = {name.decode() if isinstance(name, bytes) else name for name in client.acl_users()}
        assert names == {"default", *(f"longspan-{role}" for role in ROLES)}
        (tmp_path / "users.acl").write_text(acl_file())
        client.execute_command("ACL", "LOAD")
        with pytest.raises(redis.AuthenticationError), server.client() as anybody:
            anybody.ping()
        url = f"redis://longspan-api:API-PASSWORD@127.0.0.1:{server.port}"
        with connect(url) as api:
            assert len(Backlog(Keys(), 10).append(api, 2, 0, [{b"a": b"b"}])) == 1


def test_the_role_of_the_api_may_read_whatever_the_api_tells(
    own_server: Server, users: Users, prefix: str, tmp_path: Path
) -> None:
    site = Site(own_server.url, prefix, tmp_path)
    worker = site.worker(name_trace=name_trace)
    site.emit(site.event("wf-1", "started", data='{"label":"x"}'), site.event("wf-1", "unheard-of", type=""))
    site.settle(worker)
    trace = name_trace("wf-1", *_begin(site.journal("wf-1", 1)))
    with connect(users.url("api", own_server.port)) as api:
        labelled = (("label", "x"),)
        queries = [Query(), Query(state="running"), Query(overdue=True), Query(attributes=labelled)]
        queries += [Query(attributes=labelled, status="running"), Query(attributes=labelled, state="running")]
        for query in queries:
            page = find_page(api, site.keys, PARTITIONS, query, limit=5, cursor=None, now_ms=site.now_ms)
            assert [view.id for view in page.views] == ([] if query.overdue else ["wf-1"])
        assert find_by_trace(api, site.keys, PARTITIONS, trace) == [("wf-1", 1)]
        assert look_up(api, site.keys, PARTITIONS, "wf-1", 5)
        assert count_states(api, site.keys, PARTITIONS, site.now_ms).statuses == {("job", "running"): 1}
        assert survey(api, site.keys, range(PARTITIONS)).ingress == 0
        assert read_journal(api, site.keys, PARTITIONS, "wf-1")
        assert len(list_dead_letters(api, site.keys, PARTITIONS)) == 1
        assert read_positions(api, site.keys, range(PARTITIONS))
    site.close()


def _begin(journal: tuple[Header, list[Record]]) -> tuple[Header, Record]:
    return journal[0], journal[1][0]


@pytest.mark.parametrize("role", ROLES)
def test_no_role_may_touch_the_server_or_what_is_somebody_elses(
    own_server: Server, users: Users, prefix: str, role: str
) -> None:
    refused: list[Command] = [
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("CONFIG", "SET", "maxmemory", "1"),
        ("CONFIG", "GET", "requirepass"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("ACL", "LIST"),
        ("CLIENT", "KILL", "USER", "default"),
        ("CLIENT", "LIST"),
        ("MONITOR",),
        ("SHUTDOWN",),
        ("SCRIPT", "FLUSH"),
        ("FUNCTION", "FLUSH"),
        ("REPLICAOF", "NO", "ONE"),
        ("PUBLISH", "a", "b"),
        ("XADD", b"other:events", "*", "a", "b"),
        ("XADD", f"x{prefix}:events".encode(), "*", "a", "b"),
        ("GET", b"other"),
        ("SET", b"other", "x"),
        ("DEL", b"other"),
    ]
    with connect(users.url(role, own_server.port)) as client:
        assert allowed_of(client, refused) == []


def test_each_role_may_not_do_what_is_anothers(own_server: Server, users: Users, prefix: str) -> None:
    events, tag = f"{prefix}:events".encode(), f"{prefix}:{{0}}:".encode()
    write = [("XADD", tag + b"dead", "*", "a", "b"), ("SET", tag + b"workflow:a", "x"), ("DEL", events)]
    read = [("XREAD", "STREAMS", events, "0"), ("XLEN", events), ("XRANGE", events, "-", "+"), ("INFO",)]
    script = ("EVAL", "return redis.call('XADD', KEYS[1], '*', 'a', 'b')", 1, events)
    elsewhere = ("EVAL", "return redis.call('SET', KEYS[1], 'x')", 1, tag + b"workflow:a")
    refused = {
        "producer": [*read, *write, script, ("XADD", tag + b"events", "*", "a", "b"), ("XDEL", events, "1-0")],
        "poller": [*write, elsewhere, ("XDEL", events, "1-0"), ("HSET", tag + b"meta", "cursor", "0-0")],
        "api": [*write, elsewhere, ("XDEL", events, "1-0"), ("XTRIM", events, "MAXLEN", "0")],
        "exporter": [
            ("XADD", events, "*", "a", "b"),
            ("XADD", tag + b"events", "*", "a", "b"),
            ("SET", tag + b"workflow:a", "x"),
            ("HSET", tag + b"meta", "cursor", "0-0"),
            ("EVAL", "return redis.call('HSET', KEYS[1], 'cursor', '0-0')", 1, tag + b"meta"),
            ("EVAL", "return redis.call('RPUSH', KEYS[1], 'x')", 1, tag + b"outbox"),
        ],
    }
    for role, commands in refused.items():
        with connect(users.url(role, own_server.port)) as client:
            assert (role, allowed_of(client, commands)) == (role, [])


def allowed_of(client: Client, commands: Sequence[Command]) -> list[Command]:
    """The commands that are let through."""
    replies = client.call_all(commands, raise_on_error=False)
    return [
        command for command, reply in zip(commands, replies, strict=True) if not isinstance(reply, NotPermittedError)
    ]
