"""Watching all workflows: whoever watches hears of every change that concerns the filters, also after being away."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

from api.live import Live
from api.turns import MOST_CHANGED
from api.watch_tokens import TokenError, decode_positions, encode_positions, positions_token
from streams.worker import Worker
from tests.streams.site import PARTITIONS, Site
from tests.support.api import make_service, served
from tests.support.event_stream import EventStreamClient
from tests.support.servers import VALKEY, running
from tests.support.waiting import wait_for


class Place:
    """A site, a worker, and the app of the site over HTTP."""

    def __init__(self, site: Site, url: str, worker: Worker, watching: Live) -> None:
        self.site, self.url, self.worker = site, url, worker
        self.watching = watching

    def happen(self, *events: tuple[str, str]) -> None:
        """Events (workflow, name), applied."""
        self.site.emit(*(self.site.event(*each) for each in events))
        self.site.settle(self.worker)

    def watch(self, query: str = "", last_id: str | None = None) -> EventStreamClient:
        """Watch, and be let in."""
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        return EventStreamClient(self.url, f"/watch{query}", headers)


@pytest.fixture
def place(site: Site) -> Iterator[Place]:
    """With one worker, and a heartbeat after 50 ms."""
    worker = site.worker()
    site.settle(worker)
    service = make_service(
        site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000, watchers=3, heartbeat_seconds=0.05
    )
    with served(service) as url:
        yield Place(site, url, worker, service.live)


def test_a_change_is_told_as_the_list_tells_it(place: Place) -> None:
    with place.watch() as stream:
        place.happen(("w", "started"))
        event = stream.next()
        (listed,) = httpx.get(f"{place.url}/workflows").json()["workflows"]
        assert (event.kind, event.data) == ("workflow", listed)


def test_the_answer_is_one_that_no_cache_or_proxy_keeps(place: Place) -> None:
    with place.watch() as stream:
        headers = stream.response.headers
        assert headers["Content-Type"].startswith("text/event-stream")
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")


def test_filters_choose_and_what_does_not_fit_any_more_is_removed_once(place: Place) -> None:
    with place.watch("?status=running&attr.label=x") as stream:
        started = place.site.event("w", "started", data='{"label":"x"}')
        place.site.emit(started, place.site.event("other", "started", data='{"label":"y"}'))
        place.site.settle(place.worker)
        told = [stream.next(), stream.next()]  # of the other nothing is known: it may have been listed
        assert {(each.kind, each.data["id"]) for each in told} == {("workflow", "w"), ("removed", "other")}
        place.happen(("other", "paused"), ("w", "finished"))
        event = stream.next()
        assert (event.kind, event.data) == ("removed", {"id": "w"})


def test_who_comes_back_is_told_what_changed_meanwhile(place: Place) -> None:
    with place.watch() as stream:
        place.happen(("w", "started"))
        last_id = stream.next().last_id
    place.happen(("w", "paused"), ("v", "started"))
    with place.watch(last_id=last_id) as stream:
        told = [stream.next(), stream.next()]
        assert {each.data["id"] for each in told} == {"v", "w"}
        last_id = told[-1].last_id
    with place.watch(f"?last_event_id={last_id}") as stream:
        place.happen(("v", "finished"))
        assert stream.next().data["status"] == "ok"


def test_the_list_says_from_where_to_watch(place: Place) -> None:
    place.happen(("w", "started"))
    link = httpx.get(f"{place.url}/workflows?status=running&limit=7").json()["links"]["watch"]
    place.happen(("w", "finished"))
    with EventStreamClient(place.url, link) as stream:
        event = stream.next()
        assert (event.kind, event.data) == ("removed", {"id": "w"})


def test_who_watches_before_there_ever_was_a_worker_misses_nothing(site: Site) -> None:
    service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
    with served(service) as url:
        link = httpx.get(f"{url}/workflows").json()["links"]["watch"]
        with EventStreamClient(url, link) as stream:
            site.emit(site.event("w", "started"))
            site.settle(site.worker())
            assert stream.next().data["id"] == "w"


def test_a_heartbeat_carries_how_far_everything_was_told(place: Place) -> None:
    with place.watch("?machine=none") as stream:
        place.happen(("w", "started"))
        assert stream.next().kind == "removed"
        place.happen(("w", "finished"))  # no news here
        site = place.site
        token = positions_token(site.client, site.keys, PARTITIONS)
        beats = iter(stream.block, {})
        assert any("" in beat and beat["id"] == token for beat in beats)


def test_who_was_away_too_long_or_has_a_token_from_elsewhere_is_told_to_load_the_list(place: Place) -> None:
    with place.watch() as stream:
        place.happen(("w", "started"))
        last_id = stream.next().last_id
    place.happen(("w", "paused"))
    for partition in range(PARTITIONS):
        place.site.client.delete(place.site.keys.of(partition).changes)
    for known in (last_id, encode_positions([b"1-1"] * (PARTITIONS + 1)), "rubbish"):
        with place.watch(last_id=known) as stream:
            assert stream.next().kind == "reset"
            assert decode_positions(stream.last_id)


def test_more_changes_than_can_be_told_are_one_reset(place: Place) -> None:
    with place.watch() as stream:
        many = msgspec.msgpack.encode([f"w-{number}" for number in range(MOST_CHANGED + 1)])
        place.site.client.call("XADD", place.site.keys.of(0).changes, "*", "w", many)
        assert stream.next().kind == "reset"


def test_lost_data_is_told(place: Place) -> None:
    with place.watch() as stream:
        place.happen(("w", "started"))
        stream.next()
        place.site.client.delete(*(place.site.keys.of(partition).changes for partition in range(PARTITIONS)))
        place.site.now_ms += 2_000
        assert stream.next().kind == "reset"


def test_what_becomes_overdue_is_told_when_it_is_although_nothing_happens(place: Place) -> None:
    place.happen(("w", "started"), ("w", "paused"))
    with place.watch("?overdue=true") as stream:
        place.site.now_ms += 3_600_000
        event = stream.next()
        assert (event.kind, event.data["overdue"]) == ("workflow", ["paused"])


def test_a_wrong_token_or_filter_in_the_query_is_a_problem_that_names_it(place: Place) -> None:
    for query, field in (("last_event_id=rubbish", "last_event_id"), ("stat=ok", "stat"), ("status=no", "status")):
        answer = httpx.get(f"{place.url}/watch?{query}")
        assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_one_watcher_too_many_is_told_to_come_back_later(place: Place) -> None:
    streams = [place.watch() for _ in range(3)]
    answer = httpx.get(f"{place.url}/watch")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    for stream in streams:
        stream.close()
    wait_for(lambda: place.watching.watching == 0)
    with place.watch() as stream:
        place.happen(("w", "started"))
        assert stream.next().kind == "workflow"


def test_redis_that_is_away_refuses_new_watchers_and_loses_nothing_for_the_others(prefix: str, tmp_path: Path) -> None:
    with running(VALKEY, tmp_path / "server") as server, closing(Site(server.url, prefix, tmp_path)) as site:
        worker = site.worker()
        site.settle(worker)
        service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
        with served(service) as url, EventStreamClient(url, "/watch") as stream:
            server.kill()
            answer = httpx.get(f"{url}/watch", timeout=20.0)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert service.live.watching == 1
            server.start()
            site.emit(site.event("w", "started"))
            site.settle(site.worker())
            site.pass_ms(worker, 0)
            assert stream.next().data["id"] == "w"


def test_head_watches_nothing(place: Place) -> None:
    assert httpx.head(f"{place.url}/watch").headers["Content-Type"].startswith("text/event-stream")
    assert place.watching.watching == 0


def test_a_token_is_text_of_positions_and_nothing_else_is() -> None:
    positions = [b"0-0", b"1795363200000-7", b"1795363200123-0", b"%d-%d" % (2**63 - 1, 5)]
    assert decode_positions(encode_positions(positions)) == positions
    assert decode_positions(encode_positions([])) == []
    for rubbish in ("", "rubbish", "é", "====", encode_positions(positions)[:-4], encode_positions(positions) * 2):
        with pytest.raises(TokenError):
            decode_positions(rubbish)
