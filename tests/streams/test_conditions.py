"""Pages whose filters are looked up in Redis are those that a look at every snapshot would give."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machines.changes import Changes, Limits
from machines.snapshot import Snapshot, Status
from machines.workflow import Workflow
from streams import candidates, choosing
from streams import query as queries
from streams.client import Client, connect
from streams.commit import Commit
from streams.committing import run_commits
from streams.filters import rank
from streams.indexed import index
from streams.indexes import LIST_LIMIT, VALUE_LIMIT
from streams.keys import Keys, partition_of
from streams.layout import settle_partitions
from streams.lease import claim
from streams.query import Query, find_page, fits
from streams.status import WorkflowView
from tests.support.servers import Server

PARTITIONS = 3
NOW_MS = 1_795_363_200_000
LONG = "x" * VALUE_LIMIT
TEXTS = ("a", "b", "a\0", "7", "", LONG, f"{LONG}a", f"{LONG}b")
STATUSES: tuple[Status, ...] = ("running", "running", "ok", "error")
ACTIVE = (
    ("one",),
    ("one", "one.left", "one.right"),
    ("one", "one.left", "one.right", "one.right.deep"),
    ("two", "two.one"),
    ("on",),
)
_MS = 1_000_000
_prefixes = count()

moments = st.integers(0, 6).map(lambda ms: (NOW_MS + ms) * _MS)
entries = st.integers(0, 1).map(lambda ms: (NOW_MS + ms) * _MS)
active = st.sampled_from(ACTIVE)
values = st.one_of(
    st.sampled_from(TEXTS),
    st.none(),
    st.just(7),
    st.lists(st.sampled_from(TEXTS), max_size=3),
    st.sampled_from(TEXTS).map(lambda text: ["of many"] * LIST_LIMIT + [text]),
)
queried = st.tuples(st.sampled_from(("label", "region")), st.sampled_from((*TEXTS, "of many")))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    status: Status = draw(st.sampled_from(STATUSES))
    return Snapshot(
        machine=draw(st.sampled_from(("m", "n", "m-n"))),
        version=1,
        run=1,
        status=status,
        started_ns=draw(moments) + draw(st.integers(0, 2)),
        states={path: draw(entries) for path in draw(active)} if status == "running" else {},
        attributes=draw(st.fixed_dictionaries({"label": values}, optional={"region": values})),
    )


asked = st.builds(
    Query,
    machine=st.sampled_from((None, None, "m", "m-n")),
    status=st.sampled_from((None, "running", "ok")),
    state=st.sampled_from((None, "one", "one.right", "two")),
    attributes=st.lists(queried, max_size=3).map(tuple),
    started_after_ns=st.none() | moments,
    started_before_ns=st.none() | moments,
)
bounds = st.fixed_dictionaries(
    {
        (choosing, "GATHER"): st.sampled_from((0, 3, 1_000)),
        (choosing, "CHECKED"): st.sampled_from((0, 16)),
        (queries, "EXAMINED"): st.sampled_from((1, 7, 2_000)),
        (queries, "UNFIT"): st.sampled_from((1, 500)),
        (candidates, "AT_ONCE"): st.sampled_from((1, 600)),
        (candidates, "LEAST"): st.sampled_from((1, 16)),
    }
)


@pytest.fixture(scope="module")
def redis(valkey_server: Server) -> Iterator[Client]:
    with connect(valkey_server.url) as client:
        yield client


def write(client: Client, keys: Keys, written: dict[str, Snapshot]) -> None:
    """Workflows as commits write them."""
    settle_partitions(client, keys, PARTITIONS)
    for partition in range(PARTITIONS):
        lease = claim(client, keys.of(partition), "writer", 60_000)
        assert lease is not None
        commit = Commit(keys.of(partition), lease)
        for name, snapshot in written.items():
            if partition_of(name, PARTITIONS) == partition:
                before, workflow = index(Workflow(name), Limits()), Workflow(name, snapshot)
                commit.add_workflow(workflow, Changes(), before, index(workflow, Limits()), NOW_MS)
        assert run_commits(client, [(partition, commit, lease.cursor, 0)]) == {partition: None}


def place(view: WorkflowView, query: Query) -> tuple[int, bytes]:
    ms = rank(view, query)
    assert ms is not None
    return ms, view.id.encode()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(snapshots(), min_size=4, max_size=24),
    st.lists(st.tuples(asked, bounds, st.sampled_from((1, 4, 50))), min_size=6, max_size=6),
)
def test_pages_are_what_a_look_at_every_snapshot_gives(
    redis: Client, told: list[Snapshot], questions: list[tuple[Query, dict[tuple[Any, str], int], int]]
) -> None:
    keys = Keys(f"conditions-{next(_prefixes)}")
    written = {f"w-{number}": snapshot for number, snapshot in enumerate(told)}
    write(redis, keys, written)
    views = [WorkflowView(name, partition_of(name, PARTITIONS), one) for name, one in written.items()]
    for query, limits, limit in questions:
        with pytest.MonkeyPatch.context() as patch:
            for (module, name), bound in limits.items():
                patch.setattr(module, name, bound)
            found, cursor = [], None
            while True:
                page = find_page(redis, keys, PARTITIONS, query, limit=limit, cursor=cursor, now_ms=NOW_MS)
                assert len(page.views) <= limit
                found += page.views
                cursor = page.next
                if cursor is None:
                    break
        wanted = [view for view in views if fits(view, query, NOW_MS)]
        assert found == sorted(wanted, key=lambda view: place(view, query), reverse=True)


def test_entries_that_no_condition_lets_pass_are_not_read_and_end_a_page(
    redis: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys(f"conditions-{next(_prefixes)}")
    write(
        redis,
        keys,
        {
            f"w-{number}": Snapshot(
                machine="m",
                version=1,
                run=1,
                status="running",
                started_ns=(NOW_MS + number) * _MS,
                states={"one": NOW_MS * _MS},
                attributes={"label": "a", "region": "b" if number % 50 else "rare"},
            )
            for number in range(300)
        },
    )
    monkeypatch.setattr(queries, "UNFIT", 1)  # one that is read and does not fit would end the page
    monkeypatch.setattr(candidates, "AT_ONCE", 30)
    rare = ["w-250", "w-200", "w-150", "w-100", "w-50", "w-0"]
    in_state = Query(attributes=(("region", "rare"), ("label", "a")), state="one")
    for gather in (1_000, 0):
        monkeypatch.setattr(choosing, "GATHER", gather)
        for query, ids in (
            (Query(attributes=(("region", "rare"), ("label", "a")), status="running"), rare),
            (Query(attributes=(("region", "b"), ("label", "a")), status="ok"), []),
            (Query(attributes=(("region", "even"), ("label", "odd"))), []),
            (in_state, sorted(rare, reverse=True)),
        ):
            page = find_page(redis, keys, PARTITIONS, query, limit=50, cursor=None, now_ms=NOW_MS)
            assert ([view.id for view in page.views], page.next) == (ids, None), query
    monkeypatch.setattr(queries, "EXAMINED", 60)
    page = find_page(redis, keys, PARTITIONS, in_state, limit=50, cursor=None, now_ms=NOW_MS)
    assert len(page.views) < len(rare), "60 of 300 entries were looked at"
    assert page.next is not None
