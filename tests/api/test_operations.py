"""Probes of the API and its metrics: what they say while all is well, and while it is not."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import MOST_PLACES
from api.operations import STALLED_SECONDS
from api.reader import Reader
from machines.catalog import Catalog
from streams.client import connect
from streams.keys import Keys
from tests.streams.site import PARTITIONS, Site
from tests.support.api import AppClient, app_client, make_service

REFERENCE = Path(__file__).parents[2] / "docs" / "operations.md"


def metrics(text: str) -> dict[str, Metric]:
    """The metrics of Longspan, by name."""
    return {found.name: found for found in text_string_to_metric_families(text) if found.name.startswith("longspan_")}


def values(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and labels."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in metrics(text).values()
        for sample in family.samples
    }


@contextmanager
def fresh(site: Site) -> Iterator[AppClient]:
    """The app of the site, which has not looked at anything yet."""
    with app_client(make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)) as api:
        yield api


def ask(site: Site, path: str) -> httpx.Response:
    """The answer of an app that has not looked at anything yet."""
    with fresh(site) as api:
        return api.get(path)


def checks(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    """Findings by check."""
    return {check["check"]: check for check in answer.json()["checks"]}


def test_a_healthy_installation_is_ready_and_nothing_is_amiss(site: Site, api: AppClient) -> None:
    worker = site.worker()
    site.emit(site.event("w", "started"))
    site.settle(worker)
    for number in range(PARTITIONS):
        site.client.call("HSET", site.keys.of(number).exporter, "until", 9_000_000_000_000)
    assert (api.get("/livez").status_code, api.get("/livez").text) == (200, "ok\n")
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert {name: check["verdict"] for name, check in checks(ready).items()} == dict.fromkeys(
        ("redis", "workers", "lag", "exporters", "export"), "ok"
    )


def test_what_is_wrong_with_the_work_leaves_the_api_ready_and_is_told_with_its_remedy(site: Site) -> None:
    assert checks(ask(site, "/readyz"))["workers"]["detail"] == "none has ever started under this prefix"
    site.client.call("HSET", site.keys.layout, "partitions", PARTITIONS, "format", 1)
    seconds, _ = site.client.call("TIME")
    hour_ago = f"{(int(seconds) - 3_600) * 1_000}-0"
    site.client.call("XADD", site.keys.of(2).events, hour_ago, "e", "x")
    site.client.call("XADD", site.keys.of(1).outbox, hour_ago, "b", "x")
    site.client.call("HSET", site.keys.of(0).meta, "until", 9_000_000_000_000)
    ready = ask(site, "/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    found = checks(ready)
    late = [name for name, check in found.items() if check["verdict"] == "warn"]
    assert late == ["workers", "lag", "exporters", "export"]
    assert found["workers"]["detail"] == "no worker holds partitions 1, 2, 3"
    assert found["lag"]["detail"].startswith("1 events are not folded yet, the oldest for 1h")
    assert found["export"]["detail"].startswith("1 commits wait for the endpoint, the oldest for 1h")
    assert all(found[name]["remedy"] for name in late)


def test_without_redis_the_process_lives_is_not_ready_and_tells_what_it_knows_itself(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operations.ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        service = make_service(lambda: connect(url, timeout_seconds=0.5), Keys(prefix), Catalog([]), lambda: 0)
        with app_client(service) as api:
            ready = api.get("/readyz")
            assert (ready.status_code, ready.json()["ready"]) == (503, False)
            assert checks(ready)["redis"]["detail"] == "Redis does not answer within 0.2 s"
            assert api.get("/livez").status_code == 200
            told = values(api.get("/metrics").text)
    assert told["longspan_redis_up",] == 0
    assert ("longspan_http_requests_total", "GET", "/readyz", "503") in told
    assert not [name for name, *_ in told if name in ("longspan_workflows", "longspan_partitions_free")]


def test_redis_that_refuses_is_told_with_its_reason(prefix: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"redis://127.0.0.1:{gone.getsockname()[1]}"
    with app_client(make_service(lambda: connect(url), Keys(prefix), Catalog([]), lambda: 0)) as api:
        ready = api.get("/readyz")
    assert ready.status_code == 503
    assert checks(ready)["redis"]["detail"] == "Redis cannot be reached"


def test_a_process_in_which_requests_wait_and_none_ends_is_to_be_killed() -> None:
    async def watch(reader: Reader, hold: threading.Event) -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        waiting = asyncio.create_task(reader.run(lambda _: hold.wait(30)))
        await asyncio.sleep(0)
        stuck, apart = reader.stalled_seconds(loop.time() + STALLED_SECONDS), await reader.run_apart(lambda _: 1.0)
        hold.set()
        await waiting
        return stuck, apart, reader.stalled_seconds(loop.time() + STALLED_SECONDS)

    reader = Reader(lambda: connect("redis://127.0.0.1:1"), 1)
    stuck, apart, free = asyncio.run(watch(reader, threading.Event()))
    reader.close()
    assert stuck >= STALLED_SECONDS
    assert (apart, free) == (1.0, 0.0)


def test_the_metrics_count_workflows_by_machine_status_and_state(site: Site) -> None:
    worker = site.worker()
    site.emit(*(site.event(name, "started") for name in "abcd"), site.event("a", "paused"))
    site.emit(site.event("b", "finished"), site.event("c", "failed"))
    site.settle(worker)
    view = site.view("d")
    assert view
    entered_ns = view.snapshot.states["running"]
    site.now_ms = entered_ns // 1_000_000 + 90_000
    told = values(ask(site, "/metrics").text)
    assert told["longspan_info", "default", version("longspan")] == 1
    assert told["longspan_workflows", "job", "running"] == 2
    assert told["longspan_workflows", "job", "ok"] == told["longspan_workflows", "job", "error"] == 1
    assert told["longspan_open_workflows", "job", "running"] == told["longspan_open_workflows", "job", "paused"] == 1
    assert told["longspan_time_in_state_longest_seconds", "job", "running"] == 90
    assert [
        told["longspan_time_in_state_seconds_bucket", le, "job", "running"] for le in ("60.0", "300.0", "+Inf")
    ] == [
        0,
        1,
        1,
    ]
    assert (told["longspan_partitions_free", "worker"], told["longspan_partitions_free", "exporter"]) == (0, PARTITIONS)
    assert told["longspan_redis_up",] == 1


def test_requests_are_counted_by_route_and_events_by_what_became_of_them(site: Site) -> None:
    with fresh(site) as api:
        for path in ("/workflows/a", "/workflows/b%2Fc", "/nothing", "/workflows?limit=0"):
            api.get(path)
        api.request("BREW", "/livez")
        batch = [{"specversion": "1.0", "id": "1", "type": "com.example.job.started", "subject": "w"}, {"id": "2"}]
        content = {"Content-Type": "application/cloudevents-batch+json"}
        assert api.post("/events", json=batch, headers=content).status_code == 207
        told = values(api.get("/metrics").text)
    assert told["longspan_http_requests_total", "GET", "/workflows/{id}", "404"] == 2
    assert told["longspan_http_requests_total", "GET", "other", "404"] == 1
    assert told["longspan_http_requests_total", "other", "other", "405"] == 1
    assert told["longspan_http_requests_total", "GET", "/workflows", "400"] == 1
    assert told["longspan_http_request_duration_seconds_count", "GET", "/workflows/{id}"] == 2
    assert told["longspan_intake_events_total", "accepted"] == told["longspan_intake_events_total", "refused"] == 1
    assert told["longspan_watchers",] == 0


def test_more_machines_than_anybody_can_look_at_are_added_up(site: Site) -> None:
    site.settle(site.worker())
    keys = site.keys.of(0)
    for number in range(MOST_PLACES + 20):
        name = f"in:m{number:04}:s"
        site.client.call("SADD", keys.indexes, name)
        site.client.call("ZADD", keys.index(name.encode()), 1_000, "w")
    told = [(name, *rest) for name, *rest in values(ask(site, "/metrics").text) if name == "longspan_open_workflows"]
    assert len(told) == MOST_PLACES + 1
    assert values(ask(site, "/metrics").text)["longspan_open_workflows", "other", "other"] == 20


def test_several_scrapers_at_once_look_into_redis_once(site: Site) -> None:
    site.settle(site.worker())

    def looks() -> int:
        return int(site.client.call("INFO", "commandstats").partition(b"cmdstat_evalsha_ro:calls=")[2].split(b",")[0])

    with fresh(site) as api:
        api.get("/metrics")
        before = looks()
        for _ in range(3):
            api.get("/metrics")
        assert looks() - before <= 2 * PARTITIONS + 1  # a second may have passed meanwhile


def test_openmetrics_is_answered_to_who_asks_for_it(site: Site) -> None:
    site.emit(site.event("a", "started"))
    site.settle(site.worker())
    with fresh(site) as api:
        answer = api.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {found.name: found for found in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call]  # left untyped there
    assert families["longspan_time_in_state_seconds"].type == "gaugehistogram"


def test_the_reference_has_a_row_for_each_metric_of_the_api_and_for_no_other(site: Site) -> None:
    site.emit(site.event("a", "started"))
    site.settle(site.worker())
    section = (
        REFERENCE.read_text().partition("\n## Metrics\n")[2].partition("### Of the API\n")[2].partition("\n### ")[0]
    )
    rows = re.findall(r"^\| `(longspan_\w+)`(?: by [\w, ]+)? \| (\w+) \|", section, re.MULTILINE)
    with fresh(site) as api:
        api.get("/livez")
        text = api.get("/metrics").text
    shown = {(name + "_total" * (found.type == "counter"), found.type) for name, found in metrics(text).items()}
    assert set(rows) == shown


def test_what_fails_for_a_workflow_is_logged_with_its_id(
    site: Site, api: AppClient, caplog: pytest.LogCaptureFixture
) -> None:
    site.settle(site.worker())
    site.client.call("SET", site.of("a/b").workflow("a/b"), b"\x01rubbish")
    assert api.get("/workflows/a%2Fb").status_code == 500
    (told,) = [vars(record) for record in caplog.records if record.name == "api.app"]
    assert told["workflow_id"] == "a/b"
