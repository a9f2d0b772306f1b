"""Pages of workflows: every one that fits, once, in order, whatever happens between two pages."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from streams import choosing
from streams import query as queries
from streams.errors import CursorError
from streams.indexes import innermost
from streams.lookup import look_up
from streams.query import Page, Query, find_by_trace, find_page, fits
from streams.status import WorkflowView
from streams.worker import Worker
from tests.streams.indexing import assert_indexed, name_trace
from tests.streams.site import JOB, PARTITIONS, START_MS, Site
from tests.support.seeds import SEED

OTHER = JOB | {"machine": "other", "starts_on": ["com.example.other.started"]}
SECOND_NS = 1_000_000_000


def page(site: Site, limit: int = 50, cursor: str | None = None, **asked: object) -> Page:
    query = Query(**asked)  # type: ignore[arg-type]  # filters by name
    return find_page(site.client, site.keys, PARTITIONS, query, limit=limit, cursor=cursor, now_ms=site.now_ms)


def walk(
    site: Site, asked: Mapping[str, object], limit: int = 50, between: Callable[[], None] = lambda: None
) -> list[str]:
    """The ids on all pages; `between` is called behind each."""
    found: list[str] = []
    cursor = None
    while True:
        views, cursor, _ = page(site, limit, cursor, **asked)
        assert len(views) <= limit
        found += [view.id for view in views]
        if cursor is None:
            return found
        between()


def told(site: Site, **asked: object) -> list[str]:
    """The ids that `walk` must find, from every snapshot there is."""
    query = Query(**asked)  # type: ignore[arg-type]  # filters by name
    with site.still:
        keys = list(site.client.scan_iter(match=f"{site.keys.prefix}:*:workflow:*"))
    ids = {name.partition(b":workflow:")[2].decode() for name in keys}
    views = [view for name in ids if (view := site.view(name)) is not None and fits(view, query, site.now_ms)]
    return [view.id for view in sorted(views, key=lambda view: (rank(view, query), view.id.encode()), reverse=True)]


def rank(view: WorkflowView, query: Query) -> int:
    if query.state is None:
        return view.snapshot.started_ns // 1_000_000
    return max(ns // 1_000_000 for path, ns in innermost(view.snapshot.states).items() if path == query.state)


@dataclass
class Life:
    """Random events of some workflows, many of them in the same millisecond."""

    site: Site
    worker: Worker
    choose: random.Random
    sent: int = 0
    ids: list[str] = field(default_factory=lambda: [f"w-{number}" for number in range(30)])

    def go_on(self, count: int) -> None:
        """Send some events and let the worker fold them."""
        for _ in range(count):
            self.sent += 1
            second = self.sent // 8
            subject, name = (
                self.choose.choice(self.ids),
                self.choose.choice(["started", "paused", "resumed", "finished"]),
            )
            machine = "other" if subject.endswith("3") else "job"
            kind = f"com.example.{machine if name == 'started' else 'job'}.{name}"
            label = self.choose.choice(['"x"', '"y"', "7", "true", '["x","z"]', '"a\\u0000b"'])
            at = f"2026-11-22T16:{second // 60:02}:{second % 60:02}Z"
            self.site.emit(self.site.event(subject, name, type=kind, time=at, data=f'{{"label":{label}}}'))
        self.site.settle(self.worker)


@pytest.fixture
def life(valkey_site: Site) -> Life:
    site = valkey_site
    worker = site.worker(catalog=site.load(JOB, OTHER), name_trace=name_trace, retention_ms=1_000)
    return Life(site, worker, random.Random(SEED))


ASKED: list[dict[str, object]] = [
    {},
    {"machine": "other"},
    {"status": "running"},
    {"status": "waiting"},
    {"machine": "job", "status": "ok"},
    {"state": "running"},
    {"state": "paused", "machine": "job"},
    {"state": "paused", "status": "ok"},
    {"attributes": (("label", "x"),)},
    {"attributes": (("label", "7"),), "status": "running"},
    {"attributes": (("label", "a\0b"),)},
    {"attributes": (("label", "x"),), "state": "running"},
    {"attributes": (("label", "x"), ("nothing", "1"))},
    {
        "started_after_ns": START_MS * 1_000_000 + 5 * SECOND_NS,
        "started_before_ns": START_MS * 1_000_000 + 9 * SECOND_NS,
    },
    {"started_before_ns": START_MS * 1_000_000 + 9 * SECOND_NS, "state": "running"},
    {"attributes": (("label", "x"),), "started_after_ns": START_MS * 1_000_000 + 6 * SECOND_NS},
    {"overdue": True},
    {"overdue": True, "machine": "job"},
]


@pytest.mark.parametrize("gather", [0, 1_000])
def test_pages_hold_what_fits_once_and_in_order(life: Life, gather: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "GATHER", gather)
    some: set[int] = set()
    for _ in range(6):
        life.go_on(40)
        life.site.now_ms += 150_000
        for number, asked in enumerate(ASKED):
            wanted = told(life.site, **asked)
            assert walk(life.site, asked, life.choose.choice([1, 3, 50])) == wanted, asked
            some |= {number} if wanted else set()
    assert len(some) >= len(ASKED) - 3, "questions that find something"


def test_indexes_say_what_snapshots_say_until_the_end_and_are_gone_with_their_workflows(life: Life) -> None:
    for _ in range(6):
        life.go_on(40)
        assert_indexed(life.site)
    ended = walk(life.site, {"status": "ok"})
    life.site.deliver()
    for _ in range(3):
        life.site.pass_ms(life.worker, 700_000)
        life.site.deliver()
    assert_indexed(life.site)
    assert ended
    assert walk(life.site, {}) == [*walk(life.site, {"status": "running"}), *walk(life.site, {"status": "waiting"})]


def test_who_pages_while_workflows_change_sees_all_that_stayed_once(life: Life) -> None:
    life.go_on(120)
    before = {name: life.site.view(name) for name in told(life.site)}
    seen = walk(life.site, {}, 2, lambda: life.go_on(5))
    assert len(seen) == len(set(seen))
    stayed = [
        name
        for name, then in before.items()
        if then and (now := life.site.view(name)) and now.snapshot.started_ns == then.snapshot.started_ns
    ]
    assert len(stayed) > 10
    assert [name for name in seen if name in stayed] == stayed


def test_a_page_that_would_take_too_long_is_short_and_goes_on(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    life.go_on(120)
    monkeypatch.setattr(queries, "UNFIT", 3)
    monkeypatch.setattr(choosing, "GATHER", 0)
    assert told(life.site, state="running")
    views, cursor, _ = page(life.site, state="running", started_after_ns=2**62)
    assert views == []
    assert cursor is not None
    assert walk(life.site, {"state": "running", "started_after_ns": 2**62}) == []
    asked = {"state": "running", "attributes": (("label", "x"),)}
    assert walk(life.site, asked) == told(life.site, **asked)


def test_runs_are_found_by_their_trace(life: Life) -> None:
    life.go_on(120)
    for workflow_id in life.ids:
        view = life.site.view(workflow_id)
        for run in range(1, view.snapshot.run + 1 if view else 1):
            header, records = life.site.journal(workflow_id, run)
            assert (workflow_id, run) in find_by_trace(
                life.site.client, life.site.keys, PARTITIONS, name_trace(workflow_id, header, records[0])
            )
    assert find_by_trace(life.site.client, life.site.keys, PARTITIONS, "0" * 32) == []


def test_children_are_found_by_their_parent_newest_first(site: Site) -> None:
    worker = site.worker()
    site.emit(*(site.event(f"part-{number}", "started", parent="whole") for number in range(5)))
    site.emit(site.event("part-of-another", "started", parent="whole-2"))
    site.settle(worker)
    site.emit(site.event("whole", "started"), site.event("whole", "finished"), site.event("whole", "started"))
    site.settle(worker)
    found = look_up(site.client, site.keys, PARTITIONS, "whole", 4)
    assert found is not None
    assert found.children == ["part-4", "part-3", "part-2", "part-1"]
    assert found.view == site.view("whole")
    assert found.beginning == (site.journal("whole", 2)[0], site.journal("whole", 2)[1][0])
    part = look_up(site.client, site.keys, PARTITIONS, "part-1", 4)
    assert part is not None
    assert (part.children, part.beginning) == ([], (site.journal("part-1", 1)[0], site.journal("part-1", 1)[1][0]))
    assert look_up(site.client, site.keys, PARTITIONS, "nobody", 4) is None


@pytest.mark.parametrize("cursor", ["x", "", "AAAA", "kgHEAA", "!!!", "é", "k" * 3_000])
def test_a_cursor_that_no_page_gave_is_refused(valkey_site: Site, cursor: str) -> None:
    with pytest.raises(CursorError, match="begin without one"):
        page(valkey_site, cursor=cursor)


def test_pages_are_read_on_every_kind_of_server(site: Site) -> None:
    worker = site.worker(name_trace=name_trace)
    for number in range(12):
        site.emit(site.event(f"w-{number}", "started", data='{"label":"x"}'))
    site.settle(worker)
    site.emit(*(site.event(f"w-{number}", "finished") for number in range(4)))
    site.settle(worker)
    for asked in ({}, {"status": "running"}, {"state": "running"}, {"attributes": (("label", "x"),)}):
        assert walk(site, asked, 5) == told(site, **asked)
    assert_indexed(site)
