"""`longspan poll` as a process: killed, started again at another interval, asked how it is, and ended in order."""

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

from machines.instants import format_instant
from tests.longspan.polling.field import Field
from tests.longspan.processes import running
from tests.support.servers import free_port
from tests.support.system import tells
from tests.support.waiting import wait_for

NAMES = [f"wf-{number}" for number in range(6)]
WHOLE = ["submitted", "load_began", "load_ended", "sum_began", "sum_ended"]


def _settings(field: Field, **more: str) -> dict[str, str]:
    return {
        "LONGSPAN_REDIS_URL": field.site.url,
        "LONGSPAN_PREFIX": field.site.keys.prefix,
        "LONGSPAN_SOURCE_VARIABLES": "SYSTEM_URL",
        "LONGSPAN_LEASE": "1s",
        "SYSTEM_URL": field.system.url,
    } | more


@contextmanager
def _poller(field: Field, **more: str) -> "Iterator[Any]":
    document = str(field.folder / "stages-1.json")
    log = field.folder / "poll.log"
    with running("poll", "--machines", document, settings=_settings(field, **more), log=log) as process:
        yield process


def _tell(field: Field, begin_ns: int, seconds: list[int]) -> None:
    """Let the system have told so many instants of its story, `seconds` after the begin."""
    at = [format_instant(begin_ns + each * 10**9) for each in seconds]
    load = {"name": "load", "began": at[0]} | ({"ended": at[1]} if len(at) > 1 else {})
    total = [{"name": "sum", "began": at[2], "ended": at[3]}] if len(at) > 3 else []
    for name in NAMES:
        field.system.answers[f"/workflows/{name}"] = tells({"stages": [load, *total], "percent": len(at)})


def _times(field: Field, name: str) -> list[tuple[str, int]]:
    records = field.site.records(name)
    return [(record.event.type.rpartition(".")[2], record.event.time_ns) for record in records]


def test_pollers_that_are_killed_and_poll_at_other_intervals_leave_the_same_journals(field: Field) -> None:
    begin_ns = time.time_ns() // 10**9 * 10**9 - 3_600 * 10**9
    worker = field.worker()
    field.start(*NAMES)
    told = (([1], "100ms"), ([1, 3], "300ms"), ([1, 3, 3, 8], "150ms"))
    for count, (seconds, interval) in enumerate(told, 1):
        field.use(interval=interval)
        _tell(field, begin_ns, seconds)
        with _poller(field) as process:
            field.settled(worker, lambda: any(len(field.types(name)) >= 1 + len(seconds) for name in NAMES))  # noqa: B023  called within the turn of the loop
            if count < len(told):
                process.kill()
                process.wait()
            else:
                field.settled(worker, lambda: all(field.site.status(name) == "ok" for name in NAMES))
    expected = [begin_ns + each * 10**9 for each in (1, 3, 3, 8)]
    assert [_times(field, name)[1:] for name in NAMES] == [list(zip(WHOLE[1:], expected, strict=True))] * len(NAMES)


def test_a_poller_says_how_it_is_and_ends_in_order(field: Field) -> None:
    port = free_port()
    worker = field.worker()
    field.start("wf-1")
    with _poller(field, LONGSPAN_HEALTH=str(port)) as process:
        ready = f"http://127.0.0.1:{port}/readyz"
        body = field.settled(worker, lambda: _read(ready, "status-404", f"http://127.0.0.1:{port}/metrics"))
        assert 'longspan_polled_workflows{machine="stages"} 1.0' in body
        assert re.search(r'longspan_poll_answers_total\{machine="stages",result="failed"\} [1-9]', body)
        checks = {check["check"]: check["verdict"] for check in json.loads(_get(ready))["checks"]}
        assert checks == {
            "redis": "ok",
            "events": "ok",
            "partitions": "ok",
            "hosts": "ok",
            "workflows": "warn",
            "lists": "ok",
        }
        assert _get(f"http://127.0.0.1:{port}/livez") == "ok\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "stopped" in (field.folder / "poll.log").read_text()
    wait_for(lambda: not field.site.client.exists(field.site.keys.pollers))  # it has left, and nobody need wait


def _get(url: str) -> str:
    with urlopen(url, timeout=5) as response:  # noqa: S310  a port of our own
        text: str = response.read().decode()
        return text


def _read(ready: str, wanted: str, metrics: str) -> str:
    """The metrics, as soon as they tell of what is wanted and the poller is ready."""
    try:
        body = _get(metrics)
        return body if wanted in body and json.loads(_get(ready))["ready"] else ""
    except OSError:
        return ""
