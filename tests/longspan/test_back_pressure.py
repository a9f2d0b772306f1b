"""A worker whose endpoint refuses, or whose Redis is full: it says so, loses nothing, and goes on by itself."""

import http.client
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from redis.exceptions import OutOfMemoryError

from longspan.receiver import Answer, ExportRequest, Receiver
from streams.keys import Keys, partition_of
from tests.journey.running import send
from tests.longspan.processes import children, running
from tests.support.servers import VALKEY, Server
from tests.support.servers import running as running_server
from tests.support.waiting import wait_for

PARTITIONS = 4
STEPS = ("submitted", "loading", "loaded", "calculating", "calculated", "writing", "written")
SPANS = 10  # of one workflow


class Refusing(Receiver):
    """Asks to try again later until `open` is set."""

    open = False

    def answer(self, request: ExportRequest) -> Answer:
        """503, or what is right."""
        return super().answer(request) if self.open else (503, {"Retry-After": "0"}, b"")


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    """An endpoint that is down, in a way."""
    with Refusing() as receiver:
        yield receiver


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that nobody else uses."""
    with running_server(VALKEY, tmp_path / "server") as server:
        yield server


class Watcher:
    """Asks a worker how it is. Its log says where it answers."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 while nobody answers."""
        told = re.search(r"metrics: http://127\.0\.0\.1:(\d+)/livez", self._log.read_text())
        if told is None:
            return 0, ""
        connection = http.client.HTTPConnection("127.0.0.1", int(told[1]), timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether the readiness probe succeeds."""
        return self.get("/readyz")[0] == 200

    def failing(self) -> set[str]:
        """The checks that keep it from being ready."""
        status, body = self.get("/readyz")
        found = (
            {check["check"] for check in json.loads(body)["checks"] if check["verdict"] == "fail"} if status else set()
        )
        assert bool(found) == (status == 503)
        return found

    def metric(self, name: str) -> dict[str, float]:
        """The values of a metric, by its one label."""
        return {
            next(iter(sample.labels.values()), ""): sample.value
            for family in text_string_to_metric_families(self.get("/metrics")[1])
            for sample in family.samples
            if sample.name == name
        }


def subjects(each: int, begin: int = 0) -> list[str]:
    """Workflow ids, as many of each partition; others from another `begin`."""
    found: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
    number = begin
    while any(len(ids) < each for ids in found.values()):
        ids = found[partition_of(f"wf-{number}", PARTITIONS)]
        if len(ids) < each:
            ids.append(f"wf-{number}")
        number += 1
    return [workflow_id for ids in found.values() for workflow_id in ids]


def events(workflow_ids: list[str]) -> list[dict[str, str]]:
    """The whole life of each workflow."""
    return [
        {"id": f"{workflow_id}-{step}", "type": f"com.example.risk.{step}", "subject": workflow_id}
        for workflow_id in workflow_ids
        for step in STEPS
    ]


def measurements(client: Redis) -> int:
    """How often something has been measured: a worker that measures turns."""
    return int(client.info("commandstats").get("cmdstat_zcount", {}).get("calls", 0))


def cursors(client: Redis, keys: Keys) -> list[Any]:
    return [client.hget(keys.of(number).meta, "cursor") for number in range(PARTITIONS)]


def assert_each_trace_came_once(receiver: Receiver, workflow_ids: list[str]) -> None:
    assert receiver.wait_until(lambda: len(receiver.spans) >= SPANS * len(workflow_ids), 30)
    assert Counter(span.attributes["workflow.id"] for span in receiver.spans) == dict.fromkeys(workflow_ids, SPANS)
    assert len({(span.trace_id, span.span_id) for span in receiver.spans}) == SPANS * len(workflow_ids)


def test_an_endpoint_that_is_down_for_long_stops_the_reading_and_nothing_is_lost(
    own_server: Server, prefix: str, refusing: Refusing, tmp_path: Path
) -> None:
    settings = {
        "LONGSPAN_REDIS_URL": own_server.url,
        "LONGSPAN_PREFIX": prefix,
        "LONGSPAN_PARTITIONS": str(PARTITIONS),
        "LONGSPAN_OUTBOX_LIMIT": str(3 * PARTITIONS),
        "LONGSPAN_HEALTH": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": refusing.endpoint,
    }
    keys, log = Keys(prefix), tmp_path / "log"
    first, second = subjects(3), subjects(5, 1_000)
    with own_server.client() as client, running("worker", settings=settings, log=log):
        watcher = Watcher(log)
        wait_for(lambda: watcher.is_ready())
        send(client, prefix, events(first))
        wait_for(lambda: len(watcher.metric("longspan_back_pressure")) == PARTITIONS)
        wait_for(lambda: set(watcher.metric("longspan_back_pressure").values()) == {1.0})
        assert watcher.failing() == {"outbox"}
        assert watcher.get("/livez")[0] == 200
        stood = cursors(client, keys)
        send(client, prefix, events(second))
        wait_for(
            lambda: (
                set(watcher.metric("longspan_partition_unread_entries").values()) == {5.0 * len(STEPS)}
                and not client.xlen(keys.events)
            )
        )
        turned = measurements(client)
        wait_for(lambda: measurements(client) >= turned + 3 * PARTITIONS)
        assert cursors(client, keys) == stood
        assert watcher.metric("longspan_events_total") == {"applied": float(len(first) * len(STEPS))}
        assert watcher.metric("longspan_waiting_traces") == dict.fromkeys(map(str, range(PARTITIONS)), 3.0)
        assert refusing.spans == []
        refusing.open = True
        assert_each_trace_came_once(refusing, first + second)
        wait_for(lambda: watcher.is_ready())
    lines = log.read_text()
    assert lines.count("traces wait for the endpoint in partitions") == 1
    assert lines.count("all partitions are read again after") >= 1
    assert "Traceback" not in lines


def test_a_full_redis_is_worked_off_and_takes_events_again_when_it_may(
    own_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    settings = {
        "LONGSPAN_REDIS_URL": own_server.url,
        "LONGSPAN_PREFIX": prefix,
        "LONGSPAN_PARTITIONS": str(PARTITIONS),
        "LONGSPAN_HEALTH": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
    }
    log, first, second = tmp_path / "log", subjects(2), subjects(2, 1_000)
    with own_server.client() as client, running("worker", settings=settings, log=log) as worker:
        watcher = Watcher(log)
        wait_for(lambda: watcher.is_ready())
        exporter = wait_for(lambda: next(iter(children(worker.pid)), 0))
        send(client, prefix, events(first))
        assert_each_trace_came_once(receiver, first)
        client.config_set("maxmemory", "1")
        with pytest.raises(OutOfMemoryError):
            send(client, prefix, events(second))
        wait_for(lambda: watcher.failing() >= {"memory"})
        assert watcher.metric("longspan_redis_memory_limit_bytes") == {"": 1.0}
        assert watcher.metric("longspan_partitions_held") == {"": float(PARTITIONS)}
        client.config_set("maxmemory", "0")
        wait_for(lambda: watcher.is_ready())
        send(client, prefix, events(second))  # some may have come in before: the same id changes nothing
        assert_each_trace_came_once(receiver, first + second)
        assert next(iter(children(worker.pid)), 0) == exporter
    assert "Traceback" not in log.read_text()


def test_a_redis_that_hangs_makes_a_worker_unready_and_not_dead(
    own_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    settings = {
        "LONGSPAN_REDIS_URL": own_server.url,
        "LONGSPAN_PREFIX": prefix,
        "LONGSPAN_HEALTH": "127.0.0.1:0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
    }
    log = tmp_path / "log"
    with running("worker", settings=settings, log=log):
        watcher = Watcher(log)
        wait_for(lambda: watcher.is_ready())
        own_server.kill()
        wait_for(lambda: "redis" in watcher.failing())
        assert watcher.get("/livez")[0] == 200
        assert watcher.metric("longspan_redis_up") == {"": 0.0}
        own_server.start()
        wait_for(lambda: watcher.is_ready(), 30)
        wait_for(lambda: watcher.metric("longspan_redis_up") == {"": 1.0})  # scrapes within a second share a look


def test_a_port_that_is_taken_is_told_in_one_line(settings: dict[str, str], receiver: Receiver, tmp_path: Path) -> None:
    taken = receiver.endpoint.rpartition(":")[2]
    with running("worker", settings=settings | {"LONGSPAN_HEALTH": taken}, log=tmp_path / "log") as worker:
        assert worker.wait(20) == 1
    lines = (tmp_path / "log").read_text()
    assert f"LONGSPAN_HEALTH: 127.0.0.1 port {taken} cannot be listened on: Address already in use" in lines
    assert "Traceback" not in lines
