"""Where workflows are now, as people and programs ask for it."""

import pytest

from machines.errors import SnapshotError
from streams.status import find_workflow, list_workflows, read_journal
from tests.streams.site import JOB, PARTITIONS, Site

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


def ids(site: Site, **filters: object) -> list[str]:
    found = list_workflows(site.client, site.keys, PARTITIONS, **filters)  # type: ignore[arg-type]  # filters by name
    return [view.id for view in found]


def test_every_workflow_is_listed_once_the_last_changed_first(busy: Site) -> None:
    assert ids(busy)[:3] == ["other", "ended", "running"]
    assert sorted(ids(busy)) == ["early", "ended", "other", "parked", "running"]
    assert ids(busy, limit=2) == ["other", "ended"]


def test_filters_can_be_combined(busy: Site) -> None:
    assert sorted(ids(busy, status="waiting")) == ["early", "parked"]
    assert ids(busy, machine="other") == ["other"]
    assert ids(busy, machine="job", status="ok") == ["ended"]
    assert ids(busy, machine="nobody") == []


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
    busy.client.call("ZADD", busy.keys.of(0).ended, 1, b"\xff rubbish")
    assert sorted(ids(busy)) == ["early", "ended", "parked"]
    with pytest.raises(SnapshotError, match="format 254"):
        find_workflow(busy.client, busy.keys, PARTITIONS, "running")
