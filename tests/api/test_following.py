"""Watching one workflow: every event of its journal once, in order, however long one was away, and how it stands."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import msgspec
import pytest

from api.following import PAGE
from api.live import Live
from longspan.serving import Patience
from streams.worker import Worker
from tests.streams.site import Site
from tests.support.api import make_service, served
from tests.support.event_stream import Event, EventStreamClient
from tests.support.waiting import wait_for


class Path:
    """A site, a worker, and the app of the site over HTTP."""

    def __init__(self, site: Site, url: str, worker: Worker, live: Live) -> None:
        self.site, self.url, self.worker, self.live = site, url, worker, live

    def happen(self, subject: str, *names: str, **attributes: str) -> None:
        """Events of a workflow, applied."""
        self.site.emit(*(self.site.event(subject, name, **attributes) for name in names))
        self.site.settle(self.worker)

    def watch(self, subject: str, last_id: str | None = None) -> EventStreamClient:
        """Watch one workflow."""
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        return EventStreamClient(self.url, f"/workflows/{subject}/watch", headers)


@pytest.fixture
def path(site: Site) -> Iterator[Path]:
    """With one worker; a client that takes nothing for a second is given up."""
    worker = site.worker()
    site.settle(worker)
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with served(service, patience=Patience(stall=1.0)) as url:
        yield Path(site, url, worker, service.live)


def take_events(stream: EventStreamClient, count: int) -> list[Event]:
    """The next events of the journal, without how the workflow stands between them."""
    found: list[Event] = []
    while len(found) < count:
        event = stream.next()
        if event.kind != "workflow":
            found.append(event)
    return found


def test_it_begins_with_how_the_workflow_stands_and_goes_on_with_what_happens(path: Path) -> None:
    path.happen("w", "started")
    with path.watch("w") as stream:
        first = stream.next()
        assert (first.kind, first.data) == ("workflow", httpx.get(f"{path.url}/workflows/w").json())
        path.happen("w", "paused")
        event, after = stream.next(), stream.next()
        assert (event.kind, event.last_id, event.data["entered"]) == ("event", "1.2", ["paused"])
        assert (after.kind, list(after.data["states"])) == ("workflow", ["paused"])
    listed = httpx.get(f"{path.url}/workflows/w/events").json()["events"]
    assert event.data == listed[1]


def test_who_comes_back_gets_all_that_is_missing_however_much_it_is(path: Path) -> None:
    path.happen("w", "started", *("paused", "resumed") * PAGE)
    path.happen("w", "finished")
    with path.watch("w", "1.1") as stream:
        told = take_events(stream, 2 * PAGE + 1)
        assert [each.last_id for each in told] == [f"1.{index}" for index in range(2, 2 * PAGE + 3)]
        assert stream.next().data["status"] == "ok"


def test_large_events_go_out_in_pieces(path: Path) -> None:
    path.happen("w", "started", *("paused", "resumed") * 3, data=f'{{"error":"{"x" * 100_000}"}}')
    with EventStreamClient(path.url, "/workflows/w/watch?last_event_id=1.0") as stream:
        assert [each.last_id for each in take_events(stream, 7)] == [f"1.{index}" for index in range(1, 8)]


def test_one_that_is_not_there_yet_is_waited_for_and_so_is_its_next_run(path: Path) -> None:
    with path.watch("a%2Fb") as stream:
        path.happen("a/b", "started", "finished")
        path.happen("a/b", "started")
        assert [each.last_id for each in take_events(stream, 3)] == ["1.1", "1.2", "2.1"]


def test_who_comes_back_after_runs_that_began_meanwhile_gets_them_too(path: Path) -> None:
    path.happen("w", "started", "finished")
    path.happen("w", "started", "failed")
    path.happen("w", "started")
    with path.watch("w", "1.1") as stream:
        assert [each.last_id for each in take_events(stream, 4)] == ["1.2", "2.1", "2.2", "3.1"]


def test_a_journal_that_is_gone_or_shorter_is_a_reset_and_then_it_goes_on(path: Path) -> None:
    path.happen("w", "started")
    for known in ("1.7", "4.2"):
        with path.watch("w", known) as stream:
            assert [stream.next().kind for _ in range(2)] == ["reset", "workflow"]
            path.happen("w", "paused")
            (event,) = take_events(stream, 1)
            assert event.data["type"] == "com.example.job.paused"


def test_a_workflow_that_is_removed_is_told(path: Path) -> None:
    path.happen("w", "started")
    with path.watch("w") as stream:
        stream.next()
        path.site.client.delete(path.site.of("w").workflow("w"))
        path.site.client.delete(path.site.of("w").changes)
        path.site.now_ms += 2_000
        event = stream.next()
        assert (event.kind, event.data) == ("removed", {"id": "w"})


def test_how_it_stands_is_told_only_when_that_has_changed(path: Path) -> None:
    path.happen("w", "started")
    with path.watch("w", "1.0") as stream:
        assert [stream.next().kind for _ in range(2)] == ["event", "workflow"]
        changes = path.site.of("w").changes
        path.site.client.call("XADD", changes, "*", "w", msgspec.msgpack.encode(["w"]))
        path.happen("w", "paused")
        assert [stream.next().kind for _ in range(2)] == ["event", "workflow"]


def test_a_wrong_id_is_a_problem_that_names_it(path: Path) -> None:
    answer = httpx.get(f"{path.url}/workflows/w/watch?last_event_id=1.x")
    assert (answer.status_code, answer.json()["field"]) == (400, "last_event_id")
    answer = httpx.get(f"{path.url}/workflows/w/watch", headers={"Last-Event-ID": "1"})
    assert (answer.status_code, answer.json()["field"]) == (400, "Last-Event-ID")


def test_a_client_that_reads_nothing_is_given_up_and_slows_nobody(path: Path) -> None:
    path.happen("w", "started", *("paused", "resumed") * 20, data=f'{{"error":"{"x" * 200_000}"}}')
    with closing(path.watch("w", "1.0")), path.watch("w") as reading:
        path.happen("w", "finished")
        (event,) = take_events(reading, 1)
        assert event.data["outcome"] == "ok"
        wait_for(lambda: path.live.watching == 1, 20.0)


def test_streams_end_with_the_server(path: Path, site: Site) -> None:
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with served(service) as url:
        stream = EventStreamClient(url, "/workflows/w/watch")
    with closing(stream):
        assert stream.response.fp.read().endswith(b"\r\n0\r\n\r\n")  # the answer is whole: ended, not cut off
