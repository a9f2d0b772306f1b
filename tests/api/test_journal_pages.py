"""The journal over the API: in order, with reasons, and page by page."""

import pytest

from streams.client import Client
from streams.exchange import Command
from tests.streams.site import Site
from tests.support.api import AppClient, app_client, make_service


@pytest.fixture
def told(site: Site) -> Site:
    """A job with an applied, a rejected, a failing and a late event, that begins a second run."""
    worker = site.worker()
    site.emit(site.event("j", "started", id="a", data='{"label": "x", "n": 1.5}'))
    site.emit(site.event("j", "resumed", id="b"))
    site.emit(site.event("j", "failed", id="c", data='{"error": "disk full"}'))
    site.emit(site.event("j", "paused", id="d"))
    site.settle(worker)
    site.emit(site.event("j", "started", id="e"))
    site.settle(worker)
    return site


def test_every_event_is_there_with_what_it_did(told: Site, api: AppClient) -> None:
    journal = api.get("/workflows/j/events?run=1").json()
    assert (journal["workflow"], journal["run"], journal["machine"], journal["version"]) == ("j", 1, "job", 1)
    links = {"next": None, "watch": "/workflows/j/watch?last_event_id=1.4"}
    assert (journal["total"], journal["next"], journal["links"]) == (4, None, links)
    first, rejected, failed, late = journal["events"]
    assert first["entered"] == ["running"]
    assert first["data"] == {"label": "x", "n": 1.5}
    assert "reason" not in first
    assert [event["index"] for event in journal["events"]] == [1, 2, 3, 4]
    assert [event["result"] for event in journal["events"]] == ["applied", "rejected", "applied", "late"]
    assert rejected["reason"]
    assert (failed["left"], failed["entered"], failed["outcome"]) == (["running"], ["failed"], "error")
    assert late["id"] == "d"


def test_without_a_run_it_is_the_last_one(told: Site, api: AppClient) -> None:
    journal = api.get("/workflows/j/events").json()
    assert (journal["run"], [event["id"] for event in journal["events"]]) == (2, ["e"])


def test_pages_follow_each_other_by_the_link(told: Site, api: AppClient) -> None:
    first = api.get("/workflows/j/events?run=1&limit=3").json()
    assert (first["next"], first["links"]["next"]) == (3, "/workflows/j/events?run=1&limit=3&after=3")
    rest = api.get(first["links"]["next"]).json()
    assert [event["id"] for event in first["events"] + rest["events"]] == ["a", "b", "c", "d"]
    assert rest["next"] is None
    assert api.get("/workflows/j/events?run=1&after=99").json()["events"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/workflows/nobody/events", 404),
        ("/workflows/j/events?run=7", 404),
        ("/workflows/j/events?run=0", 400),
        ("/workflows/j/events?limit=5000", 400),
        ("/workflows/j/events?page=2", 400),
    ],
)
def test_what_is_not_there_or_wrong_is_a_problem(told: Site, api: AppClient, path: str, status: int) -> None:
    answer = api.get(path)
    assert answer.status_code == status
    assert answer.json()["status"] == status


class Counting(Client):
    """Counts the entries of lists that are read."""

    def __init__(self, inner: Client) -> None:
        super().__init__(inner.servers)
        self.entries = 0

    def call_all(self, commands: "object", *, raise_on_error: bool = True) -> "list[object]":
        asked: list[Command] = list(commands)  # type: ignore[call-overload]  # it is handed on as it came
        replies = super().call_all(asked, raise_on_error=raise_on_error)
        pairs = zip(asked, replies, strict=True)
        self.entries += sum(len(reply) for command, reply in pairs if command[0] == "LRANGE" and reply)
        return replies


def test_a_page_costs_the_same_however_long_the_journal_is(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("long", "started"))
    site.emit(*(site.event("long", "paused" if number % 2 == 0 else "resumed") for number in range(600)))
    site.settle(worker)
    counting: list[Counting] = []

    def connect() -> Client:
        counting.append(Counting(site.connect()))
        return counting[-1]

    with app_client(make_service(connect, site.keys, site.catalog, lambda: 0)) as api:
        page = api.get("/workflows/long/events?after=500&limit=10").json()
        assert (page["total"], page["events"][0]["index"], len(page["events"]), page["next"]) == (601, 501, 10, 510)
        api.get("/workflows/long")
    assert sum(client.entries for client in counting) == 10 + 1 + 2  # the page, its header, and how the run began


def test_a_page_of_large_events_is_short_and_the_next_goes_on(site: Site, api: AppClient) -> None:
    large = '{"blob": "%s"}' % ("x" * 250_000)
    for number in range(30):
        site.emit(site.event("big", "started" if not number else ("paused", "resumed")[number % 2 == 0], data=large))
    site.settle(site.worker())
    first = api.get("/workflows/big/events").json()
    assert 16 <= len(first["events"]) < 30
    rest = api.get(first["links"]["next"]).json()
    assert len(first["events"]) + len(rest["events"]) == 30
