"""Where workflows are now, as people and programs ask for it."""

import pytest

from machines.errors import SnapshotError
from streams.keys import partition_of
from streams.query import Query, find_page
from streams.schedule import Overdue, count_overdue, list_overdue
from streams.status import find_workflow, read_journal
from tests.streams.site import JOB, PARTITIONS, START_MS, Site

OTHER = JOB | {"machine": "other", "starts_on": ["com.example.other.started"]}


@pytest.fixture
def busy(site: Site) -> Site:
    """A site with workflows in every status: running, ended twice, waiting for a start, parked."""
    worker = site.worker(catalog=site.load(JOB, OTHER))
    site.emit(
        site.event("running", "started", data='{"label":"x"}'),
        site.event("ended", "started"),
        site.event("ended", "failed", data='{"error":"it broke"}'),
        site.event("ended", "started"),
        site.event("ended", "finished"),
        site.event("early", "paused"),
        site.event("parked", "begun", machine="nobody"),
        site.event("other", "started", type="com.example.other.started"),
    )
    site.settle(worker)
    return site


def ids(site: Site, now_ms: int = 0, limit: int = 50, **asked: object) -> list[str]:
    query = Query(**asked)  # type: ignore[arg-type]  # filters by name
    page = find_page(site.client, site.keys, PARTITIONS, query, limit=limit, cursor=None, now_ms=now_ms)
    return [view.id for view in page.views]


def test_every_workflow_is_listed_once_the_last_started_first(busy: Site) -> None:
    assert ids(busy) == ["other", "ended", "running", "parked", "early"]
    assert ids(busy, limit=2) == ["other", "ended"]


def test_filters_can_be_combined(busy: Site) -> None:
    assert sorted(ids(busy, status="waiting")) == ["early", "parked"]
    assert ids(busy, machine="other") == ["other"]
    assert ids(busy, machine="job", status="ok") == ["ended"]
    assert ids(busy, machine="nobody") == []


def test_what_is_overdue_is_found_whether_it_has_fired_or_not(site: Site) -> None:
    worker = site.worker()
    for subject in ("fired", "waits", "ahead"):
        site.emit(site.event(subject, "started"), site.event(subject, "paused"))
        site.settle(worker)
        site.now_ms += 60_000
    site.now_ms = START_MS + 605_000
    leases = worker._holdings.leases
    fired = partition_of("fired", PARTITIONS)
    worker._upkeep.step({fired: leases[fired]}, START_MS + 602_000)
    assert ids(site, START_MS + 605_000, overdue=True) == ["waits", "fired"]
    assert ids(site, START_MS + 603_000, overdue=True) == ["fired"]
    assert ids(site, START_MS, overdue=True) == []
    assert ids(site, START_MS + 605_000, overdue=True, machine="other") == []
    view = find_workflow(site.client, site.keys, PARTITIONS, "fired")
    assert view
    assert view.overdue(START_MS + 602_000) == {"paused": (START_MS + 602_000) * 1_000_000}
    assert view.overdue(START_MS + 601_999) == {}
    owned = [site.keys.of(number) for number in range(PARTITIONS)]
    assert count_overdue(site.client, owned, START_MS + 605_000) == 2
    assert list_overdue(site.client, owned, START_MS + 700_000, 2) == [
        Overdue(START_MS + 602_000, "fired", True),
        Overdue(START_MS + 604_000, "waits", False),
    ]
    site.settle(worker)
    site.pass_ms(worker, 600_000)
    assert ids(site, START_MS * 2, overdue=True) == []


def test_one_workflow_is_found_by_its_id(busy: Site) -> None:
    view = find_workflow(busy.client, busy.keys, PARTITIONS, "running")
    assert view
    assert (view.snapshot.machine, view.snapshot.attributes) == ("job", {"label": "x"})
    assert find_workflow(busy.client, busy.keys, PARTITIONS, "nobody") is None


def test_the_journal_of_the_last_run_or_of_any_other(busy: Site) -> None:
    def outcome(run: int | None) -> tuple[int, str | None]:
        journal = read_journal(busy.client, busy.keys, PARTITIONS, "ended", run)
        assert journal
        return journal[0].run, journal[1][-1].outcome

    assert outcome(None) == (2, "ok")
    assert outcome(1) == (1, "error")
    for subject, run in (("ended", 3), ("early", None), ("nobody", None)):
        assert read_journal(busy.client, busy.keys, PARTITIONS, subject, run) is None


def test_what_cannot_be_read_is_left_out_of_the_list_and_told_when_asked_for(busy: Site) -> None:
    busy.client.call("SET", busy.of("running").workflow("running"), b"\xfe")
    busy.client.delete(busy.of("other").workflow("other"))
    busy.client.call("ZADD", busy.keys.of(0).index(b"listed:ok:job"), 1, b"\xff rubbish")
    busy.client.call("SADD", busy.keys.of(0).indexes, b"listed:ok:job", b"rubbish", b"\xff")
    assert sorted(ids(busy)) == ["early", "ended", "parked"]
    with pytest.raises(SnapshotError, match="format 254"):
        find_workflow(busy.client, busy.keys, PARTITIONS, "running")
